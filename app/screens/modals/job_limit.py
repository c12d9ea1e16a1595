"""Takes how many jobs may work at once."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Button, Input, Label, Static

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.job_views import JobQueueView
from foredeck.services.domain.jobs import MOST_AT_ONCE


def read_limit(text: str) -> int | None:
    """Return the limit that was typed, None for that of the settings; raises `InvalidInput`."""
    if not text.strip():
        return None
    try:
        limit = int(text)
    except ValueError:
        limit = 0
    if not 1 <= limit <= MOST_AT_ONCE:
        raise InvalidInput(f"Write a whole number from 1 to {MOST_AT_ONCE}, or nothing.")
    return limit


class JobLimitDialog(Dialog[tuple[int | None]]):
    """Answers with the limit in a tuple: what is in it may be None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s,ctrl+enter", "save", "Save")]

    def __init__(self, queue: JobQueueView) -> None:
        super().__init__("How many jobs may work at once")
        self._queue = queue

    def compose_body(self) -> ComposeResult:
        queue = self._queue
        about = (
            f"{queue.working} work and {queue.queued} wait just now. What works goes on, whatever "
            "the limit becomes."
        )
        yield Static(about, classes="dialog-paragraph", markup=False)
        yield Label(
            f"At once, from 1 to {MOST_AT_ONCE}; empty: as the setting job_limit says",
            classes="field",
        )
        yield Input(str(queue.limit), id="limit")
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
        """Answer with what was typed, unless it is no limit."""
        try:
            self.dismiss((read_limit(self.query_one(Input).value),))
        except InvalidInput as error:
            self.query_one("#dialog-error", Static).update(str(error))
