"""The list of reports that are stored as files: one row for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.message import Message

from foredeck.services.domain.amounts import size
from foredeck.services.domain.reports import ReportRow
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import RunState
from foredeck.widgets.formats import age, pad, pad_left
from foredeck.widgets.line_view import LineView, differing
from foredeck.widgets.painting import Cells
from foredeck.widgets.state_style import WORD_WIDTH, Look, glyph_of, look_of

# Widths with the gap before each: `html`, `1023.9 KiB`, `59m`, `made by`.
_FORMAT, _SIZE, _AGE, _BY, _PROJECT = 5, 11, 5, 8, 17
_LEAST_TITLE = 18


class ReportTable(LineView):
    """One row per report, in the order that it is given; the cursor stays on its report."""

    class ReportSelected(Message):
        """A person chose a report (enter or click)."""

        def __init__(self, table: ReportTable, report_id: str) -> None:
            super().__init__()
            self.table = table
            self.report_id = report_id

        @property
        def control(self) -> ReportTable:
            return self.table

    class ReportHighlighted(Message):
        """The cursor came to a report, or there is none under it any more."""

        def __init__(self, table: ReportTable, report_id: str | None) -> None:
            super().__init__()
            self.table = table
            self.report_id = report_id

        @property
        def control(self) -> ReportTable:
            return self.table

    header_height = 1

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._rows: tuple[ReportRow, ...] = ()

    def update_rows(self, rows: Sequence[ReportRow]) -> None:
        """Show these reports."""
        changed = differing(self._rows, rows)
        self._rows = tuple(rows)
        self.set_blocks([row.id for row in rows], [1] * len(rows), changed)

    @property
    def row(self) -> ReportRow | None:
        """The report under the cursor."""
        return self._rows[self.cursor_index] if self.cursor_key is not None else None

    def action_activate(self) -> None:
        """Choose the report under the cursor."""
        if self.cursor_key is not None:
            self.post_message(self.ReportSelected(self, self.cursor_key))

    def cursor_moved(self) -> None:
        self.post_message(self.ReportHighlighted(self, self.cursor_key))

    def header_row(self, y: int, width: int) -> Cells:
        del y
        return report_heading(width) if self._rows else []

    def block_row(self, index: int, offset: int, width: int) -> Cells:
        del offset
        cells = report_cells(self._rows[index], width, self.now(), ascii_only=self.ascii_only)
        return [self.cursor_cell(index), *cells]


def _columns(width: int) -> tuple[int, dict[str, bool]]:
    """Return the width of the title, and which other columns there is room for."""
    costs = {
        "format": _FORMAT,
        "age": _AGE,
        "size": _SIZE,
        "by": _BY,
        "word": WORD_WIDTH + 1,
        "project": _PROJECT,
    }
    room, shown = width - 3, {}  # the cursor's bar, the glyph and the space behind it
    for name, cost in costs.items():
        shown[name] = room - cost >= _LEAST_TITLE
        room -= cost if shown[name] else 0
    return max(0, room), shown


def report_heading(width: int) -> Cells:
    """Return the caption row over the columns."""
    title, shown = _columns(width)
    text = "   " + (pad("run", WORD_WIDTH + 1) if shown["word"] else "")
    text += pad("report", title)
    text += f" {pad('project', _PROJECT - 1)}" if shown["project"] else ""
    text += f" {pad('made', _BY - 1)}" if shown["by"] else ""
    text += f" {pad('', _FORMAT - 1)}" if shown["format"] else ""
    text += pad_left("size", _SIZE) if shown["size"] else ""
    text += pad_left("age", _AGE) if shown["age"] else ""
    return [(text, "ink--faint")]


def report_cells(row: ReportRow, width: int, now: datetime, *, ascii_only: bool = False) -> Cells:
    """Return the row of a report (without the cursor's cell) in `width - 1` cells."""
    title, shown = _columns(width)
    state, look = _look(row)
    glyph = glyph_of(state, ascii_only=ascii_only) if state is not None else "?"
    cells: Cells = [(glyph + " ", look.style if look else "ink--muted")]
    if shown["word"]:
        word = look.word if look else safe_line(row.run_state, limit=20)
        cells.append((pad(word, WORD_WIDTH + 1), look.style if look else "ink--muted"))
    cells.append((pad(safe_line(row.title, limit=200), title), "ink--strong"))
    if shown["project"]:
        cells.append((f" {pad(safe_line(row.project_name, limit=60), _PROJECT - 1)}", "ink--muted"))
    if shown["by"]:
        cells.append((f" {pad('by task' if row.automatic else 'by hand', _BY - 1)}", "ink--muted"))
    if shown["format"]:
        cells.append((f" {pad(row.format.value, _FORMAT - 1)}", "ink--accent"))
    if shown["size"]:
        cells.append((pad_left(size(row.size), _SIZE), "ink--muted"))
    if shown["age"]:
        cells.append((pad_left(age(row.created_at, now), _AGE), "ink--muted"))
    return cells


def _look(row: ReportRow) -> tuple[RunState | None, Look | None]:
    try:
        state = RunState(row.run_state)
    except ValueError:
        return None, None  # of a later version
    return state, look_of(state)
