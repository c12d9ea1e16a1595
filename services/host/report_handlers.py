"""What carries out the commands about reports, and answers the queries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from foredeck.services.domain.report_model import RunReport
from foredeck.services.domain.reports import ReportRow
from foredeck.services.domain.views import Page
from foredeck.services.host import report_requests as r
from foredeck.services.host.service import Handler
from foredeck.services.reports.collecting import ReportCollector
from foredeck.services.reports.service import ReportService
from foredeck.services.store.store import Store


class ReportQueries:
    """Reads only."""

    def __init__(self, store: Store, collector: ReportCollector, data_dir: Path) -> None:
        self._queries = store.queries
        self._collector = collector
        self._data_dir = data_dir.absolute()

    def table(self) -> dict[type, Handler]:
        """Return the handler of each query type."""
        return {
            r.ListReports: self.reports,
            r.GetReport: self.report,
            r.GetRunReport: self.run_report,
        }

    async def reports(self, query: r.ListReports) -> Page[ReportRow]:
        """Answer `ListReports`."""
        page = await self._queries.reports.page(query.run, query.task, query.limit, query.offset)
        return replace(page, items=tuple(map(self._placed, page.items)))

    async def report(self, query: r.GetReport) -> ReportRow:
        """Answer `GetReport`."""
        return self._placed(await self._queries.reports.get(query.ref))

    async def run_report(self, query: r.GetRunReport) -> RunReport:
        """Answer `GetRunReport`."""
        return await self._collector.collect(query.run)

    def _placed(self, row: ReportRow) -> ReportRow:
        return replace(row, path=str(self._data_dir / row.path))


class ReportCommands:
    """Makes and deletes reports."""

    def __init__(self, service: ReportService, queries: ReportQueries) -> None:
        self._service = service
        self._queries = queries

    def table(self) -> dict[type, Handler]:
        """Return the handler of each command type."""
        return {r.CreateReport: self.create, r.DeleteReport: self.delete}

    async def create(self, command: r.CreateReport) -> ReportRow:
        """Carry out `CreateReport`."""
        report = await self._service.create(command.run, command.format, command.title)
        return await self._queries.report(r.GetReport(report.id))

    async def delete(self, command: r.DeleteReport) -> ReportRow:
        """Carry out `DeleteReport`."""
        row = await self._queries.report(r.GetReport(command.ref))
        await self._service.delete(row.id)
        return row
