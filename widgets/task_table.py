"""The list of tasks: one row for each, with its next moment, its last result, its counts."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from foredeck.services.domain.tasks import TaskLine
from foredeck.widgets.line_view import LineView, differing
from foredeck.widgets.painting import Cells
from foredeck.widgets.task_cells import task_cells, task_heading

# Seconds between two looks at how far off the next moments are: they are told in minutes.
_TICK = 60.0


class TaskTable(LineView):
    """One row per task, in the order that it is given; the cursor stays on its task."""

    class TaskSelected(Message):
        """A person chose a task (enter or click)."""

        def __init__(self, table: TaskTable, task_id: str) -> None:
            super().__init__()
            self.table = table
            self.task_id = task_id

        @property
        def control(self) -> TaskTable:
            return self.table

    class TaskHighlighted(Message):
        """The cursor came to a task, or there is none under it any more."""

        def __init__(self, table: TaskTable, task_id: str | None) -> None:
            super().__init__()
            self.table = table
            self.task_id = task_id

        @property
        def control(self) -> TaskTable:
            return self.table

    header_height = 1

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._rows: tuple[TaskLine, ...] = ()
        self._paused = False

    def update_rows(self, rows: Sequence[TaskLine], *, paused: bool = False) -> None:
        """Show these tasks; `paused` says that all schedules are."""
        changed: Sequence[int] = differing(self._rows, rows)
        if paused != self._paused:
            changed = range(len(rows))
        self._rows, self._paused = tuple(rows), paused
        self.set_blocks([row.id for row in rows], [1] * len(rows), changed)
        self.set_ticking(any(row.task.next_at is not None for row in rows), _TICK)

    @property
    def row(self) -> TaskLine | None:
        """The task under the cursor."""
        return self._rows[self.cursor_index] if self.cursor_key is not None else None

    def action_activate(self) -> None:
        """Choose the task under the cursor."""
        if self.cursor_key is not None:
            self.post_message(self.TaskSelected(self, self.cursor_key))

    def cursor_moved(self) -> None:
        self.post_message(self.TaskHighlighted(self, self.cursor_key))

    def ticked(self) -> None:
        for index, row in enumerate(self._rows):
            if row.task.next_at is not None:
                self.refresh_block(index)

    def header_row(self, y: int, width: int) -> Cells:
        del y
        return task_heading(width) if self._rows else []

    def block_row(self, index: int, offset: int, width: int) -> Cells:
        del offset
        cells = task_cells(
            self._rows[index], width, self.now(), paused=self._paused, ascii_only=self.ascii_only
        )
        return [self.cursor_cell(index), *cells]
