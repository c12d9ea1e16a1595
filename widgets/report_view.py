"""A report as text: what went wrong first, all long parts folded; only what is seen is made."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from foredeck.services.domain.report_model import RunReport
from foredeck.widgets.block_view import BlockView
from foredeck.widgets.painting import Cells, fit
from foredeck.widgets.report_pieces import Paper, Piece
from foredeck.widgets.report_rows import OPEN_AT_FIRST, report_pieces

_SECTIONS = frozenset(
    {
        *("failures", "totals", "verdict", "request", "steps"),
        *("changes", "questions", "jobs", "timeline", "transcript"),
    }
)


class ReportView(BlockView):
    """The cursor goes from piece to piece; space unfolds and folds what it is on."""

    # Its rows are made for the width that is left beside the bar, also while there is none.
    DEFAULT_CSS = "ReportView { scrollbar-gutter: stable; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "fold", "Fold", tooltip="Show or hide the rest"),
        Binding("z", "fold_all", "Fold all", show=False),
        Binding("right_square_bracket", "section(1)", "Next section", show=False),
        Binding("left_square_bracket", "section(-1)", "Previous section", show=False),
    ]
    empty_text = "Nothing is known of this run yet."

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._report: RunReport | None = None
        self._pieces: list[Piece] = []
        self._unfolded: set[str] = set(OPEN_AT_FIRST)
        self._made_for = 0
        self._kept: dict[str, list[Piece]] = {}
        self._kept_for: tuple[int, bool] | None = None

    @property
    def report(self) -> RunReport | None:
        """The report on display."""
        return self._report

    def update_report(self, report: RunReport) -> None:
        """Show a report, or a newer one of the same run: nothing moves then."""
        other = self._report is None or self._report.run.id != report.run.id
        self._report, self._kept = report, {}
        if other:
            self._unfolded = set(OPEN_AT_FIRST)
            self._keys = []  # nothing of another report holds the view where it is
        self._rebuild()
        if other:
            self.move_cursor(0, scroll=False)
            self._scroll_to_line(0)

    def action_activate(self) -> None:
        """Fold or unfold what is under the cursor (click)."""
        self.action_fold()

    def action_fold(self) -> None:
        """Fold or unfold what is under the cursor."""
        if self._pieces and self._pieces[self.cursor_index].foldable:
            self._unfolded ^= {self._pieces[self.cursor_index].key}
            self._rebuild()
            self._scroll_to_cursor()

    def action_fold_all(self) -> None:
        """Unfold all sections, or fold them as they were at first."""
        everything = self._unfolded >= _SECTIONS
        self._unfolded = set(OPEN_AT_FIRST) if everything else self._unfolded | _SECTIONS
        self._rebuild()
        self._scroll_to_cursor()

    def action_section(self, step: int) -> None:
        """Go to the next or the previous section."""
        starts = [index for index, piece in enumerate(self._pieces) if piece.key in _SECTIONS]
        self.go_to_next_of(starts, step)

    def on_resize(self, event: events.Resize) -> None:
        """Break the lines again when the width has changed."""
        del event
        if self.content_width != self._made_for:
            self._rebuild()

    def block_row(self, index: int, offset: int, width: int) -> Cells:
        at_cursor = offset == self.cursor_offset(index)
        first = self.cursor_cell(index) if at_cursor else (" ", "")
        return fit([first, *self._pieces[index].row(offset)], width)

    def cursor_offset(self, index: int) -> int:
        """Return the row that shows the cursor: of a heading the second one."""
        pieces = self._pieces
        return int(index < len(pieces) and pieces[index].key in _SECTIONS)

    def _rebuild(self) -> None:
        if self._report is None:
            return
        self._made_for = self.content_width
        width = max(10, (self._made_for or 80) - 1)
        if (width, self.ascii_only) != self._kept_for:
            self._kept, self._kept_for = {}, (width, self.ascii_only)
        paper = Paper(width, frozenset(self._unfolded), self.ascii_only, self._kept)
        self._pieces = [piece for piece in report_pieces(self._report, paper) if piece.height]
        heights = [piece.height for piece in self._pieces]
        self.set_blocks([piece.key for piece in self._pieces], heights)
