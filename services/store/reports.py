"""Reports, within one transaction, as a list, and the runs that are to be reported about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from foredeck.services.domain.events import ReportSaved
from foredeck.services.domain.reports import Report, ReportFormat, ReportRow
from foredeck.services.domain.states import FINAL_RUNS
from foredeck.services.domain.views import Page
from foredeck.services.store import mapping
from foredeck.services.store.codecs import to_moment, to_path
from foredeck.services.store.engine import Link
from foredeck.services.store.finding import by_beginning
from foredeck.services.store.repository import Repository, marks
from foredeck.services.store.rows import each

# Only constants of this module are put together; every value is a parameter.
# ruff: noqa: S608

_FINAL = sorted(state.value for state in FINAL_RUNS)
_COLUMNS = """
    n.id, n.run_id, n.title, n.format, n.automatic, n.size, n.path, n.created_at,
    p.name, r.state, coalesce(e.task_id, ''), coalesce(k.name, '')
"""
_JOINS = """
    CROSS JOIN run r ON r.id = n.run_id CROSS JOIN project p ON p.id = r.project_id
    LEFT JOIN execution e ON e.id = n.run_id LEFT JOIN task k ON k.id = e.task_id
"""
_NEWEST = "ORDER BY n.created_at DESC, n.id DESC"
# Where the pages of one task's runs begin: those are few against all the reports.
_OF_TASK = "execution o CROSS JOIN report n ON n.run_id = o.id"
# Ends of runs of whose executions each wants a report, and has none about this end.
_DUE = f"""
    SELECT e.id, r.ended_at FROM execution e CROSS JOIN run r ON r.id = e.id
    WHERE e.report_format IS NOT NULL AND r.state IN ({marks(_FINAL)})
        AND r.ended_at IS NOT NULL AND e.reported_at IS NOT r.ended_at
    ORDER BY r.ended_at, e.id
"""


class ReportRepository(Repository[Report]):
    """Reports, each with its file."""

    map = mapping.REPORTS
    audited = True

    async def add(self, report: Report) -> None:
        """Store a new report; its file is there."""
        await self._insert(report)
        self._publish(report)

    async def remove(self, report: Report) -> None:
        """Forget a report."""
        await self._unit.link.rows("DELETE FROM report WHERE id = ?", (report.id,))
        self._audit("delete", report.id, self._map.to_row(report), {})
        self._publish(report)

    async def ids(self) -> frozenset[str]:
        """Return the ids of all reports."""
        return frozenset(row[0] for row in await self._unit.link.rows("SELECT id FROM report"))

    def _publish(self, report: Report) -> None:
        self._unit.publish(ReportSaved(report_id=report.id, run_id=report.run_id))


async def page(
    link: Link, run: str | None, task: str | None, limit: int, offset: int
) -> Page[ReportRow]:
    """Return reports, newest first; `run` and `task` are ids of what they are about, or None."""
    source = _OF_TASK if task is not None else "report n"
    wanted = {"n.run_id = ?": run, "o.task_id = ?": task}
    given = {test: value for test, value in wanted.items() if value is not None}
    condition = " AND ".join(given or ["n.created_at > -1"])
    found = await link.rows(
        f"SELECT {_COLUMNS} FROM {source} {_JOINS} WHERE {condition} {_NEWEST} LIMIT ? OFFSET ?",
        (*given.values(), limit, offset),
    )
    total = await link.rows(
        f"SELECT count(*) FROM {source} WHERE {condition}",
        tuple(given.values()),
    )
    return Page(each(_row, found), total[0][0], limit, offset)


async def row(link: Link, ref: str) -> ReportRow:
    """Return the report with this id or beginning of one; raises `NotFound`, `Ambiguous`."""
    report_id = await by_beginning(link, "report", ref)
    found = await link.rows(
        f"SELECT {_COLUMNS} FROM report n {_JOINS} WHERE n.id = ?", (report_id,)
    )
    return each(_row, found)[0]


async def due(link: Link) -> tuple[tuple[str, datetime], ...]:
    """Return the runs that have ended and are to be reported about, each with its end."""
    return tuple((row[0], to_moment(row[1])) for row in await link.rows(_DUE, _FINAL))


def _row(row: Any) -> ReportRow:
    return ReportRow(
        id=row[0],
        run_id=row[1],
        title=row[2],
        format=ReportFormat(row[3]),
        automatic=bool(row[4]),
        size=row[5],
        path=to_path(row[6]),
        created_at=to_moment(row[7]),
        project_name=row[8],
        run_state=row[9],
        task_id=row[10],
        task_name=row[11],
    )
