"""The dialogs about reports: in which format one is made, and where a copy is saved."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.types import CSSPathType
from textual.widgets import Button, Input, Label, Static

from foredeck.app.screens.modals.confirm import ChoiceDialog, button
from foredeck.app.screens.modals.dialog import Dialog
from foredeck.services.domain.errors import Conflict, ForedeckError, InvalidInput
from foredeck.services.domain.reports import ReportFormat, ReportRow, file_name
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import Preview

_STYLES: CSSPathType = ["../../../styles/dialogs.tcss", "../../../styles/report_dialogs.tcss"]
_ABOUT = (
    "HTML: one file for a browser, with the graph, the transcript and the changes folded.",
    "PDF: to print and to send.",
    "JSON: for programs; its form has a version.",
    "It tells how the run stands now. Known secrets are left out.",
)


class FormatDialog(ChoiceDialog[ReportFormat | None]):
    """Answers with a format, or with None."""

    CSS_PATH: ClassVar[CSSPathType | None] = _STYLES
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h", "answer('html')", "HTML", show=False),
        Binding("p", "answer('pdf')", "PDF", show=False),
        Binding("j", "answer('json')", "JSON", show=False),
    ]
    GIVEN_UP = None

    def __init__(self, title: str) -> None:
        super().__init__(Preview(f"Report about “{safe_line(title, limit=50)}” as", _ABOUT))

    def compose_buttons(self) -> ComposeResult:
        yield button("h", "HTML", "html", "primary")
        yield button("p", "PDF", "pdf", "primary")
        yield button("j", "JSON", "json", "primary")
        yield button("esc", "Back", "back")

    def on_mount(self) -> None:
        self.query_one("#html").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "back":
            self.action_give_up()
        else:
            self.action_answer(event.button.id or "")

    def action_answer(self, answer: str) -> None:
        self.dismiss(ReportFormat(answer))


class SaveDialog(Dialog[Path]):
    """Copies the file itself and answers with the place; errors are shown here."""

    CSS_PATH: ClassVar[CSSPathType | None] = _STYLES
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s,ctrl+enter", "save", "Save")]

    def __init__(self, row: ReportRow) -> None:
        super().__init__("Save a copy of the report")
        self._row = row
        self._busy = False

    def compose_body(self) -> ComposeResult:
        yield Label("Where: a file that is not there yet, or a folder", classes="field")
        yield Input(str(Path.cwd() / file_name(self._row)), id="place")
        yield Static("", id="dialog-error", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(" Save (enter) ", variant="primary", id="save", compact=True)
            yield Button(" Back (esc) ", id="back", compact=True)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_save()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        (self.action_save if event.button.id == "save" else self.action_give_up)()

    def action_save(self) -> None:
        """Copy the file to the place that was typed."""
        if not self._busy:
            self._busy = True
            self.run_worker(self._save(), exit_on_error=False)

    async def _save(self) -> None:
        try:
            place = self.query_one(Input).value.strip()
            saved = await asyncio.to_thread(save_copy, self._row, place)
        except ForedeckError as error:
            self.query_one("#dialog-error", Static).update(safe_text(str(error)))
        else:
            self.dismiss(saved)
        finally:
            self._busy = False


def save_copy(row: ReportRow, place: str) -> Path:
    """Copy the file of a report to a place where nothing is yet; a folder takes its name.

    Only the user may read the copy (SPEC R6). Raises `InvalidInput` and `Conflict`.
    """
    if not place or "\0" in place:
        raise InvalidInput("Write the path of a file.")
    target = Path.cwd() / Path(place).expanduser()
    if target.is_dir():
        target /= file_name(row)
    try:
        with Path(row.path).open("rb") as source:
            place_at = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(place_at, "wb") as copy:
                shutil.copyfileobj(source, copy)
    except FileExistsError:
        raise Conflict(f"There is a file already: {target}", "Choose another name.") from None
    except OSError as error:
        what = error.strerror or "unknown error"
        raise Conflict(f"The copy could not be written ({what}): {target}") from None
    return target
