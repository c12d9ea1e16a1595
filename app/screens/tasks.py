"""The screen of tasks and schedules: what is saved, when it is due, what came of it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal

from foredeck.app.bridge import HostChanged
from foredeck.app.screens.filter_bar import FilterBar
from foredeck.app.screens.pane import Pane
from foredeck.app.screens.task_keys import TaskSituation
from foredeck.app.screens.task_list import TaskListPane
from foredeck.app.screens.task_offers import TaskOffers
from foredeck.app.screens.task_reader import TaskReader
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.tasks import TaskLine
from foredeck.widgets.key_bar import KeyBar
from foredeck.widgets.schedule_header import ScheduleHeader
from foredeck.widgets.task_details import TaskDetails
from foredeck.widgets.task_table import TaskTable

# On a screen less wide, the task takes the place of the list.
_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]


class TasksScreen(TaskOffers):
    """Answers with the run of an execution that the person wants to see."""

    CSS_PATH = "../../styles/tasks.tcss"
    HORIZONTAL_BREAKPOINTS = _BREAKPOINTS
    in_place = "-task"

    def __init__(self, project_id: str | None = None) -> None:
        """`project_id` is where a new task goes at first."""
        super().__init__(project_id)
        # A person wants to go to the task under the cursor, which is not there yet.
        self._awaits_task = self._was_covered = False
        self.listed = TaskListPane()
        self.pane, self.details = Pane(title="Task", id="pane-task"), TaskDetails()
        self.reader = TaskReader(
            self, self._show_tasks, self._show_task, self.listed.fail, self.pane.fail
        )

    def compose(self) -> ComposeResult:
        yield ScheduleHeader()
        with Horizontal(id="tasks-body"):
            yield self.listed
            yield self.pane
        yield KeyBar(last=("command_palette", "help", "close"))

    async def on_mount(self) -> None:
        await self.listed.furnish()
        await self.pane.fill(self.details)
        self.shell.changed.subscribe(self, self._apply)
        self.listed.say("Loading…")
        self.pane.say("Loading…")
        self.reader.read_tasks()

    def on_screen_suspend(self) -> None:
        self._was_covered = True

    def on_screen_resume(self) -> None:
        """What was missed under another screen is read when this one is back."""
        if self._was_covered:
            self.reader.read_tasks()

    @property
    def row(self) -> TaskLine | None:
        """The task under the cursor."""
        return self.listed.table.row if self.listed.shows_rows else None

    @property
    def filter_bar(self) -> FilterBar:
        """Where the list is filtered."""
        return self.listed.filter

    @property
    def list_table(self) -> TaskTable:
        """What takes the keys of the list."""
        return self.listed.table

    @property
    def in_item(self) -> bool:
        """Whether the keys go to a task, not to the list."""
        return self.focused is self.details

    @property
    def help_topic(self) -> str:
        """The topic of the help for what has the keys."""
        return "task" if self.in_item else "tasks"

    # --- what is shown ----------------------------------------------------------------

    def _apply(self, change: HostChanged) -> None:
        self.reader.apply(change)

    def _show_tasks(self) -> None:
        tasks, board = self.reader.tasks, self.reader.board
        if tasks is None or board is None:
            return
        known = sum(row.task.deleted_at is None for row in tasks)
        self.query_one(ScheduleHeader).update_board(board, known)
        read_about = self.row if self.in_item else None
        self.listed.update_tasks(tasks, paused=board.paused_at is not None)
        self._leave_gone(read_about)
        if self.focused is None:
            self.listed.table.focus()
        self._aim()
        self._show_task()  # whether all schedules are paused may have changed

    def _leave_gone(self, row: TaskLine | None) -> None:
        """Go to the list when the task that a person reads about is not in it any more.

        Its neighbour would take its place, and with it the next key.
        """
        if row is not None and (self.row is None or self.row.id != row.id):
            self.action_focus_list()
            if row.id not in self.dialogs.deleted:
                name = safe_line(row.name, limit=60)
                self.shell.notice(f"“{name}” is not in the list any more.", "warning")

    def _aim(self) -> None:
        """Show the task under the cursor where it is to be seen."""
        self.offer()
        row = self.row
        if row is None:
            self.reader.aim(None)
            self.pane.say("No task is selected.")
            self.pane.set_title("Task")
        else:
            self.reader.aim(row.id if self._task_shown else None)

    def _show_task(self) -> None:
        detail = self.reader.detail
        if detail is None:
            return
        self.details.update_task(detail, paused=self._paused)
        self.pane.set_title(f"Task · {safe_line(detail.row.name, limit=30)}")
        self.pane.show_content()
        self._focus_task()
        self.offer()

    @property
    def _paused(self) -> bool:
        return self.reader.board is not None and self.reader.board.paused_at is not None

    @property
    def _task_shown(self) -> bool:
        return self.has_class("-task") or not self.has_class("-narrow")

    def on_resize(self) -> None:
        """The task may have come into sight."""
        self.call_after_refresh(self._aim_if_read)

    def _aim_if_read(self) -> None:
        if self.reader.tasks is not None:
            self._aim()

    # --- which actions apply ----------------------------------------------------------

    @property
    def situation(self) -> TaskSituation:
        """What decides which actions apply."""
        board = self.reader.board
        return TaskSituation(
            connected=self.shell.host is not None,
            row=self.row,
            undoable=bool(self.dialogs.deleted),
            scheduled=board.scheduled if board is not None else 0,
            paused=self._paused,
            run_id=self._run_to_read,
            typing=self.typing,
            listed=not (self.has_class("-narrow") and self.has_class("-task")),
        )

    @property
    def _run_to_read(self) -> str | None:
        """The run of what is under the cursor in the task, else the last one of the task."""
        if self.focused is self.details and self.details.run_id is not None:
            return self.details.run_id
        return (self.row.last_run_id or None) if self.row is not None else None

    # --- the list and the task --------------------------------------------------------

    def on_task_table_task_highlighted(self, event: TaskTable.TaskHighlighted) -> None:
        event.stop()
        self._awaits_task = False
        self._aim()

    def on_task_table_task_selected(self, event: TaskTable.TaskSelected) -> None:
        event.stop()
        self.action_focus_task()

    def on_task_details_execution_selected(self, event: TaskDetails.ExecutionSelected) -> None:
        event.stop()
        self.dismiss(event.run_id)

    def on_task_details_moved(self, event: TaskDetails.Moved) -> None:
        event.stop()
        self.offer()

    def on_descendant_focus(self) -> None:
        self.offer()

    def rearrange(self) -> None:
        """List what the filter lets through."""
        self.listed.list_tasks()
        self._aim()

    # --- actions ----------------------------------------------------------------------

    def read_again(self) -> None:
        """Read the list, and the task that is looked at, without a rest."""
        self.reader.read_tasks()
        if self.row is not None and self._task_shown:
            self.reader.aim(self.row.id, at_once=True)

    def go_to(self, task_id: str) -> None:
        """Put the cursor on a task as soon as it is listed."""
        self.listed.wanted = task_id

    def action_report(self) -> None:
        from foredeck.app.screens.reports import ReportsScreen

        self.app.push_screen(ReportsScreen(self._run_to_read), self._go_to_run)

    def _go_to_run(self, run_id: str | None) -> None:
        if run_id is not None:
            self.dismiss(run_id)

    def action_sort(self) -> None:
        self.listed.next_order()
        self.rearrange()

    def action_shown(self) -> None:
        self.listed.next_shown()
        if self.listed.shows_deleted and not self.reader.deleted:
            self.reader.deleted = True
            self.reader.read_tasks()
        self.rearrange()

    def action_focus_list(self) -> None:
        self._awaits_task = False
        super().action_focus_list()
        self._aim()

    def action_focus_task(self) -> None:
        self.add_class("-task")
        row, shown = self.row, self.reader.detail
        if row is not None and (shown is None or shown.row.id != row.id):
            self.pane.say("Loading…")
            self.reader.aim(row.id, at_once=True)
        self._aim()
        self._awaits_task = row is not None
        self._focus_task()

    def _focus_task(self) -> None:
        """Go to the task as soon as it is there: what is not on display takes no focus."""
        detail, row = self.reader.detail, self.row
        fits = detail is not None and row is not None and detail.row.id == row.id
        if self._awaits_task and fits and self.details.display:
            self._awaits_task = False
            self.details.focus()
            self.call_after_refresh(self.details.go_to_executions)
