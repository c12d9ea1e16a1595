"""One row of the audit trail, whole: what was done by whom, and what it changed."""

from __future__ import annotations

from collections.abc import Iterator

from foredeck.services.domain.audit import AuditRow
from foredeck.services.domain.audit_changes import FieldChange, changes_of
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.widgets.audit_cells import severity_look
from foredeck.widgets.formats import pad, wrap
from foredeck.widgets.line_view import LineView
from foredeck.widgets.painting import Cell, Cells, fit

_LABEL = 11
# Of one value; the whole is in `audit show`.
_LONGEST = 4000


class AuditFacts(LineView):
    """Scrolls over the lines of one row; each line is a block, so that keys move by lines."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._row: AuditRow | None = None
        self._lines: list[Cells] = []
        self._laid_out = 0

    def update_row(self, row: AuditRow | None) -> None:
        """Show a row from its beginning."""
        if row != self._row:
            self._row = row
            self.scroll_to(y=0, animate=False, force=True)
            self._lay_out()
            self.move_cursor(0)

    def on_resize(self, _event: object) -> None:
        """Break the lines anew where the width has changed."""
        if self.content_width != self._laid_out:
            self._lay_out()

    def _lay_out(self) -> None:
        self._laid_out = self.content_width
        self._lines = list(_lines(self._row, max(20, self._laid_out - 2), self.ascii_only))
        self.set_blocks([str(number) for number in range(len(self._lines))], [1] * len(self._lines))
        self.refresh()

    def block_row(self, index: int, offset: int, width: int) -> Cells:
        del offset
        return fit([self.cursor_cell(index), *self._lines[index]], width)


def _lines(row: AuditRow | None, width: int, ascii_only: bool) -> Iterator[Cells]:
    if row is None:
        return
    glyph, style = severity_look(row.severity, ascii_only=ascii_only)
    for number, part in enumerate(wrap(safe_line(row.description), width - 2)):
        yield [(f"{glyph} " if not number else "  ", style), (part, "ink--strong")]
    yield []
    for label, value in _facts(row):
        yield from _fact(label, value, width)
    changes = changes_of(row)
    yield []
    if not changes:
        yield [("It says nothing of what was before and after.", "ink--muted")]
    for change in changes:
        yield from _change(change, width, bool(row.before))


def _facts(row: AuditRow) -> tuple[tuple[str, str], ...]:
    return (
        ("Row", f"{row.seq:,}"),
        ("Time", row.at.astimezone().isoformat(sep=" ", timespec="milliseconds")),
        ("Severity", row.severity.value),
        ("Who", row.actor),
        ("Action", row.action),
        ("Of what", f"{row.resource} {row.resource_id}"),
        ("Trace", row.trace_id or "–"),
        ("Seal", row.hash),
    )


def _fact(label: str, value: str, width: int) -> Iterator[Cells]:
    for number, part in enumerate(wrap(safe_line(value, limit=_LONGEST), width - _LABEL)):
        yield [(pad("" if number else label, _LABEL), "ink--muted"), (part, "")]


def _change(change: FieldChange, width: int, has_before: bool) -> Iterator[Cells]:
    """Return a field with its old value above its new one, as a diff shows them."""
    yield [(safe_line(change.name, limit=80), "ink--bold")]
    if has_before and change.before is not None:
        yield from _value("- ", change.before, "state--failed", width)
    if change.after is not None:
        yield from _value("+ " if has_before else "  ", change.after, "state--success", width)
    elif has_before:
        yield [("  is not there any more", "ink--muted")]


def _value(mark: str, value: str, style: str, width: int) -> Iterator[Cells]:
    plain: Cell = (mark, style)
    for line in safe_text(value[:_LONGEST]).splitlines() or [""]:
        for part in wrap(line, width - len(mark)):
            yield [plain, (part, style if mark.strip() else "")]
    if len(value) > _LONGEST:
        yield [(f"  … {len(value) - _LONGEST:,} more characters", "ink--muted")]
