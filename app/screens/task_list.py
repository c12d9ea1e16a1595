"""The list on the screen of tasks: what of them is listed, in which order, and what it says."""

from __future__ import annotations

from collections.abc import Sequence

from foredeck.app.screens.job_listing import following
from foredeck.app.screens.list_pane import ListPane, how_many
from foredeck.app.screens.task_listing import Order, Shown, arrange
from foredeck.services.domain.tasks import TaskLine
from foredeck.widgets.task_table import TaskTable

_NONE = (
    "No tasks yet.",
    "A task is a prompt with blanks, like {{branch}}, that is run again by hand or by the clock, "
    "and can leave a report. n makes one. From a shell: foredeck tasks create --name NAME "
    "--prompt-template 'Check {{branch}}'.",
)


class TaskListPane(ListPane):
    """Keeps filter, view and order; the cursor goes to the task `wanted` once it is there."""

    def __init__(self) -> None:
        self.table = TaskTable()
        super().__init__(self.table, title="Tasks", id="pane-tasks")
        self.wanted: str | None = None
        self._rows: Sequence[TaskLine] | None = None
        self._paused = False
        self._kind = Shown.ALL
        self._order = Order.NEWEST

    @property
    def shows_deleted(self) -> bool:
        """Whether the deleted tasks are listed."""
        return self._kind is Shown.DELETED

    def update_tasks(self, rows: Sequence[TaskLine], *, paused: bool) -> None:
        """Show the tasks as they are now; the cursor stays on its task."""
        self._rows, self._paused = rows, paused
        self.list_tasks()

    def list_tasks(self) -> None:
        """List what is to be listed, or say why that is nothing."""
        if self._rows is None:
            return
        rows = arrange(self._rows, self.filter.text, self._kind, self._order)
        with self.table.prevent(TaskTable.TaskHighlighted):
            self.table.update_rows(rows, paused=self._paused)
            if self.wanted is not None and self.table.move_cursor_to(self.wanted):
                self.wanted = None
        self.shows_rows = bool(rows)
        known = sum(row.task.deleted_at is None for row in self._rows)
        self._show_title(len(rows), len(rows) if self.shows_deleted else known)
        if rows:
            self.show_content()
        elif self._rows or self._kind is not Shown.ALL:
            self.say("No task is like that.", self._way_back())
        else:
            self.say(*_NONE)

    def next_order(self) -> None:
        """List in the next order; `list_tasks` shows it."""
        self._order = following(self._order)

    def next_shown(self) -> None:
        """List the next kind of tasks; `list_tasks` shows it."""
        self._kind = following(self._kind)

    def _way_back(self) -> str:
        others = "v lists others." if self._kind.value else ""
        if self.filter.text:
            return f"Escape takes the filter away{', ' + others if others else '.'}"
        return others

    def _show_title(self, count: int, total: int) -> None:
        """Say which tasks, in which order, and how many of how many."""
        of = how_many(count, total)
        self.tell("Tasks", self._kind.value, self.filtered, self._order.value, of)
