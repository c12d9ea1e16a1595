"""Jobs of their own for those who ask for them inside of Foredeck: the agents of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.events import JobSaved, Resync
from foredeck.services.domain.job_views import BatchStatus, JobDetail, JobResult, JobRow
from foredeck.services.domain.jobs import MOST_IN_BATCH, BatchWish, JobWish
from foredeck.services.domain.states import FINAL_JOBS, FINAL_RUNS
from foredeck.services.domain.views import Page
from foredeck.services.event_bus import EventBus, Subscription
from foredeck.services.jobs.executor import Executor
from foredeck.services.jobs.job_environment import know_secrets
from foredeck.services.jobs.job_output import beginning_of, result_of
from foredeck.services.jobs.job_records import JobRecords
from foredeck.services.jobs.job_service import JobService
from foredeck.services.patience import all_of
from foredeck.services.store.audit import TRACE, Trace
from foredeck.services.store.jobs import JobFilter
from foredeck.services.store.store import Store


class AgentJobs:
    """What agents may do with jobs; who asks is a `Trace` whose id is the run's (SPEC J2, R4).

    What they submit is started also by a host that was not opened to stay: it drives their run.
    """

    def __init__(
        self,
        store: Store,
        bus: EventBus,
        service: JobService,
        records: JobRecords,
        executor: Executor,
    ) -> None:
        self._store = store
        self._bus = bus
        self._service = service
        self._records = records
        self._executor = executor

    async def submit(self, wish: JobWish, job_id: str, asker: Trace) -> JobDetail:
        """Queue a job under that id, or return the one that is there; raises as the service."""
        with _asked_by(asker):
            await self._service.submit(wish, now=True, job_id=job_id)
        return await self.get(job_id)

    async def submit_batch(self, wish: BatchWish, job_id: str, asker: Trace) -> BatchStatus:
        """Queue a batch under that id, or return the one that is there."""
        with _asked_by(asker):
            await self._service.submit_batch(wish, now=True, job_id=job_id)
        return await self.batch(job_id)

    async def batch(self, job_id: str) -> BatchStatus:
        """Return a batch as it stands; raises `NotFound`, `Ambiguous` and `Conflict`."""
        return await self._store.queries.batch(job_id)

    async def children(self, batch_id: str) -> tuple[JobRow, ...]:
        """Return the jobs of a batch in their order."""
        wanted = JobFilter(batch=batch_id)
        return (await self._store.queries.jobs(wanted, limit=MOST_IN_BATCH)).items

    async def cancel(self, job_id: str, reason: str, asker: Trace) -> JobDetail:
        """Cancel a job; returns when nothing of it is left. `Conflict` if it has ended."""
        with _asked_by(asker):
            await self._service.cancel(job_id, reason)
        return await self.get(job_id)

    async def get(self, job_id: str) -> JobDetail:
        """Return a job as it stands; raises `NotFound` and `Ambiguous`."""
        return await self._store.queries.job(job_id)

    async def wait(self, job_id: str) -> JobDetail:
        """Return a job when it has ended; cancelled, it lets the job go on."""
        events = self._bus.subscribe()
        try:
            while (detail := await self.get(job_id)).job.state not in FINAL_JOBS:
                await _news_of(job_id, events)
            return detail
        finally:
            await events.aclose()

    async def listed(
        self, project_id: str, state: str | None, type_: str | None, limit: int
    ) -> Page[JobRow]:
        """Return jobs of a project that belong to no run and to no batch, newest first."""
        wanted = JobFilter(state=state, type=type_, project=project_id, alone=True)
        return await self._store.queries.jobs(wanted, limit)

    async def result(self, job_id: str) -> JobResult:
        """Return what has come of a job so far; it goes to a model, so without secrets."""
        detail = await self.get(job_id)
        if detail.order is not None:  # perhaps it ran in an earlier host
            await know_secrets(self._store, detail.order)
        found = await asyncio.to_thread(result_of, detail, self._executor)
        hide = self._store.redactor.text
        return replace(found, output=hide(found.output), errors=hide(found.errors), data=None)

    async def printed(self, job_id: str, characters: int, *, errors: bool) -> str:
        """Return the beginning of what a job has printed on stdout, or on stderr."""
        result = await self.result(job_id)
        path = Path(result.errors_path if errors else result.output_path)
        text = await asyncio.to_thread(beginning_of, path, characters)
        return self._store.redactor.text(text)

    async def stop(self, run_id: str) -> None:
        """Cancel what the agents of a run that is stopped have submitted and has not ended.

        A run that has ended leaves its jobs alone: they go on until they are done.
        """
        async with self._store.transaction() as tx:
            if (await tx.runs.get(run_id)).state in FINAL_RUNS:
                return
        left = await self._records.left_by(run_id)
        with _asked_by(Trace(run_id, "run")):
            await all_of([self._stop(job_id) for job_id in left])

    async def _stop(self, job_id: str) -> None:
        with suppress(Conflict):  # it ended by itself a moment ago
            await self._service.cancel(job_id, "its run was stopped")


@contextmanager
def _asked_by(asker: Trace) -> Iterator[None]:
    token = TRACE.set(asker)
    try:
        yield
    finally:
        TRACE.reset(token)


async def _news_of(job_id: str, events: Subscription) -> None:
    async for event in events:
        if isinstance(event, Resync):
            return
        if isinstance(event, JobSaved) and event.job_id == job_id and event.state in FINAL_JOBS:
            return
