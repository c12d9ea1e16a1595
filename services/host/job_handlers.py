"""What carries out the commands about jobs of their own, and says what came of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from foredeck.services.domain.errors import Conflict, NotFound
from foredeck.services.domain.job_board import JobBoard
from foredeck.services.domain.job_views import JobQueueView, JobResult, JobRow
from foredeck.services.domain.records import Job
from foredeck.services.host import commands as c
from foredeck.services.host import queries as q
from foredeck.services.host.service import Handler
from foredeck.services.jobs.executor import Executor
from foredeck.services.jobs.job_board import board
from foredeck.services.jobs.job_output import result_of
from foredeck.services.jobs.job_service import JobService
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
            q.GetJobResult: self.result,
            q.GetJobQueue: self.queue,
            q.GetJobBoard: self.board,
        }

    async def result(self, query: q.GetJobResult) -> JobResult:
        """Answer `GetJobResult`."""
        detail = await self._queries.job(query.ref)
        if detail.order is None:
            raise Conflict(
                f"Job {detail.job.id} belongs to a run: its output is that of its step.",
                f"foredeck jobs logs {detail.job.id} prints it.",
            )
        attempt, latest = query.attempt or detail.job.attempt, detail.job.attempt
        if not 1 <= attempt <= latest:
            raise NotFound(f"There is no attempt {attempt}.", f"The latest one is {latest}.")
        return await asyncio.to_thread(result_of, detail, self._executor, attempt)

    async def queue(self, _query: q.GetJobQueue) -> JobQueueView:
        """Answer `GetJobQueue`."""
        view = await self._queries.job_queue(self._limit)
        return replace(view, starts=self._jobs is not None and self._jobs.starts)

    async def board(self, query: q.GetJobBoard) -> JobBoard:
        """Answer `GetJobBoard`."""
        queue = await self.queue(q.GetJobQueue())
        return await board(self._queries, queue, query.ended, self._aging)


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
            c.PrioritiseJob: self.prioritise,
            c.PauseJobs: self.pause,
            c.LimitJobs: self.limit,
        }

    async def submit(self, command: c.SubmitJob) -> JobRow:
        """Carry out `SubmitJob`."""
        return await self._row(
            await self._jobs.submit(command.wish, hold=command.hold, now=command.now)
        )

    async def execute(self, command: c.ExecuteJob) -> JobRow:
        """Carry out `ExecuteJob`."""
        return await self._row(await self._jobs.execute(command.ref, now=command.now))

    async def cancel(self, command: c.CancelJob) -> JobRow:
        """Carry out `CancelJob`."""
        return await self._row(await self._jobs.cancel(command.ref, command.reason))

    async def retry(self, command: c.RetryJob) -> JobRow:
        """Carry out `RetryJob`."""
        return await self._row(await self._jobs.retry(command.ref, hold=command.hold))

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
