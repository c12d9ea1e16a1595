"""The dialog about what a project decides for its runs; what is left open is as everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Select, Static

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.records import ApprovalPolicy, Sandbox
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import ProjectSettingRow, ProjectSettingsView
from foredeck.services.host.commands import ChangeProjectSettings
from foredeck.services.host.interface import Host

_CHOICES: dict[str, tuple[str, ...]] = {
    "sandbox": tuple(Sandbox),
    "approval_policy": tuple(ApprovalPolicy),
}
_LABELS = {
    "model": "Model of codex and the agents",
    "sandbox": "What codex lets its commands touch",
    "approval_policy": "When codex wants to do more than that",
    "verify": "Command that the Builder's work must pass",
    "budget_tokens": "Budget of the project in tokens",
    "budget_cost": "Budget of the project in US dollars",
}
_LONGEST = 50


class ProjectSettingsDialog(Dialog[ProjectSettingsView]):
    """Saves itself and answers with what holds then; errors are shown here, nothing is lost."""

    # Without priority: a key that overtook the letters before it would lose the last of them.
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s,ctrl+enter", "save", "Save")]

    def __init__(self, host: Host, view: ProjectSettingsView) -> None:
        super().__init__(f"Settings of {safe_line(view.project.name, limit=_LONGEST)}")
        self._host = host
        self._view = view
        self._rows = {row.name: row for row in view.settings if row.name in _LABELS}
        self._busy = False

    def compose_body(self) -> ComposeResult:
        for name, label in _LABELS.items():
            yield Label(label, classes="field")
            yield self._field(self._rows[name])
        yield Static(self._beside(), id="beside", markup=False)
        yield Static("", id="dialog-error", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(" Save (ctrl+s) ", variant="primary", id="save", compact=True)
            yield Button(" Back (esc) ", id="back", compact=True)

    def on_mount(self) -> None:
        self.query_one("#model").focus()

    def _field(self, row: ProjectSettingRow) -> Widget:
        everywhere = "" if row.origin == "project" else safe_line(row.value, limit=_LONGEST)
        hint = f"as everywhere: {everywhere}" if everywhere else "as everywhere"
        if choices := _CHOICES.get(row.name):
            options = [(Text(hint), ""), *((Text(choice), choice) for choice in choices)]
            own = _own(row)
            return Select(options, value=own, allow_blank=False, id=row.name, compact=True)
        return Input(_own(row), placeholder=hint, id=row.name)

    def _beside(self) -> str:
        """Say what else the project decides, which has commands of its own."""
        variables, servers = len(self._view.environment), len(self._view.mcp_servers)
        return f"Variables: {variables}, tool servers: {servers} (foredeck projects env, mcp)"

    @on(Input.Submitted)
    def _next_field(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "save":
            self.action_save()
        else:
            self.action_give_up()

    def action_give_up(self) -> None:
        if not self._busy:
            self.dismiss(None)

    def action_save(self) -> None:
        """Save what was changed; without a change there is nothing to do."""
        changes = dict(self._changes())
        if not changes:
            self.action_give_up()
        elif not self._busy:
            self._busy = True
            self.run_worker(self._save(changes), group="save", exit_on_error=False)

    def _changes(self) -> Iterator[tuple[str, str | None]]:
        for name, row in self._rows.items():
            field = self.query_one(f"#{name}")
            value = str(field.value) if isinstance(field, (Input, Select)) else ""
            if value.strip() != _own(row):
                yield name, value.strip() or None

    async def _save(self, changes: dict[str, str | None]) -> None:
        try:
            view = await self._host.do(ChangeProjectSettings(self._view.project.id, changes))
        except ForedeckError as error:
            self._complain(str(error))
        else:
            self.dismiss(view)
        finally:
            self._busy = False

    def _complain(self, sentence: str) -> None:
        if self.is_attached:
            self.query_one("#dialog-error", Static).update(safe_text(sentence))


def _own(row: ProjectSettingRow) -> str:
    return row.value if row.origin == "project" else ""
