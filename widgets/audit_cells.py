"""What a row of the audit trail looks like in a list: pure functions from records to cells."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from foredeck.services.domain.audit import AuditRow, Severity
from foredeck.services.domain.safe_text import safe_line
from foredeck.widgets.formats import clock, pad
from foredeck.widgets.painting import Cells, fit, width_of

# Glyph, the same in ASCII, style: a word always stands beside it, or the place is too small.
_LOOKS = {
    Severity.INFO: ("·", ".", "ink--muted"),
    Severity.WARNING: ("▲", "!", "state--retry"),
    Severity.ERROR: ("✗", "x", "state--failed"),
    Severity.CRITICAL: ("■", "X", "state--failed ink--bold"),
}
_WORD = max(len(severity.value) for severity in Severity) + 1
_TIME, _DAY = len("14:03:09 "), len("11-29 ")
_LENGTH = 400
BROKEN = "state--failed ink--bold"


class AuditColumns(NamedTuple):
    """The cells of each column, 0 for one that is left out; the description has what is left."""

    day: int
    word: int
    actor: int
    action: int
    resource: int


def columns_for(width: int) -> AuditColumns:
    """Return the columns that a list of `width` cells has room for."""
    if width < 70:
        return AuditColumns(0, 0, 0, 18, 0)
    if width < 110:
        return AuditColumns(0, _WORD, 12, 20, 0)
    return AuditColumns(_DAY, _WORD, 20, 22, 22 if width >= 140 else 0)


def severity_look(severity: Severity, *, ascii_only: bool = False) -> tuple[str, str]:
    """Return the glyph of a severity and its component class."""
    glyph, plain, style = _LOOKS[severity]
    return (plain if ascii_only else glyph), style


def audit_heading(width: int) -> Cells:
    """Return the row above the list."""
    columns = columns_for(width)
    words = (
        (columns.day + _TIME, "time"),
        (2 + columns.word, "severity" if columns.word else ""),
        (columns.actor, "who"),
        (columns.action, "action"),
        (columns.resource, "of what"),
    )
    text = "".join(pad(word, size) for size, word in words if size)
    return fit([(" ", ""), (f"{text}description", "ink--muted")], width)


def audit_cells(
    row: AuditRow, width: int, now: datetime, *, broken: bool = False, ascii_only: bool = False
) -> Cells:
    """Return one row; `broken` is the one where the chain breaks."""
    columns = columns_for(width)
    glyph, style = severity_look(row.severity, ascii_only=ascii_only)
    cells: Cells = [(_time(row.at, now, columns), "ink--muted"), (f"{glyph} ", style)]
    if columns.word:
        cells.append((pad(row.severity.value, columns.word), style))
    if columns.actor:
        cells.append((_part(_short_actor(row.actor, columns), columns.actor), "ink--muted"))
    cells.append((_part(row.action, columns.action), "ink--strong"))
    if columns.resource:
        cells.append((_part(f"{row.resource} {row.resource_id}", columns.resource), "ink--muted"))
    room = max(0, width - 1 - width_of(cells))
    cells.append((pad(safe_line(row.description, limit=_LENGTH), room), ""))
    return [(text, BROKEN) for text, _ in cells] if broken else cells


def _part(text: str, width: int) -> str:
    return pad(safe_line(text, limit=_LENGTH), width - 1) + " "


def _short_actor(actor: str, columns: AuditColumns) -> str:
    """Return who acted for the user; where there is room, the user as well."""
    return actor if columns.day else actor.partition("/")[2] or actor


def _time(at: datetime, now: datetime, columns: AuditColumns) -> str:
    """Return the time of day, or the day where that is another one and only one of them fits."""
    local = at.astimezone()
    day = local.strftime("%m-%d ")
    if columns.day:
        return f"{day}{clock(at)} "
    today = local.date() == now.astimezone().date()
    return f"{clock(at)} " if today else pad(local.strftime("%y-%m-%d"), _TIME)
