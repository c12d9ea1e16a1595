"""The audit trail: rows that are only ever added, each sealed with the hash of the one before.

A transaction collects its entries and writes them just before its commit, so that a change
and its record are one. The chain shows what was changed, taken out, put in or moved later.
It cannot show that somebody computed all of it anew from some row on, or cut off its end and
set the database's counter back: for that, keep a seal or an export elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

from foredeck.services.domain import clock
from foredeck.services.domain.audit import AuditEntry, AuditRow, AuditVerdict, Severity
from foredeck.services.domain.errors import Conflict, StoreError
from foredeck.services.domain.views import Page
from foredeck.services.redaction import Redactor
from foredeck.services.store.codecs import clean_text, to_microseconds, to_moment
from foredeck.services.store.engine import Link
from foredeck.services.store.rows import each

_TIP = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"
_COLUMNS = (
    "seq, at, action, resource, resource_id, severity, actor, trace_id, hash, description, "
    '"before", "after"'
)
_MARKS = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_HASH = 8
_FOLLOWING = f"SELECT {_COLUMNS} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
# Even the rows that are gone leave their highest number here.
_HIGHEST = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit'"
_BLOCK = 1000
# Rows of one statement: SQLite takes no more than 32,766 values (limits.html).
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Trace:
    """What a transaction belongs to: an id, and who asked for it."""

    id: str
    origin: str


Traced = tuple[AuditEntry, Trace | None]

# Set while a command is carried out; what the command starts inherits it.
TRACE: ContextVar[Trace | None] = ContextVar("trace", default=None)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows: at or after `since` and before `until` (microseconds), of an action or its
    group (`step`), of a resource (`run`, `run:ID`, the beginning of an id), of a severity, by
    an actor that contains `actor`, of a trace by the beginning of its id, with `text` anywhere
    in them; with numbers above `above` and under `below`.
    """

    since: int | None = None
    action: str | None = None
    resource: str | None = None
    severity: Severity | None = None
    until: int | None = None
    actor: str | None = None
    trace: str | None = None
    text: str | None = None
    above: int = 0
    below: int | None = None

    def condition(self) -> tuple[str, list[Any]]:
        """Return SQL and its parameters."""
        tests: list[str] = ["seq > ?"]
        values: list[Any] = [self.above]
        for test, value in self._plain():
            if value is not None and value != "":
                tests.append(test)
                values.append(clean_text(value) if isinstance(value, str) else value)
        if self.action:
            tests.append("(action = ? OR substr(action, 1, ?) = ?)")
            group = f"{clean_text(self.action)}."
            values += (clean_text(self.action), len(group), group)
        if self.resource:
            kind, colon, identity = clean_text(self.resource).partition(":")
            tests.append("(resource = ? AND substr(resource_id, 1, ?) = ?)" if colon else _EITHER)
            values += (kind, len(identity), identity) if colon else (kind, len(kind), kind)
        if self.trace:
            tests.append("substr(trace_id, 1, ?) = ?")
            values += (len(clean_text(self.trace)), clean_text(self.trace))
        return " AND ".join(tests), values

    def _plain(self) -> tuple[tuple[str, Any], ...]:
        """Return the tests of one value each."""
        return (
            ("seq < ?", self.below),
            ("at >= ?", self.since),
            ("at < ?", self.until),
            ("severity = ?", self.severity.value if self.severity else None),
            ("instr(lower(actor), lower(?)) > 0", self.actor),
            (f"instr(lower({_ANYWHERE}), lower(?)) > 0", self.text),
        )


_EITHER = "(resource = ? OR substr(resource_id, 1, ?) = ?)"
# A line end stands between them: nobody looks for one.
_ANYWHERE = " || char(10) || ".join(
    ("action", "resource", "resource_id", "actor", "description", '"before"', '"after"')
)


class Trail:
    """The end of the trail, as one store knows it; `forget` it when a transaction fails.

    Somebody else may have written meanwhile: then the numbers do not fit, the table refuses
    them, and the end is read again. So a commit costs one statement more, not two.
    """

    def __init__(self) -> None:
        self._end: tuple[int, str] | None = None

    def forget(self) -> None:
        """Read the end anew next time."""
        self._end = None

    async def add(
        self, link: Link, entries: Sequence[Traced], actor: str, redactor: Redactor
    ) -> None:
        """Add the entries of a transaction, each with the command that it belongs to."""
        rows = [_row(*entry, actor, redactor) for entry in entries]
        if self._end is not None:
            try:
                self._end = await _append(link, rows, self._end)
            except Conflict:
                self._end = None
            else:
                return
        found = await link.rows(_TIP)
        self._end = await _append(link, rows, tuple(found[0]) if found else (0, ""))


async def _append(link: Link, rows: list[list[Any]], end: tuple[int, str]) -> tuple[int, str]:
    """Write the rows behind `end`; return where the trail ends then."""
    seq, digest = end
    for row in rows:
        seq += 1
        row[0] = seq
        digest = row[_HASH] = digest_of(digest, row)
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        marks = ", ".join([_MARKS] * len(some))
        values = [value for row in some for value in row]
        await link.rows(f"INSERT INTO audit ({_COLUMNS}) VALUES {marks}", values)  # noqa: S608
    return seq, digest


