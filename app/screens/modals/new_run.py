"""The dialog that starts a run: where, what, and how the stages work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Select, Static, TextArea

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.records import Mode
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import ProjectRow, RunRow
from foredeck.services.host.commands import CreateProject, CreateRun
from foredeck.services.host.interface import Host

NEW_PROJECT = ""

_MODES = (
    ("Auto: agents when a key is configured, else codex directly", Mode.AUTO),
    ("Agent: each stage is an agent that directs codex", Mode.AGENT),
    ("Direct: each stage's prompt goes straight to codex", Mode.DIRECT),
)


@dataclass(slots=True)
class Draft:
    """What was typed so far; kept when the dialog closes, so that nothing is lost.

    `project` is an id, or `NEW_PROJECT`.
    """

    project: str = NEW_PROJECT
    name: str = ""
    workspace: str = ""
    request: str = ""
    mode: Mode = Mode.AUTO


def check(draft: Draft) -> tuple[str, str] | None:
    """Return the first mistake as (id of the field, sentence), or None."""
    if draft.project == NEW_PROJECT and not draft.name.strip():
        return "name", "Give the new project a name."
    if not draft.request.strip():
        return "request", "Write what is to be built or changed."
    return None


class NewRunDialog(Dialog[RunRow]):
    """Creates the run itself and answers with it; errors are shown here, nothing is lost."""

    # Without priority: a key that overtook the letters before it would lose the last of them.
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s,ctrl+enter", "start", "Start")]

    def __init__(self, host: Host, projects: tuple[ProjectRow, ...], draft: Draft) -> None:
        super().__init__("New run")
        self._host = host
        self._projects = projects
        self._draft = draft
        known = {project.id for project in projects}
        if draft.project not in known:
            draft.project = projects[0].id if projects and not draft.name else NEW_PROJECT
        self._busy = False
        self._typed_in: Widget | None = None

    def compose_body(self) -> ComposeResult:
        draft = self._draft
        yield Label("Project", classes="field")
        yield Select(
            self._choices(), value=draft.project, allow_blank=False, id="project", compact=True
        )
        with Vertical(id="new-project"):
            yield Label("Name of the new project", classes="field")
            yield Input(draft.name, placeholder="url-shortener", id="name")
            yield Label("Workspace", classes="field")
            yield Input(
                draft.workspace,
                placeholder="an existing directory, or empty for a new one",
                id="workspace",
            )
        yield Label("Request", classes="field")
        yield TextArea(
            draft.request,
            id="request",
            tab_behavior="focus",
            placeholder="What is to be built or changed, in your own words.",
        )
        yield Label("Mode", classes="field")
        yield Select(_MODES, value=draft.mode, allow_blank=False, id="mode", compact=True)
        yield Static("", id="dialog-error", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(" Start (ctrl+s) ", variant="primary", id="start", compact=True)
            yield Button(" Back (esc) ", id="back", compact=True)

    def on_mount(self) -> None:
        self._show_new_project()
        new = self._draft.project == NEW_PROJECT and not self._draft.name
        self.query_one("#name" if new else "#request").focus()

    def _choices(self) -> list[tuple[Text, str]]:
        known = [(Text(safe_line(p.name, limit=60)), p.id) for p in self._projects]
        return [*known, (Text("New project…"), NEW_PROJECT)]

    @on(Select.Changed, "#project")
    def _project_changed(self) -> None:
        self._keep()
        self._show_new_project()

    def _show_new_project(self) -> None:
        self.query_one("#new-project").display = self._draft.project == NEW_PROJECT

    @on(Input.Submitted)
    def _next_field(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    @on(Button.Pressed, "#start")
    def _start_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_start()

    @on(Button.Pressed, "#back")
    def _back_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_give_up()

    def action_give_up(self) -> None:
        if not self._busy:
            self._keep()
            self.dismiss(None)

    def action_start(self) -> None:
        if self._busy:
            return
        self._keep()
        mistake = check(self._draft)
        if mistake:
            self._complain(mistake[1])
            self.query_one(f"#{mistake[0]}").focus()
            return
        self._set_busy(True)
        self.run_worker(self._create(), group="create", exit_on_error=False)

    async def _create(self) -> None:
        try:
            run = await self._create_run()
        except ForedeckError as error:
            self._complain(str(error))
        except Exception:
            self._complain("The run could not be started because of an unexpected error.")
            raise
        else:
            self.dismiss(run)
        finally:
            self._set_busy(False)

    async def _create_run(self) -> RunRow:
        draft = self._draft
        if draft.project == NEW_PROJECT:
            workspace = draft.workspace.strip() or None
            project = await self._host.do(CreateProject(draft.name.strip(), workspace))
            self._adopt(project)
        return await self._host.do(CreateRun(draft.project, draft.request.strip(), mode=draft.mode))

    def _adopt(self, project: ProjectRow) -> None:
        """Choose the project just made: should the run fail, it must not be made twice."""
        self._projects = (project, *self._projects)
        draft = self._draft
        draft.project, draft.name, draft.workspace = project.id, "", ""
        select = self.query_one("#project", Select)
        with self.prevent(Select.Changed):
            select.set_options(self._choices())
            select.value = project.id
        self._show_new_project()

    def _keep(self) -> None:
        draft = self._draft
        draft.project = str(self.query_one("#project", Select).value)
        draft.name = self.query_one("#name", Input).value
        draft.workspace = self.query_one("#workspace", Input).value
        draft.request = self.query_one("#request", TextArea).text
        draft.mode = Mode(str(self.query_one("#mode", Select).value))

    def _set_busy(self, busy: bool) -> None:
        """Lock the fields while the host works; they lose the focus by that, and get it back."""
        self._busy = busy
        if not self.is_attached:
            return
        if busy:
            self._typed_in = self.focused
        for field in self.query("Select, Input, TextArea, Button"):
            field.disabled = busy
        if busy:
            self._complain("Starting…")
        elif self.is_current and self._typed_in is not None:
            self._typed_in.focus()

    def _complain(self, sentence: str) -> None:
        error = self.query_one("#dialog-error", Static)
        error.update(safe_text(sentence))
        error.set_class(sentence == "Starting…", "-busy")
