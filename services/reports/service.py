"""Makes reports, keeps them as files with a row each, and deletes them (SPEC T5)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from foredeck.services.domain import clock
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.reports import Report, ReportFormat
from foredeck.services.reports.collecting import ReportCollector
from foredeck.services.reports.files import ReportFiles
from foredeck.services.reports.renderers import RENDERERS, Renderer
from foredeck.services.store.store import Store, Transaction

if TYPE_CHECKING:
    from foredeck.services.domain.report_model import RunReport


class ReportService:
    """Lives on the services' loop; collecting and rendering happen in threads, one at a time.

    A file is durable before its row, and a row is gone before its file: what a crash leaves in
    between is a file of no report, which `tidy` removes.
    """

    def __init__(
        self,
        store: Store,
        collector: ReportCollector,
        data_dir: Path,
        renderers: Mapping[ReportFormat, Renderer] = RENDERERS,
    ) -> None:
        self._store = store
        self._collector = collector
        self._files = ReportFiles(data_dir)
        self._renderers = renderers
        self._one_at_a_time = asyncio.Lock()

    async def create(self, run_ref: str, format_: ReportFormat, title: str = "") -> Report:
        """Make a report about a run in whatever state it is.

        Raises `NotFound`, `Ambiguous`, `StorageFull` and `StoreError`.
        """
        async with self._one_at_a_time:
            model = await self._collector.collect(run_ref, title)
            report = await self._written(model, format_)
            await self._store_row(report)
        return report

    async def create_automatically(self, run_id: str) -> Report | None:
        """Make the report that the task of a run wants about its end, once for each end.

        None if there is nothing to report about: the run is of no task, or goes on again.
        """
        async with self._one_at_a_time:
            async with self._store.transaction() as tx:
                format_ = await _wanted(tx, run_id)
            if format_ is None:
                return None
            model = await self._collector.collect(run_id)
            if model.run.ended_at is None:  # it was taken up again: its next end is told
                return None
            report = await self._written(model, format_, automatic=True)
            return report if await self._store_once(report, model) else None

    async def delete(self, ref: str) -> Report:
        """Delete a report and its file; raises `NotFound`, `Ambiguous` and `StoreError`."""
        async with self._store.transaction("user") as tx:
            report = await tx.reports.find(ref)
            await tx.reports.remove(report)
        await asyncio.to_thread(self._files.remove, report.path)
        return report

    async def tidy(self) -> None:
        """Remove the files that a crash has left without a row."""
        async with self._one_at_a_time:
            async with self._store.transaction() as tx:
                known = await tx.reports.ids()
            await asyncio.to_thread(self._files.tidy, known)

    async def _written(
        self, model: RunReport, format_: ReportFormat, *, automatic: bool = False
    ) -> Report:
        """Write the file of a report; return what is to be stored of it."""
        report_id = new_id()
        data = await asyncio.to_thread(self._renderers[format_], model)
        path = await asyncio.to_thread(self._files.write, report_id, format_.value, data)
        return Report(
            id=report_id,
            run_id=model.run.id,
            format=format_,
            title=model.title,
            path=path,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            created_at=clock.now(),
            automatic=automatic,
        )

    async def _store_row(self, report: Report) -> None:
        try:
            async with self._store.transaction("user") as tx:
                await tx.reports.add(report)
        except BaseException:
            await asyncio.to_thread(self._files.remove, report.path)
            raise

    async def _store_once(self, report: Report, model: RunReport) -> bool:
        """Store an automatic report and which end it is about; False if there is one already."""
        stored = False
        try:
            async with self._store.transaction("reports") as tx:
                execution = await tx.executions.of(report.run_id)
                ended_at = model.run.ended_at
                if execution and ended_at and execution.reported_at != ended_at:
                    await tx.reports.add(report)
                    await tx.executions.reported(execution, ended_at)
                    stored = True
        finally:
            if not stored:
                await asyncio.to_thread(self._files.remove, report.path)
        return stored


async def _wanted(tx: Transaction, run_id: str) -> ReportFormat | None:
    """Return the format of the report that is due about a run, None if none is."""
    execution = await tx.executions.of(run_id)
    if execution is None or execution.report_format is None:
        return None
    run = await tx.runs.get(run_id)
    due = run.ended_at is not None and execution.reported_at != run.ended_at
    return execution.report_format if due else None
