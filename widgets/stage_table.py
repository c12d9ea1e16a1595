"""The stage table: the steps of a run with state, tries, time and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from foredeck.services.domain.views import RunDetail, StepRow
from foredeck.widgets.line_view import LineView, differing
from foredeck.widgets.painting import Cells, fit
from foredeck.widgets.step_cells import (
    TICKING_STATES,
    explanation,
    heading,
    needs_note_row,
    note_of,
    step_cells,
)

_INDENT = "   "


class StageTable(LineView):
    """One row per step, a line below it when it failed, waits or backs off.

    `space` unfolds the whole explanation. Times tick once a second while a step moves,
    and repaint only their rows.
    """

    class StepSelected(Message):
        """A person chose a step (enter or click)."""

        def __init__(self, table: StageTable, step_key: str) -> None:
            super().__init__()
            self.table = table
            self.step_key = step_key

        @property
        def control(self) -> StageTable:
            return self.table

    class StepHighlighted(Message):
        """The cursor came to a step."""

        def __init__(self, table: StageTable, step_key: str) -> None:
            super().__init__()
            self.table = table
            self.step_key = step_key

        @property
        def control(self) -> StageTable:
            return self.table

    DEFAULT_CSS = "StageTable { height: auto; max-height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "unfold", "Explain", tooltip="Show why a step failed and what to do"),
    ]
    header_height = 1
    empty_text = "No run is selected. Choose one in the tree, or press n to start a run."
    loading_text = "No run is selected. Choose one in the tree, or press n to start a run."

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._run_id: str | None = None
        self._steps: tuple[StepRow, ...] = ()
        self._unfolded: set[str] = set()
        self._explained_for = 0
        self._explanations: dict[str, list[tuple[str, str]]] = {}

    def update_run(self, detail: RunDetail | None) -> None:
        """Show the steps of a run; the cursor stays unless it is another run's."""
        run_id = detail.run.id if detail else None
        if run_id != self._run_id:
            self._run_id = run_id
            self._unfolded.clear()
            self._cursor = 0
        old, self._steps = self._steps, detail.steps if detail else ()
        self._rebuild(differing(old, self._steps))
        self.refresh_bindings()
        self.set_ticking(any(step.state in TICKING_STATES for step in self._steps))

    @property
    def step_key(self) -> str | None:
        """The key of the step under the cursor."""
        return self.cursor_key

    def select_step(self, step_key: str) -> bool:
        """Put the cursor on a step; False when the run has none of that key."""
        return self.move_cursor_to(step_key)

    def action_activate(self) -> None:
        """Choose the step under the cursor."""
        if self.cursor_key is not None:
            self.post_message(self.StepSelected(self, self.cursor_key))

    def action_unfold(self) -> None:
        """Unfold or fold the explanation of the step under the cursor."""
        if self.cursor_key is not None:
            self._unfolded ^= {self.cursor_key}
            self._rebuild()
            self._scroll_to_cursor()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer `Explain` only for a step that has something to explain."""
        del parameters
        if action != "unfold":
            return True
        step = self._step_at(self.cursor_index)
        return bool(step and (step.failure or step.reason or step.summary)) or None

    def cursor_moved(self) -> None:
        self.refresh_bindings()
        if self.cursor_key is not None:
            self.post_message(self.StepHighlighted(self, self.cursor_key))

    def ticked(self) -> None:
        for index, step in enumerate(self._steps):
            if step.state in TICKING_STATES:
                self.refresh_block(index)

    def cursor_into_sight(self) -> None:
        """Scroll what this table is in, when it is taller than the room it was given there."""
        if self._cursor >= len(self._keys):
            return
        if not isinstance(self.parent, Widget):
            return
        first, last = self._starts[self._cursor], self._starts[self._cursor + 1]
        above = self.virtual_region.y + self.header_height
        # From the very top if there is room: what stands above the table is seen again, too.
        top = above + first if above + last > self.parent.size.height else 0
        rows = Region(0, top, 1, above + last - top)
        self.parent.scroll_to_region(rows, animate=False, force=True, immediate=True)

    def _scroll_to_cursor(self) -> None:
        super()._scroll_to_cursor()
        # Afterwards: what has just been unfolded has to be laid out first.
        self.call_after_refresh(self.cursor_into_sight)

    def on_resize(self, event: events.Resize) -> None:
        """Break the notes and explanations again when the width has changed."""
        del event
        if self.content_width != self._explained_for:
            self._rebuild()

    def header_row(self, y: int, width: int) -> Cells:
        del y
        return heading(width) if self._steps else []

    def block_row(self, index: int, offset: int, width: int) -> Cells:
        step = self._steps[index]
        if offset == 0:
            cells = step_cells(step, width, self.now(), ascii_only=self.ascii_only)
            return [self.cursor_cell(index), *cells]
        if rows := self._explanations.get(step.key):
            return [(_INDENT, ""), rows[offset - 1]]
        note = note_of(step, self.now()) or ("", "")
        return fit([(_INDENT, ""), note], width)

    def _step_at(self, index: int) -> StepRow | None:
        return self._steps[index] if index < len(self._steps) else None

    def _rebuild(self, changed: Sequence[int] | None = None) -> None:
        self._explained_for = self.content_width
        width = (self._explained_for or 80) - len(_INDENT) - 1
        self._explanations = {
            step.key: explanation(step, width) for step in self._steps if step.key in self._unfolded
        }
        heights = [self._height(step) for step in self._steps]
        self.set_blocks([step.key for step in self._steps], heights, changed)

    def _height(self, step: StepRow) -> int:
        if rows := self._explanations.get(step.key):
            return 1 + len(rows)
        return 2 if needs_note_row(step, self._explained_for or 80, self.now()) else 1
