"""The ways of one job of its own, within one transaction; its batch comes along."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from foredeck.services.domain import clock
from foredeck.services.domain.jobs import JobOrder
from foredeck.services.domain.records import Failure, Job
from foredeck.services.domain.states import JobState
from foredeck.services.jobs import batches
from foredeck.services.jobs.endings import exit_code_of
from foredeck.services.jobs.executor import Executor, Handle
from foredeck.services.jobs.job_follower import Ended
from foredeck.services.store.audit import TRACE, Trace
from foredeck.services.store.store import Transaction

# Of a lost one nobody knows what it has done: a person decides.
_RETRIED_BY_ITSELF = frozenset({JobState.FAILED, JobState.TIMEOUT})

Owned = tuple[Job, JobOrder]


@contextmanager
def on_behalf_of(order: JobOrder) -> Iterator[None]:
    """What is recorded meanwhile belongs to the command that asked for the job."""
    token = TRACE.set(Trace(order.trace_id, order.created_by))
    try:
        yield
    finally:
        TRACE.reset(token)


class JobMoves:
    """`executor` says where the output of an attempt lies."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def placed(self, job: Job) -> Job:
        """Return a new job with the place of its output."""
        return replace(job, output_path=self._executor.path(Handle(job.id, job.attempt)))

    async def queue(self, tx: Transaction, job: Job, order: JobOrder) -> Job:
        """Let a held job wait for its turn."""
        moment = clock.now()
        job = await tx.move_job(job.id, JobState.QUEUED, queued_at=moment, updated_at=moment)
        if order.parent_id is not None:
            await batches.queued(tx, order.parent_id)
        return job

    async def begin(self, tx: Transaction, job_id: str) -> Owned:
        """Begin a job whose turn it is."""
        moment = clock.now()
        order = await tx.job_orders.get(job_id)
        with on_behalf_of(order):
            job = await tx.move_job(
                job_id, JobState.IN_PROGRESS, started_at=moment, updated_at=moment
            )
            if order.parent_id is not None:
                await batches.begun(tx, order.parent_id)
        return job, order

    async def cancel(self, tx: Transaction, job: Job, order: JobOrder, reason: str) -> Job:
        """Cancel a job that has not begun."""
        await tx.job_orders.save(replace(order, cancel_reason=reason))
        moment = clock.now()
        job = await tx.move_job(
            job.id, JobState.CANCELLED, reason=reason, ended_at=moment, updated_at=moment
        )
        if order.parent_id is not None:
            await batches.ended(tx, order.parent_id, job.state)
        return job

    async def end(self, tx: Transaction, job: Job, ended: Ended, reason: str) -> None:
        """Store how a job ended, and queue it again if it is to be retried by itself."""
        order = await tx.job_orders.get(job.id)
        with on_behalf_of(order):
            job = await self._end(tx, job, ended, reason)
            if job.state is JobState.COMPLETED:
                await tx.job_orders.save(replace(order, progress=100.0))
            elif job.state is JobState.CANCELLED:
                await tx.job_orders.save(replace(order, cancel_reason=reason))
            if await self._is_tried_again(tx, job, order):
                await self.again(tx, job, order, hold=False)
            elif order.parent_id is not None:
                await batches.ended(tx, order.parent_id, job.state)

    async def _end(self, tx: Transaction, job: Job, ended: Ended, reason: str) -> Job:
        found, failure = ended.found, ended.failure
        moment = clock.now()
        return await tx.move_job(
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

    async def _is_tried_again(self, tx: Transaction, job: Job, order: JobOrder) -> bool:
        left = order.retry_count < order.max_retries
        if not (order.auto_retry and left and job.state in _RETRIED_BY_ITSELF):
            return False
        if order.parent_id is None:
            return True
        parent = await tx.job_orders.get(order.parent_id)
        enough = await batches.has_failed_enough(tx, parent, besides=job.id)
        return not parent.cancel_reason and not enough

    async def again(self, tx: Transaction, job: Job, order: JobOrder, *, hold: bool) -> Job:
        """Begin a new attempt; the output of the old one stays where it is."""
        handle = Handle(job.id, job.attempt + 1)
        count = order.retry_count + 1
        await tx.job_orders.save(
            replace(
                order, retry_count=count, progress=0.0, progress_message="", output_removed_at=None
            )
        )
        moment = clock.now()
        nothing: Failure | None = None
        job = await tx.move_job(
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
        if order.parent_id is not None:
            await batches.queued(tx, order.parent_id, held=hold)
        return job
