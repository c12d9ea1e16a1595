"""Batches: jobs that run nothing themselves and stand where their own jobs stand (SPEC J4).

Called within the transaction that moves one of these, so that nobody ever sees them disagree.
"""

from __future__ import annotations

from typing import Any

from foredeck.services.domain import clock
from foredeck.services.domain.jobs import JobOrder
from foredeck.services.domain.records import Failure, FailureClass, Job
from foredeck.services.domain.states import FINAL_JOBS, TRANSITIONS, JobState
from foredeck.services.patience import breathing
from foredeck.services.store.store import Transaction

FAILED_JOBS = frozenset({JobState.FAILED, JobState.TIMEOUT, JobState.LOST})
WAITING_JOBS = frozenset({JobState.PENDING, JobState.QUEUED})
UNENDED_JOBS = WAITING_JOBS | {JobState.IN_PROGRESS}

# The way of a batch that does not end where it stands.
_NEXT = {JobState.PENDING: JobState.QUEUED, JobState.QUEUED: JobState.IN_PROGRESS}


async def queued(tx: Transaction, parent_id: str, *, held: bool = False) -> None:
    """Take note that a job waits, for the first time or again: for its turn, or `held`."""
    parent = await tx.jobs.get(parent_id)
    if parent.state is JobState.FAILED or (parent.state is JobState.PENDING and not held):
        await _move(
            tx,
            parent,
            JobState.PENDING if held else JobState.QUEUED,
            queued_at=None if held else clock.now(),
            started_at=None,
            ended_at=None,
            failure=None,
        )


async def begun(tx: Transaction, parent_id: str) -> None:
    """Take note that a job has begun."""
    parent = await tx.jobs.get(parent_id)
    if parent.state is JobState.QUEUED:
        await _move(tx, parent, JobState.IN_PROGRESS, started_at=clock.now())


async def ended(tx: Transaction, parent_id: str, state: JobState) -> None:
    """Take note that a job has ended so; with the last one its batch ends."""
    order = await tx.job_orders.get(parent_id)
    if state in FAILED_JOBS and await has_failed_enough(tx, order):
        noun = "failure" if order.stop_after == 1 else "failures"
        reason = f"the batch stops after {order.stop_after} {noun}"
        await cancel_waiting(tx, parent_id, reason)
    if await tx.job_orders.has_children(parent_id, UNENDED_JOBS):
        await tx.jobs.tell(parent_id)
    else:
        await end(tx, order)


async def has_failed_enough(tx: Transaction, order: JobOrder, besides: str = "") -> bool:
    """Whether no more jobs of a batch may begin, because too many failed besides that one."""
    if order.stop_after is None:
        return False
    failed = await tx.job_orders.children(order.id, FAILED_JOBS)
    return len(set(failed) - {besides}) >= order.stop_after


async def cancel_waiting(tx: Transaction, parent_id: str, reason: str) -> None:
    """Cancel the jobs that have not begun."""
    waiting = await tx.job_orders.children(parent_id, WAITING_JOBS)
    async for child_id in breathing(waiting):
        moment = clock.now()
        await tx.move_job(
            child_id, JobState.CANCELLED, reason=reason, ended_at=moment, updated_at=moment
        )


async def end(tx: Transaction, order: JobOrder) -> None:
    """Give a batch whose jobs have all ended its own end."""
    parent, has = await tx.jobs.get(order.id), tx.job_orders.has_children
    failure: Failure | None = None
    if order.cancel_reason:
        state, reason = JobState.CANCELLED, order.cancel_reason
    elif await has(order.id, FAILED_JOBS):
        state, reason = JobState.FAILED, "not all of its jobs are completed"
        advice = (
            f"See foredeck batch status {order.id}, then: foredeck batch retry-failed {order.id}"
        )
        failure = Failure(FailureClass.COMMAND, "Not all jobs of the batch are completed.", advice)
    elif await has(order.id, {JobState.COMPLETED}):
        state, reason = JobState.COMPLETED, ""
    else:
        state, reason = JobState.CANCELLED, "all of its jobs were cancelled"
    if parent.state in FINAL_JOBS:  # one of its jobs was tried again without it
        return
    while state not in TRANSITIONS[JobState][parent.state]:  # the last to move was the first, too
        parent = await _move(tx, parent, _NEXT[parent.state])
    await _move(tx, parent, state, reason, ended_at=clock.now(), failure=failure)


async def _move(
    tx: Transaction,
    parent: Job,
    to: JobState,
    reason: str = "",
    **changes: Any,
) -> Job:
    return await tx.move_job(parent.id, to, reason=reason, updated_at=clock.now(), **changes)
