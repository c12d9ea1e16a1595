"""The list of the audit trail: one line for each row, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from foredeck.services.domain.audit import AuditRow
from foredeck.widgets.audit_cells import audit_cells, audit_heading
from foredeck.widgets.line_view import LineView
from foredeck.widgets.painting import Cells

# So many rows before the end of the list the older ones are asked for.
_AHEAD = 40


class AuditTable(LineView):
    """The cursor stays on its row while newer ones come and older ones are read."""

    class RowSelected(Message):
        """A person chose a row (enter or click)."""

    class RowHighlighted(Message):
        """The cursor came to another row."""

    class OlderWanted(Message):
        """The cursor is near the last row: those before it should be read."""

    header_height = 1

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._rows: tuple[AuditRow, ...] = ()
        self._broken: int | None = None

    def update_rows(self, rows: Sequence[AuditRow]) -> None:
        """Show these rows; a row of the trail never changes."""
        self._rows = tuple(rows)
        self.set_blocks([str(row.seq) for row in rows], [1] * len(rows), ())

    def mark_broken(self, seq: int | None) -> None:
        """Show where the chain breaks, or that it does not."""
        if seq != self._broken:
            self._broken = seq
            self.refresh()

    @property
    def row(self) -> AuditRow | None:
        """The row under the cursor."""
        return self._rows[self.cursor_index] if self.cursor_key is not None else None

    @property
    def hidden_above(self) -> int:
        """How many newer rows there are above the first one in sight."""
        return min(self.scroll_offset.y, len(self._rows))

    def action_activate(self) -> None:
        """Choose the row under the cursor."""
        if self.cursor_key is not None:
            self.post_message(self.RowSelected())

    def cursor_moved(self) -> None:
        self.post_message(self.RowHighlighted())
        if len(self._rows) - self.cursor_index <= _AHEAD:
            self.post_message(self.OlderWanted())

    def header_row(self, y: int, width: int) -> Cells:
        del y
        return audit_heading(width) if self._rows else []

    def block_row(self, index: int, offset: int, width: int) -> Cells:
        del offset
        row = self._rows[index]
        broken = row.seq == self._broken
        cells = audit_cells(row, width, self.now(), broken=broken, ascii_only=self.ascii_only)
        return [self.cursor_cell(index), *cells]
