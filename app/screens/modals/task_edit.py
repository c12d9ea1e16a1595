"""The dialog that makes or changes a task; what is wrong stands beside the fields."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.suggester import SuggestFromList
from textual.timer import Timer
from textual.types import CSSPathType
from textual.widgets import Button, Input, Select, Static, TextArea

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.app.screens.modals.fields import FormField, select, value_of
from foredeck.app.screens.modals.task_fields import CHOICES, SECTIONS, TASK_STYLES, TEXTS, Spec
from foredeck.app.screens.modals.task_form import TaskDraft, field_of, read_draft
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.tasks import Mistake, TaskRow
from foredeck.services.domain.views import ProjectRow
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import ListWorkflows
from foredeck.services.host.task_requests import (
    CheckTask,
    CreateTask,
    PreviewSchedule,
    UpdateTask,
)

# Seconds after the last letter before the moments of a schedule are told.
_PATIENCE = 0.25
_MOMENTS = 3


class TaskDialog(Dialog[TaskRow]):
    """Stores the task itself and answers with it; errors are shown here, nothing is lost."""

    CSS_PATH: ClassVar[CSSPathType | None] = TASK_STYLES
    # Without priority: a key that overtook the letters before it would lose the last of them.
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s,ctrl+enter", "save", "Save")]

    def __init__(
        self,
        host: Host,
        projects: tuple[ProjectRow, ...],
        draft: TaskDraft,
        row: TaskRow | None,
    ) -> None:
        """`row` is the task that is changed, None for a new one."""
        super().__init__(f"Change {safe_line(row.name, limit=40)}" if row else "New task")
        self._host = host
        self._row = row
        self._draft = draft
        self._projects = [(Text(safe_line(p.name, limit=60)), p.id) for p in projects]
        known = {project.id for project in projects}
        if row is not None and draft.project not in known:
            self._projects.append((Text(safe_line(row.project_name, limit=60)), draft.project))
        elif draft.project not in known:
            draft.project = ""
        if row is None:
            self._projects.append((Text("None: the one for odds and ends, scratch"), ""))
        self._busy = False
        self._debounce: Timer | None = None
        self._fields: dict[str, FormField] = {}

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="fields", can_focus=False):
            for title, specs in SECTIONS:
                if title:
                    yield Static(title, classes="form-section", markup=False)
                for spec in specs:
                    field = self._fields[spec.name] = self._field(spec)
                    yield field
        yield Static("", id="dialog-error", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(" Save (ctrl+s) ", variant="primary", id="save", compact=True)
            yield Button(" Back (esc) ", id="back", compact=True)

    def _field(self, spec: Spec) -> FormField:
        value = self._draft.get(spec.name)
        if spec.name == "project":
            return FormField(spec.label, select(self._projects, value, spec.name))
        if spec.name in CHOICES:
            return FormField(spec.label, select(CHOICES[spec.name], value, spec.name))
        if spec.name in TEXTS:
            area = TextArea(value, id=spec.name, tab_behavior="focus", placeholder=spec.hint)
            return FormField(spec.label, area)
        return FormField(spec.label, Input(value, placeholder=spec.hint, id=spec.name))

    def on_mount(self) -> None:
        self.query_one("#name").focus()
        self.call_after_refresh(self.query_one("#fields").scroll_home, animate=False)
        self.run_worker(self._suggest(), group="suggest", exit_on_error=False)
        self._schedule_changed()

    async def _suggest(self) -> None:
        """Complete the names of the workflows of the project while one is typed."""
        names = ["codex"]
        if self._draft.project:
            try:
                found = await self._host.ask(ListWorkflows(self._draft.project))
            except ForedeckError:
                return  # the field takes any name; what is wrong with it is told on saving
            names += [row.name for row in found.workflows if not row.problem]
        if self.is_attached:
            self.query_one("#workflow", Input).suggester = SuggestFromList(names)

    @on(Select.Changed, "#project")
    def _project_changed(self, event: Select.Changed) -> None:
        self._draft.project = str(event.value)
        self.run_worker(self._suggest(), group="suggest", exclusive=True, exit_on_error=False)

    @on(Input.Changed, "#cron, #timezone")
    def _schedule_changed(self) -> None:
        """Tell the next moments a little after the last letter."""
        for name in ("cron", "timezone"):
            self._fields[name].complain("")
        if self._debounce is not None:
            self._debounce.stop()
        self._debounce = self.set_timer(_PATIENCE, self._preview)

    def _preview(self) -> None:
        self.run_worker(self._tell_moments(), group="moments", exclusive=True, exit_on_error=False)

    async def _tell_moments(self) -> None:
        cron, zone = (self.query_one(f"#{n}", Input).value.strip() for n in ("cron", "timezone"))
        told = ""
        if cron:
            try:
                query = PreviewSchedule(cron, zone, _MOMENTS)
                moments = await self._host.ask(query)
                told = "next: " + ", then ".join(_moment(one) for one in moments)
            except ForedeckError as error:
                told = str(error)
        self._fields["cron"].remark(told)

    @on(Input.Submitted)
    def _next_field(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        (self.action_save if event.button.id == "save" else self.action_give_up)()

    def action_give_up(self) -> None:
        if not self._busy:
            self._keep()
            self.dismiss(None)

    def action_save(self) -> None:
        """Store what was typed, or say all that is wrong with it."""
        if not self._busy:
            self._keep()
            self._busy = True
            self.run_worker(self._save(), group="save", exit_on_error=False)

    async def _save(self) -> None:
        try:
            row = await self._saved()
        except ForedeckError as error:
            self._complain(str(error))
        except Exception:
            self._complain("The task could not be saved because of an unexpected error.")
            raise
        else:
            if row is not None:
                self.dismiss(row)
        finally:
            self._busy = False

    async def _saved(self) -> TaskRow | None:
        """Store the task; None if something is wrong with it."""
        wish, unread = read_draft(self._draft)
        ref = self._row.id if self._row else None
        mistakes = await self._host.ask(CheckTask(wish, ref))
        if mistakes or unread:
            self._point_out(mistakes, unread)
            return None
        command = CreateTask(wish) if ref is None else UpdateTask(ref, wish)
        return await self._host.do(command)

    def _point_out(self, mistakes: tuple[Mistake, ...], unread: dict[str, str]) -> None:
        """Say beside each field what is wrong with it, and below what belongs to none."""
        found = {name: [sentence] for name, sentence in unread.items()}
        for mistake in mistakes:
            found.setdefault(field_of(mistake), []).append(mistake.text)
        for name, field in self._fields.items():
            field.complain("\n".join(found.pop(name, ())))
        left = [sentence for sentences in found.values() for sentence in sentences]
        count = sum(field.has_class("-wrong") for field in self._fields.values())
        marked = f"Mend what is marked above: {count} of the fields." if count > 1 else ""
        marked = marked or ("Mend what is marked above." if count else "")
        self._complain(" ".join([*left, marked]).strip())
        wrong = next((field for field in self._fields.values() if field.has_class("-wrong")), None)
        if wrong is not None:
            wrong.field.focus()
            self.call_after_refresh(wrong.scroll_visible, animate=False)

    def _keep(self) -> None:
        for name, field in self._fields.items():
            self._draft.put(name, value_of(field.field))

    def _complain(self, sentence: str) -> None:
        if self.is_attached:
            self.query_one("#dialog-error", Static).update(safe_text(sentence))


def _moment(text: str) -> str:
    """Return a moment in the zone of the schedule as a person reads it."""
    try:
        return datetime.fromisoformat(text).strftime("%a %Y-%m-%d %H:%M")
    except ValueError:
        return safe_line(text, limit=40)
