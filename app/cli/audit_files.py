"""Exports of the audit trail: written row by row, and held against the trail later."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from foredeck.app.cli.output_places import unwritable
from foredeck.app.cli.render import plain
from foredeck.services.domain.audit import AuditRow
from foredeck.services.domain.errors import Conflict, InvalidInput
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import ReadAudit

_BLOCK = 1000
COLUMNS = (
    *("seq", "at", "action", "resource", "resource_id", "severity", "actor"),
    *("trace_id", "description", "before", "after", "hash"),
)


def answer_of(row: AuditRow) -> dict[str, Any]:
    """Return a row as one flat object, its JSON parsed."""
    answer: dict[str, Any] = {"id": row.seq, **plain(row)}
    return {**answer, "before": _parsed(row.before), "after": _parsed(row.after)}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return text


async def trail(host: Host, after: int = 0) -> AsyncIterator[AuditRow]:
    """Yield the rows behind `after`, oldest first, without holding all of them."""
    while rows := await host.ask(ReadAudit(after, _BLOCK)):
        for row in rows:
            yield row
        after = rows[-1].seq


async def write(
    host: Host, stream: TextIO, form: str, since: datetime | None, until: datetime | None
) -> int:
    """Write the rows of a time as JSON lines or CSV; return how many."""
    count = 0
    table = csv.writer(stream, quoting=csv.QUOTE_ALL) if form == "csv" else None
    if table:
        table.writerow(COLUMNS)
    async for row in trail(host):
        if (since and row.at < since) or (until and row.at >= until):
            continue
        count += 1
        if table:
            fields = plain(row)
            table.writerow([fields[name] for name in COLUMNS])
        else:
            stream.write(json.dumps(answer_of(row), ensure_ascii=False) + "\n")
    return count


@contextmanager
def target(path: str | None) -> Iterator[TextIO]:
    """Open a new private file, or stdout; raises `Conflict`, and what `unwritable` returns."""
    if path is None:
        yield sys.stdout
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    place = Path(path).expanduser()
    try:
        file = os.fdopen(os.open(place, flags, 0o600), "w", encoding="utf-8", newline="")
    except FileExistsError:
        raise Conflict(f"{path} is there already.", "Choose another name.") from None
    except OSError as error:
        raise unwritable(place, error) from error
    try:
        with file:
            yield file
    except BaseException as error:  # half an export would be taken for a whole one
        place.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise unwritable(place, error) from error
        raise


# --- holding an export against the trail ----------------------------------------------


async def difference(host: Host, path: str) -> tuple[int, int | None, str]:
    """Return how many rows of an export are in the trail as they stand, and the first that is not.

    With it comes what differs, as a sentence. Raises `InvalidInput` for what is no export.
    """
    same, rows, row = 0, None, None
    for number, exported in _exported(path):
        if rows is None:
            rows = trail(host, number - 1)
        row = await anext(rows, None) if row is None or row.seq < number else row
        while row is not None and row.seq < number:
            row = await anext(rows, None)
        if row is None:
            return same, number, f"Row {number} of the export is not there: the trail ends before."
        if row.seq > number:
            return same, number, f"Row {number} of the export is not in the trail."
        if names := _differing(exported, answer_of(row)):
            return same, number, f"Row {number} differs from the export: {', '.join(names)}."
        same += 1
    return same, None, ""


def _differing(exported: dict[str, Any], row: dict[str, Any]) -> list[str]:
    return [name for name in COLUMNS if exported.get(name) != row[name]]


def _exported(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and fields of each row of an export of either form."""
    last = 0
    try:
        with Path(path).expanduser().open(encoding="utf-8", newline="") as file:
            for exported in _parsed_lines(file):
                number = int(exported["seq"])
                if number <= last:
                    raise InvalidInput(f"Row {number} of {path} is out of its order.", _EXPORT)
                last = number
                yield number, exported
    except FileNotFoundError:
        raise InvalidInput(f"There is no file {path}.", _EXPORT) from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", _EXPORT) from None
    except (ValueError, KeyError, TypeError, RecursionError, csv.Error):
        raise InvalidInput(f"{path} is no export of an audit trail.", _EXPORT) from None


_EXPORT = "foredeck audit export --output FILE writes one."


def _parsed_lines(file: TextIO) -> Iterator[dict[str, Any]]:
    first = file.readline()
    file.seek(0)
    if first.startswith("{"):
        for line in file:
            yield json.loads(line)
        return
    csv.field_size_limit(1 << 30)
    table = csv.DictReader(file)
    if first and not set(COLUMNS) <= set(table.fieldnames or ()):
        raise ValueError
    for fields in table:
        # In CSV all is text, and what was before and after is JSON as it was written.
        yield {
            **fields,
            "seq": int(fields["seq"]),
            "before": _parsed(fields["before"]),
            "after": _parsed(fields["after"]),
        }
