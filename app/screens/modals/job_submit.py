"""The dialog that submits a command as a job; what is wrong stands beside the fields."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Button, Input, Select, Static, TextArea

from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.dialog import Dialog
from foredeck.app.screens.modals.fields import FormField, select
from foredeck.services.domain.errors import CommandUnconfirmed, ForedeckError, InvalidInput
from foredeck.services.domain.job_views import JobRow
from foredeck.services.domain.jobs import JobWish, Priority, check
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import Preview, ProjectRow
from foredeck.services.host.commands import SubmitJob
from foredeck.services.host.interface import Host

NO_PROJECT = ""
_PRIORITIES = [(priority.value.capitalize(), priority.value) for priority in reversed(Priority)]
_STARTS = [("When its turn comes", False), ("Held, until x executes it", True)]
# Stand in for the fields that are not being checked.
_SOME_NAME, _SOME_COMMAND = "a name", "true"


@dataclass(slots=True)
class JobDraft:
    """What was typed so far; `project` is an id, or `NO_PROJECT`, `timeout` seconds as typed."""

    project: str = NO_PROJECT
    name: str = ""
    command: str = ""
    priority: Priority = Priority.NORMAL
    timeout: str = ""
    hold: bool = False


def read_timeout(text: str) -> float | None:
    """Return the seconds that were typed, None for those of the settings.

    Raises `InvalidInput`.
    """
    try:
        return float(text) if text.strip() else None
    except ValueError:
        raise InvalidInput("Write the timeout as a number of seconds, like 600.") from None


def mistakes_in(draft: JobDraft) -> dict[str, str]:
    """Return what is wrong, by field; the rules are those of every job (SPEC J2)."""
    found = {
        "name": _wrong(JobWish(draft.name, _SOME_COMMAND)),
        "command": _wrong(JobWish(_SOME_NAME, draft.command)),
    }
    try:
        found["timeout"] = _wrong(
            JobWish(_SOME_NAME, _SOME_COMMAND, timeout=read_timeout(draft.timeout))
        )
    except InvalidInput as error:
        found["timeout"] = error.message
    return {name: sentence for name, sentence in found.items() if sentence}


def _wrong(wish: JobWish) -> str:
    try:
        check(wish)
    except InvalidInput as error:
        return error.message
    return ""


class SubmitJobDialog(Dialog[JobRow]):
    """Submits the job itself and answers with it; errors are shown here, nothing is lost."""

    # Without priority: a key that overtook the letters before it would lose the last of them.
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s,ctrl+enter", "submit", "Submit")]

    def __init__(self, host: Host, projects: tuple[ProjectRow, ...], draft: JobDraft) -> None:
        super().__init__("New job")
        self._host = host
        self._projects = projects
        self._draft = draft
        if draft.project not in {project.id for project in projects}:
            draft.project = NO_PROJECT
        self._busy = False

    def compose_body(self) -> ComposeResult:
        draft = self._draft
        with VerticalScroll(id="fields", can_focus=False):
            yield FormField("Project, in whose workspace it works", self._choice_of_project())
            yield FormField("Name", Input(draft.name, placeholder="nightly", id="name"))
            yield FormField("Command, for /bin/sh", self._command())
            yield FormField("Priority", select(_PRIORITIES, draft.priority.value, "priority"))
            yield FormField(
                "Timeout in seconds",
                Input(draft.timeout, placeholder="as the setting job_timeout says", id="timeout"),
            )
            yield FormField("Start", select(_STARTS, draft.hold, "hold"))
        yield Static("", id="dialog-error", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(" Submit (ctrl+s) ", variant="primary", id="submit", compact=True)
            yield Button(" Back (esc) ", id="back", compact=True)

    def _choice_of_project(self) -> Widget:
        known = [(Text(safe_line(p.name, limit=60)), p.id) for p in self._projects]
        known.append((Text("None: the one for odds and ends, scratch"), NO_PROJECT))
        return select(known, self._draft.project, "project")

    def _command(self) -> Widget:
        return TextArea(self._draft.command, id="command", tab_behavior="focus")

    def on_mount(self) -> None:
        self.query_one("#name").focus()

    @on(Input.Submitted)
    def _next_field(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        (self.action_submit if event.button.id == "submit" else self.action_give_up)()

    def action_give_up(self) -> None:
        if not self._busy:
            self._keep()
            self.dismiss(None)

    def action_submit(self) -> None:
        """Submit what was typed, or say what is wrong with it."""
        if self._busy:
            return
        self._keep()
        mistakes = mistakes_in(self._draft)
        for field in self.query(FormField):
            field.complain(mistakes.get(field.field.id or "", ""))
        if mistakes:
            self._complain("")
            self.query_one(f"#{next(iter(mistakes))}").focus()
            return
        self._busy = True
        self.run_worker(self._submit(), group="submit", exit_on_error=False)

    async def _submit(self) -> None:
        draft = self._draft
        wish = JobWish(
            draft.name,
            draft.command,
            priority=draft.priority,
            project=draft.project or None,
            timeout=read_timeout(draft.timeout),
        )
        try:
            row = await self._ordered(SubmitJob(wish, hold=draft.hold))
        except ForedeckError as error:
            self._complain(str(error))
        except Exception:
            self._complain("The job could not be submitted because of an unexpected error.")
            raise
        else:
            if row is not None:
                self.dismiss(row)
        finally:
            self._busy = False

    async def _ordered(self, command: SubmitJob) -> JobRow | None:
        """Submit it, after a question where the command policy wants one; None for a no."""
        try:
            return await self._host.do(command)
        except CommandUnconfirmed as error:
            lines = (safe_line(command.wish.command, limit=400), error.message)
            preview = Preview("Run this command?", lines)
            dialog = ConfirmDialog(preview, yes="Run it", no="Back to the form")
            if not await self.app.push_screen_wait(dialog):
                return None
        return await self._host.do(replace(command, wish=replace(command.wish, confirmed=True)))

    def _keep(self) -> None:
        draft = self._draft
        draft.project = str(self.query_one("#project", Select).value)
        draft.name = self.query_one("#name", Input).value.strip()
        draft.command = self.query_one("#command", TextArea).text.strip()
        draft.priority = Priority(str(self.query_one("#priority", Select).value))
        draft.timeout = self.query_one("#timeout", Input).value
        draft.hold = self.query_one("#hold", Select).value is True

    def _complain(self, sentence: str) -> None:
        if self.is_attached:
            self.query_one("#dialog-error", Static).update(safe_text(sentence))
