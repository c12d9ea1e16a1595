"""The files that a project was given: listed, added, deleted."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.dialog import Dialog
from foredeck.services.domain.amounts import size
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.records import ProjectFile
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import Page, Preview
from foredeck.services.host.commands import AddProjectFile, DeleteProjectFile
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import ListProjectFiles

_SHOWN = 200
_NAME_WIDTH = 44


class FilesDialog(Dialog[None]):
    """Stays open until the person leaves it; errors are shown here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "add", "Add"),
        Binding("delete", "delete", "Delete"),
        # The fields keep the delete key for themselves.
        Binding("ctrl+d", "delete", "Delete", priority=True),
    ]

    def __init__(self, host: Host, project_id: str, project_name: str) -> None:
        super().__init__(f"Files of {safe_line(project_name)}")
        self._host = host
        self._project_id = project_id
        self._files: dict[str, ProjectFile] = {}

    def compose_body(self) -> ComposeResult:
        yield OptionList(id="files", markup=False)
        yield Label("A file of this machine to copy into the workspace", classes="field")
        yield Input(placeholder="/path/to/file", id="source")
        yield Label("Its name there (empty: its own)", classes="field")
        yield Input(placeholder="docs/file", id="name")
        yield Static("", id="dialog-error", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(" Add (ctrl+s) ", variant="primary", id="add", compact=True)
            yield Button(" Delete (ctrl+d) ", id="remove", compact=True)
            yield Button(" Back (esc) ", id="back", compact=True)

    def on_mount(self) -> None:
        self.query_one("#source").focus()
        self._work(self._list())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next() if event.input.id == "source" else self.action_add()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        actions = {"add": self.action_add, "remove": self.action_delete}
        actions.get(event.button.id or "", self.action_give_up)()

    def action_add(self) -> None:
        """Give the project the file that was named."""
        source = self.query_one("#source", Input).value.strip()
        if not source:
            self._say("Which file? Write its path.")
            return
        path = str(Path.cwd() / Path(source).expanduser())
        name = self.query_one("#name", Input).value.strip()
        self._work(self._add(AddProjectFile(self._project_id, path, name)))

    def action_delete(self) -> None:
        """Delete the file under the cursor, after a yes."""
        listed = self.query_one("#files", OptionList)
        if listed.highlighted is None or not self._files:
            self._say("Choose a file in the list first.")
            return
        chosen = listed.get_option_at_index(listed.highlighted).id
        self._work(self._delete(self._files[chosen or ""]))

    async def _add(self, command: AddProjectFile) -> None:
        added = await self._host.do(command)
        for field in self.query(Input):
            field.value = ""
        await self._list()
        self._say(f"Added: {added.name}")

    async def _delete(self, file: ProjectFile) -> None:
        preview = Preview(
            f"Delete {file.name}?",
            ("Its record goes, and its copy in the workspace unless that was changed since.",),
        )
        if await self.app.push_screen_wait(ConfirmDialog(preview, yes="Delete", no="Keep it")):
            removed = await self._host.do(DeleteProjectFile(self._project_id, file.id))
            await self._list()
            kept = f"; its copy stays: {removed.copy_kept}" if removed.copy_kept else ""
            self._say(f"Deleted: {file.name}{kept}")

    async def _list(self) -> None:
        page = await self._host.ask(ListProjectFiles(self._project_id, limit=_SHOWN))
        self._files = {file.id: file for file in page.items}
        listed = self.query_one("#files", OptionList)
        listed.clear_options()
        listed.add_options(_options(page))
        listed.highlighted = 0 if page.items else None

    def _work(self, work: Awaitable[None]) -> None:
        self.run_worker(self._guarded(work), group="files", exit_on_error=False)

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except ForedeckError as error:
            self._say(str(error))

    def _say(self, sentence: str) -> None:
        if self.is_attached:
            self.query_one("#dialog-error", Static).update(safe_text(sentence))


def _options(page: Page[ProjectFile]) -> list[Option]:
    if not page.items:
        return [Option(Content("No files yet: name one below."), disabled=True)]
    return [Option(_line(file), id=file.id) for file in page.items]


def _line(file: ProjectFile) -> Content:
    name = safe_line(file.name, limit=_NAME_WIDTH)
    where = "" if file.placed else "  not in the workspace"
    return Content(f"{name:<{_NAME_WIDTH}} {size(file.size):>12}{where}")
