"""All about one task: what it says, when it is due, what its executions came to."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from foredeck.services.domain.states import FINAL_RUNS
from foredeck.services.domain.task_views import TaskDetail
from foredeck.services.domain.tasks import ExecutionStatus
from foredeck.widgets.block_view import BlockView
from foredeck.widgets.painting import Cells, fit
from foredeck.widgets.task_detail_rows import EXECUTION, FIRE, PROMPT, Block, detail_blocks

# Seconds between two looks at how far off the next moments are, and at what works.
_SLOW, _FAST = 60.0, 1.0


class TaskDetails(BlockView):
    """Blocks of rows; the cursor goes from one to the next, enter opens what has something."""

    # Its rows are made for the width that is left beside the bar, also while there is none.
    DEFAULT_CSS = "TaskDetails { scrollbar-gutter: stable; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "fold", "Fold", tooltip="Show or hide the rest of the prompt"),
    ]

    class ExecutionSelected(Message):
        """A person chose an execution, or a moment that a run answers (enter or click)."""

        def __init__(self, details: TaskDetails, run_id: str) -> None:
            super().__init__()
            self.details = details
            self.run_id = run_id

        @property
        def control(self) -> TaskDetails:
            return self.details

    class Moved(Message):
        """The cursor came to another block."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._detail: TaskDetail | None = None
        self._blocks: list[Block] = []
        self._paused = self._unfolded = False
        self._made_for = 0
        self._interval = 0.0

    def update_task(self, detail: TaskDetail, *, paused: bool = False) -> None:
        """Show a task, or its newer state; `paused` says that all schedules are."""
        if (detail, paused) == (self._detail, self._paused):
            return
        other = self._detail is None or self._detail.row.id != detail.row.id
        self._detail, self._paused = detail, paused
        if other:
            self._unfolded = False
            self._keys = []  # nothing of another task holds the view where it is
        self._rebuild()
        if other:
            self.move_cursor(0, scroll=False)
            self._scroll_to_line(0)
        self._tick_as_needed()

    @property
    def execution(self) -> ExecutionStatus | None:
        """The execution under the cursor."""
        key = self.cursor_key or ""
        if self._detail is None or not key.startswith(EXECUTION):
            return None
        wanted = key.removeprefix(EXECUTION)
        return next((one for one in self._detail.executions if one.id == wanted), None)

    @property
    def run_id(self) -> str | None:
        """The run of what is under the cursor, if it has one."""
        key = self.cursor_key or ""
        if self._detail is None or not key.startswith(FIRE):
            return self.execution.id if self.execution else None
        wanted = key.removeprefix(FIRE)
        return next((fire.run_id for fire in self._detail.odd if fire.id == wanted), None)

    def go_to_executions(self) -> None:
        """Put the cursor on the newest execution, if there is one."""
        key = next((key for key in self._keys if key.startswith(EXECUTION)), None)
        if key is not None:
            self.move_cursor_to(key)

    def action_activate(self) -> None:
        """Go to the run of what is under the cursor; on the prompt, fold or unfold it."""
        if (run_id := self.run_id) is not None:
            self.post_message(self.ExecutionSelected(self, run_id))
        elif self.cursor_key == PROMPT:
            self.action_fold()

    def action_fold(self) -> None:
        """Show or hide the rest of the prompt."""
        self._unfolded = not self._unfolded
        self._rebuild()
        self._scroll_to_cursor()

    def cursor_moved(self) -> None:
        self.post_message(self.Moved())

    def on_resize(self, event: events.Resize) -> None:
        """Break the lines again when the width has changed."""
        del event
        if self.content_width != self._made_for:
            self._rebuild()

    def ticked(self) -> None:
        self._rebuild()

    def block_row(self, index: int, offset: int, width: int) -> Cells:
        block = self._blocks[index]
        first = self.cursor_cell(index) if offset == block.cursor else (" ", "")
        return fit([first, *block.rows[offset]], width)

    def cursor_offset(self, index: int) -> int:
        return self._blocks[index].cursor if index < len(self._blocks) else 0

    def _rebuild(self) -> None:
        if self._detail is None:
            return
        self._made_for = self.content_width
        self._blocks = detail_blocks(
            self._detail,
            self._made_for or 80,
            self.now(),
            unfolded=self._unfolded,
            paused=self._paused,
            ascii_only=self.ascii_only,
        )
        self.set_blocks([b.key for b in self._blocks], [len(b.rows) for b in self._blocks])

    def _tick_as_needed(self) -> None:
        """Tick each second only while an execution works, else once a minute."""
        detail = self._detail
        works = detail is not None and any(e.state not in FINAL_RUNS for e in detail.executions)
        interval = _FAST if works else _SLOW
        if interval != self._interval:
            if self._ticker is not None:
                self._ticker.stop()
                self._ticker = None
            self._interval = interval
            self.set_ticking(True, interval)