def _row(entry: AuditEntry, trace: Trace | None, actor: str, redactor: Redactor) -> list[Any]:
    """Return a row without its number and its hash."""
    who = trace.origin if trace and actor == "user" else actor
    return [
        0,
        to_microseconds(clock.now()),
        entry.action,
        entry.resource,
        clean_text(entry.resource_id),
        entry.severity.value,
        clean_text(f"{system_user()}/{who}"),
        trace.id if trace else entry.run_id,
        "",
        redactor.text(clean_text(entry.description)),
        redactor.json_text(clean_text(entry.before)),
        redactor.json_text(clean_text(entry.after)),
    ]


def digest_of(before: str, row: Sequence[Any]) -> str:
    """Return the hash of a row (its own hash left out) that stands behind one with `before`."""
    content = [before, *row[:_HASH], *row[_HASH + 1 :]]
    return hashlib.sha256(json.dumps(content, default=_foreign).encode()).hexdigest()


def _foreign(value: object) -> dict[str, str]:
    """Return what stands for bytes, which we never write: no text reads the same."""
    return {type(value).__name__: repr(value)}


@cache
def system_user() -> str:
    """Return the name of the user of the operating system, its number without a name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


async def page(link: Link, wanted: AuditFilter, limit: int, offset: int) -> Page[AuditRow]:
    """Return rows, newest first."""
    condition, values = wanted.condition()
    found = await link.rows(
        f"SELECT {_COLUMNS} FROM audit WHERE {condition} ORDER BY seq DESC LIMIT ? OFFSET ?",  # noqa: S608
        (*values, limit, offset),
    )
    total = await link.rows(f"SELECT count(*) FROM audit WHERE {condition}", values)  # noqa: S608
    return Page(each(_audit_row, found), total[0][0], limit, offset)


async def following(link: Link, seq: int, limit: int) -> tuple[AuditRow, ...]:
    """Return the rows behind `seq`, oldest first."""
    return each(_audit_row, await link.rows(_FOLLOWING, (seq, limit)))


async def verify(
    link: Link, after: int = 0, tip: str = "", limit: int | None = None
) -> AuditVerdict:
    """Compute the chain anew and return where it breaks first, if it does.

    It goes on behind row `after`, whose hash is `tip`, and stops after `limit` rows: then the
    verdict is not `complete`, and its `rows` and `tip` are where to go on.
    """
    seq, digest, end = after, tip, after + limit if limit else None
    while end is None or seq < end:
        block = _BLOCK if end is None else min(_BLOCK, end - seq)
        rows = await _readable(link, seq, block)
        if rows is None:
            return AuditVerdict(seq, seq + 1, _UNREADABLE.format(seq + 1))
        for row in rows:
            if row[0] != seq + 1:
                return AuditVerdict(seq, seq + 1, _missing(seq + 1, row[0] - 1))
            if row[_HASH] != digest_of(digest, row):
                return AuditVerdict(seq, row[0], _ALTERED.format(row[0]))
            seq, digest = row[0], row[_HASH]
        if not rows:
            return await _verified_ends(link, seq, digest)
    return AuditVerdict(seq, tip=digest, complete=False)


async def _readable(link: Link, seq: int, limit: int) -> list[Any] | None:
    """Return some rows behind `seq`, at most `limit`; None if the first one is not text.

    SQLite keeps any bytes as text, and the driver refuses a whole answer for one such row.
    """
    try:
        return await link.rows(_FOLLOWING, (seq, limit))
    except StoreError as error:
        if type(error) is not StoreError:  # the disk, or another program's lock
            raise
        return None if limit == 1 else await _readable(link, seq, limit // 2)


async def _verified_ends(link: Link, seq: int, digest: str) -> AuditVerdict:
    """Return the verdict on a chain that holds up to its last row `seq`."""
    highest = (await link.rows(_HIGHEST))[0][0]
    if highest > seq:
        return AuditVerdict(seq, seq + 1, _missing(seq + 1, highest))
    if highest < seq:
        return AuditVerdict(highest, highest + 1, _RECOUNTED.format(highest))
    before = await link.rows("SELECT min(seq) FROM audit WHERE seq < 1")
    if before[0][0] is not None:
        return AuditVerdict(seq, before[0][0], f"Row {before[0][0]} was put in front.")
    return AuditVerdict(seq, tip=digest)


_RECOUNTED = "The database has counted {} rows: its counter was set back, or rows were put behind."
_UNREADABLE = "Row {} cannot be read: it was changed."
_ALTERED = "Row {} does not fit the rows before it: it was changed, put in or moved."


def _missing(first: int, last: int) -> str:
    return f"Row {first} is missing." if first == last else f"Rows {first} to {last} are missing."


def _audit_row(row: Any) -> AuditRow:
    return AuditRow(
        seq=row[0],
        at=to_moment(row[1]),
        action=row[2],
        resource=row[3],
        resource_id=row[4],
        severity=Severity(row[5]),
        actor=row[6],
        trace_id=row[7],
        hash=row[8],
        description=row[9],
        before=row[10],
        after=row[11],
    )
