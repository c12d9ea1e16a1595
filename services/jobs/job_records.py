"""What the database says of jobs of their own; each step of their way is durable first."""

from __future__ import annotations

from dataclasses import replace

from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict, NotFound
from foredeck.services.domain.jobs import JobOrder, Priority
from foredeck.services.domain.records import Failure, Job
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.jobs.endings import exit_code_of
from foredeck.services.jobs.executor import Executor, Handle
from foredeck.services.jobs.job_follower import Ended
from foredeck.services.jobs.job_queue import Limits, Waiting, next_to_start
from foredeck.services.store.store import Store, Transaction

# Of a lost one nobody knows what it has done: a person decides.
_RETRIED_BY_ITSELF = frozenset({JobState.FAILED, JobState.TIMEOUT})
_RETRIED = _RETRIED_BY_ITSELF | {JobState.LOST}
_NO_RETRY_LEFT = "foredeck jobs show tells why it ended; submit it again to start over."

Owned = tuple[Job, JobOrder]


class JobRecords:
    """Finds and moves them; `limit` and `aging` (seconds) are the settings of the queue."""

    def __init__(self, store: Store, executor: Executor, limit: int, aging: float) -> None:
        self._store = store
        self._executor = executor
        self._limit = limit
        self._aging = aging

    async def add(self, job: Job, order: JobOrder) -> Job:
        """Store a new job, and return it with the place of its output."""
        job = replace(job, output_path=self._executor.path(Handle(job.id, job.attempt)))
        async with self._store.transaction("user") as tx:
            await tx.jobs.add(job)
            await tx.job_orders.add(order)
        return job

    async def known(self, job_id: str) -> Job | None:
        """Return the job of exactly that id, None if there is none."""
        async with self._store.transaction("user") as tx:
            try:
                return await tx.jobs.get(job_id)
            except NotFound:
                return None

    async def left_by(self, trace_id: str) -> tuple[str, ...]:
        """Return the ids of the jobs under that trace which have not ended."""
        async with self._store.transaction("user") as tx:
            return await tx.job_orders.unfinished(trace_id)

    async def find(self, tx: Transaction, ref: str) -> Owned:
        """Return a job of its own; raises `NotFound`, `Ambiguous`, and `Conflict` for others."""
        job = await tx.jobs.find(ref)
        order = await tx.job_orders.of(job)
        if order is None:
            raise Conflict(
                f"Job {job.id} belongs to a run.",
                f"It is directed with its run: foredeck runs show {job.run_id}",
            )
        return job, order

    async def take_next(self, chosen: frozenset[str] | None) -> tuple[Owned, ...]:
        """Move the jobs whose turn it is into progress; only of the `chosen`, unless None."""
        async with self._store.transaction() as tx:
            state = await tx.job_queue.get()
            if state.paused_at is not None:
                return ()
            waiting = [
                Waiting(job_id, project_id, Priority(priority), since / 1e6)
                for job_id, project_id, priority, since in await tx.job_orders.queued()
                if chosen is None or job_id in chosen
            ]
            working = [project_id for _job, project_id in await tx.job_orders.working()]
            limits = Limits(state.limit or self._limit, await _shares(tx, waiting))
            moment = clock.now()
            ready = next_to_start(waiting, working, limits, moment.timestamp(), self._aging)
            return tuple([await self._begin(tx, one.id) for one in ready])

    async def _begin(self, tx: Transaction, job_id: str) -> Owned:
        moment, order = clock.now(), await tx.job_orders.get(job_id)
        job = await tx.move_job(
            job_id,
            JobState.IN_PROGRESS,
            trace_id=order.trace_id,
            started_at=moment,
            updated_at=moment,
        )
        return job, order

    async def in_progress(self) -> tuple[Owned, ...]:
        """Return those that an earlier host has left at work."""
        async with self._store.transaction("recovery") as tx:
            found = await tx.job_orders.working()
            return tuple(
                [(await tx.jobs.get(job), await tx.job_orders.get(job)) for job, _project in found]
            )

    async def release(self, ref: str) -> Job:
        """Queue a job that was held; raises `Conflict` for any other."""
        async with self._store.transaction("user") as tx:
            job, _order = await self.find(tx, ref)
            if job.state is not JobState.PENDING:
                raise Conflict(
                    f"Job {job.id} is {job.state}: only a held one is executed.",
                    f"foredeck jobs show {job.id} says more.",
                )
            return await _queued(tx, job)

    async def cancel_waiting(self, ref: str, reason: str) -> Owned:
        """Cancel a job that has not begun; one at work is returned as it is.

        Raises `Conflict` for one that has ended.
        """
        async with self._store.transaction("user") as tx:
            job, order = await self.find(tx, ref)
            if job.state in FINAL_JOBS:
                raise Conflict(f"Job {job.id} is {job.state} already: there is nothing to cancel.")
            if job.state is not JobState.IN_PROGRESS:
                moment = clock.now()
                job = await tx.move_job(
                    job.id, JobState.CANCELLED, reason=reason, ended_at=moment, updated_at=moment
                )
        return job, order

    async def retry(self, ref: str, *, hold: bool) -> Job:
        """Give a job that ended badly a new attempt; raises `Conflict` where there is none."""
        async with self._store.transaction("user") as tx:
            job, order = await self.find(tx, ref)
            if job.state not in _RETRIED:
                raise Conflict(
                    f"Job {job.id} is {job.state}: only a failed, timed out or lost one is retried."
                )
            if order.retry_count >= order.max_retries:
                raise Conflict(
                    f"Job {job.id} was retried {order.retry_count} of {order.max_retries} times.",
                    _NO_RETRY_LEFT,
                )
            return await self._again(tx, job, order, hold=hold)

    async def prioritise(self, ref: str, priority: Priority) -> Job:
        """Give a job that waits another priority; raises `Conflict` for any other."""
        async with self._store.transaction("user") as tx:
            job, order = await self.find(tx, ref)
            if job.state not in {JobState.PENDING, JobState.QUEUED}:
                raise Conflict(f"Job {job.id} is {job.state}: its priority changes nothing now.")
            await tx.job_orders.save(replace(order, priority=priority))
            await tx.jobs.tell(job.id)
        return job

    async def end(self, job: Job, ended: Ended, reason: str) -> Job:
        """Store how a job ended, and queue it again if it is to be retried by itself."""
        found, failure = ended.found, ended.failure
        async with self._store.transaction() as tx:
            moment = clock.now()
            job = await tx.move_job(
                job.id,
                found.state,
                reason=reason or (failure.message if failure else ""),
                exit_code=exit_code_of(found),
                failure=failure,
                ended_at=moment,
                updated_at=moment,
                cpu_seconds=found.cpu_seconds,
                peak_memory=found.peak_memory,
            )
            order = await tx.job_orders.get(job.id)
            if found.state is JobState.COMPLETED:
                await tx.job_orders.save(replace(order, progress=100.0))
            left = order.retry_count < order.max_retries
            if order.auto_retry and left and found.state in _RETRIED_BY_ITSELF:
                job = await self._again(tx, job, order, hold=False)
        return job

    async def _again(self, tx: Transaction, job: Job, order: JobOrder, *, hold: bool) -> Job:
        """Begin a new attempt; the output of the old one stays where it is."""
        handle = Handle(job.id, job.attempt + 1)
        count = order.retry_count + 1
        await tx.job_orders.save(
            replace(order, retry_count=count, progress=0.0, progress_message="")
        )
        moment = clock.now()
        nothing: Failure | None = None
        return await tx.move_job(
            job.id,
            JobState.PENDING if hold else JobState.QUEUED,
            reason=f"retry {count} of {order.max_retries}",
            attempt=handle.attempt,
            output_path=self._executor.path(handle),
            queued_at=None if hold else moment,
            updated_at=moment,
            started_at=None,
            ended_at=None,
            exit_code=None,
            failure=nothing,
            cpu_seconds=None,
            peak_memory=None,
        )


async def _queued(tx: Transaction, job: Job) -> Job:
    moment = clock.now()
    return await tx.move_job(job.id, JobState.QUEUED, queued_at=moment, updated_at=moment)


async def _shares(tx: Transaction, waiting: list[Waiting]) -> dict[str, int]:
    """Return how many jobs may work at once in the projects that have a limit of their own."""
    shares: dict[str, int] = {}
    for project_id in {job.project_id for job in waiting}:
        share = (await tx.projects.get(project_id)).settings.concurrency
        if share is not None:
            shares[project_id] = share
    return shares
