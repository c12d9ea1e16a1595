"""What carries out the commands about jobs of their own, and says what came of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from foredeck.services.domain.errors import Conflict, NotFound
from foredeck.services.domain.job_board import JobBoard
from foredeck.services.domain.job_views import (
    BatchResult,
    BatchStatus,
    JobDetail,
    JobQueueView,
    JobResult,
    JobRow,
)
from foredeck.services.domain.records import Job
from foredeck.services.domain.states import JobState
from foredeck.services.domain.views import Page
from foredeck.services.host import commands as c
from foredeck.services.host import queries as q
from foredeck.services.host.service import Handler
from foredeck.services.jobs.executor import Executor, Handle
from foredeck.services.jobs.job_board import board_of_all, board_of_batch
from foredeck.services.jobs.job_output import batch_results_of, result_of
from foredeck.services.jobs.job_service import JobService
from foredeck.services.store.jobs import JobFilter
from foredeck.services.store.store import Store


class JobQueries:
    """Reads only; `jobs` is None where nothing works."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        limit: int,
        jobs: JobService | None,
        aging: float = 600.0,
    ) -> None:
        """`limit` and `aging` (seconds) are the settings of the queue."""
        self._queries = store.queries
        self._executor = executor
        self._limit = limit
        self._jobs = jobs
        self._aging = aging

    def table(self) -> dict[type, Handler]:
        """Return the handler of each query type."""
        return {
            q.GetJob: self.job,
            q.GetJobResult: self.result,
            q.GetJobQueue: self.queue,
            q.GetJobBoard: self.board,
            q.GetBatch: self.batch,
            q.GetBatchResults: self.batch_results,
        }

    async def job(self, query: q.GetJob) -> JobDetail:
        """Answer `GetJob`."""
        detail = await self._queries.job(query.ref)
        if detail.order is None or detail.job.state is not JobState.IN_PROGRESS:
            return detail
        handle = Handle(detail.job.id, detail.job.attempt)
        return replace(detail, process_id=await self._executor.process_id(handle))

    async def result(self, query: q.GetJobResult) -> JobResult:
        """Answer `GetJobResult`."""
        detail = await self._queries.job(query.ref)
        if detail.order is None:
            raise Conflict(
                f"Job {detail.job.id} belongs to a run: its output is that of its step.",
                f"foredeck jobs logs {detail.job.id} prints it.",
            )
        if detail.job.counts is not None:
            raise Conflict(
                f"Job {detail.job.id} is a batch, which prints nothing itself.",
                f"foredeck batch result {detail.job.id} prints what its jobs have printed.",
            )
        attempt, latest = query.attempt or detail.job.attempt, detail.job.attempt
        if not 1 <= attempt <= latest:
            raise NotFound(f"There is no attempt {attempt}.", f"The latest one is {latest}.")
        return await asyncio.to_thread(result_of, detail, self._executor, attempt)

    async def batch(self, query: q.GetBatch) -> BatchStatus:
        """Answer `GetBatch`."""
        return await self._queries.batch(query.ref)

    async def batch_results(self, query: q.GetBatchResults) -> Page[BatchResult]:
        """Answer `GetBatchResults`."""
        status = await self._queries.batch(query.ref)
        wanted = JobFilter(batch=status.id)
        page = await self._queries.jobs(wanted, query.limit, query.offset)
        details = [await self._queries.job(row.id) for row in page.items]
        found = await asyncio.to_thread(batch_results_of, details, self._executor)
        return Page(found, page.total, page.limit, page.offset)

    async def queue(self, _query: q.GetJobQueue) -> JobQueueView:
        """Answer `GetJobQueue`."""
        view = await self._queries.job_queue(self._limit)
        return replace(view, starts=self._jobs is not None and self._jobs.starts)

    async def board(self, query: q.GetJobBoard) -> JobBoard:
        """Answer `GetJobBoard`."""
        queue = await self.queue(q.GetJobQueue())
        if query.batch is not None:
            return await board_of_batch(self._queries, queue, query.batch, self._aging)
        return await board_of_all(self._queries, queue, query.ended, self._aging)


class JobCommands:
    """Returns the job as it stands once the change is durable."""

    def __init__(self, store: Store, jobs: JobService, queries: JobQueries) -> None:
        self._queries = store.queries
        self._jobs = jobs
        self._queue = queries

    def table(self) -> dict[type, Handler]:
        """Return the handler of each command type."""
        return {
            c.SubmitJob: self.submit,
            c.ExecuteJob: self.execute,
            c.CancelJob: self.cancel,
            c.RetryJob: self.retry,
            c.SubmitBatch: self.submit_batch,
            c.CancelBatch: self.cancel_batch,
            c.RetryBatch: self.retry_batch,
            c.PrioritiseJob: self.prioritise,
            c.PauseJobs: self.pause,
            c.LimitJobs: self.limit,
        }

    async def submit(self, command: c.SubmitJob) -> JobRow:
        """Carry out `SubmitJob`."""
        job = await self._jobs.submit(command.wish, hold=command.hold, now=command.now)
        return replace(await self._row(job), matches=await self._jobs.matches([command.wish]))

    async def execute(self, command: c.ExecuteJob) -> JobRow:
        """Carry out `ExecuteJob`."""
        return await self._row(await self._jobs.execute(command.ref, now=command.now))

    async def cancel(self, command: c.CancelJob) -> JobRow:
        """Carry out `CancelJob`."""
        return await self._row(await self._jobs.cancel(command.ref, command.reason))

    async def retry(self, command: c.RetryJob) -> JobRow:
        """Carry out `RetryJob`."""
        return await self._row(await self._jobs.retry(command.ref, hold=command.hold))

    async def submit_batch(self, command: c.SubmitBatch) -> BatchStatus:
        """Carry out `SubmitBatch`."""
        batch = await self._jobs.submit_batch(command.wish, hold=command.hold)
        matches = await self._jobs.matches(command.wish.jobs())
        return replace(await self._queries.batch(batch.id), matches=matches)

    async def cancel_batch(self, command: c.CancelBatch) -> BatchStatus:
        """Carry out `CancelBatch`."""
        status = await self._queries.batch(command.ref)
        await self._jobs.cancel(status.id, command.reason)
        return await self._queries.batch(status.id)

    async def retry_batch(self, command: c.RetryBatch) -> BatchStatus:
        """Carry out `RetryBatch`."""
        status = await self._queries.batch(command.ref)
        await self._jobs.retry(status.id)
        return await self._queries.batch(status.id)

    async def prioritise(self, command: c.PrioritiseJob) -> JobRow:
        """Carry out `PrioritiseJob`."""
        return await self._row(await self._jobs.prioritise(command.ref, command.priority))

    async def pause(self, command: c.PauseJobs) -> JobQueueView:
        """Carry out `PauseJobs`."""
        await self._jobs.pause(paused=command.paused)
        return await self._queue.queue(q.GetJobQueue())

    async def limit(self, command: c.LimitJobs) -> JobQueueView:
        """Carry out `LimitJobs`."""
        await self._jobs.limit(command.limit)
        return await self._queue.queue(q.GetJobQueue())

    async def _row(self, job: Job) -> JobRow:
        return (await self._queries.job(job.id)).job
