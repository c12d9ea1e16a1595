"""What the database says of jobs of their own; each step of their way is durable first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from foredeck.services.domain import audit, clock
from foredeck.services.domain.audit import AuditEntry
from foredeck.services.domain.errors import Conflict, InvalidInput, NotFound
from foredeck.services.domain.jobs import MOST_AT_ONCE, JobOrder, Priority
from foredeck.services.domain.records import Job
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.jobs import batches
from foredeck.services.jobs.job_follower import Ended
from foredeck.services.jobs.job_moves import JobMoves, Owned
from foredeck.services.jobs.job_queue import Limits, Waiting, next_to_start, oldest
from foredeck.services.patience import breathing
from foredeck.services.store.store import Store, Transaction

_NO_RETRY_LEFT = "foredeck jobs show tells why it ended; submit it again to start over."


@dataclass(frozen=True, slots=True)
class End:
    """A job, how it ended, and the reason of whoever ended it."""

    job: Job
    ended: Ended
    reason: str = ""


class JobRecords:
    """Finds and moves them; `limit` and `aging` (seconds) are the settings of the queue."""

    def __init__(self, store: Store, moves: JobMoves, limit: int, aging: float) -> None:
        self._store = store
        self._moves = moves
        self._most = limit
        self._aging = aging

    async def add(self, owned: Sequence[Owned]) -> Job:
        """Store new jobs, all or none; return the first, which may be the batch of the others.

        Raises `Conflict` if their project is archived.
        """
        placed = [
            (job if order.children else self._moves.placed(job), order) for job, order in owned
        ]
        async with self._store.transaction("user") as tx:
            await _require_in_use(tx, placed[0][1].project_id)
            async for job, order in breathing(placed):
                await tx.jobs.add(job)
                await tx.job_orders.add(order)
        return placed[0][0]

    async def known(self, job_id: str) -> Job | None:
        """Return the job of exactly that id, None if there is none."""
        async with self._store.transaction("user") as tx:
            try:
                return await tx.jobs.get(job_id)
            except NotFound:
                return None

    async def waiting_of(self, batch_id: str) -> frozenset[str]:
        """Return the ids of a batch's jobs that have not begun."""
        async with self._store.transaction("user") as tx:
            return frozenset(await tx.job_orders.children(batch_id, batches.WAITING_JOBS))

    async def left_by(self, trace_id: str) -> tuple[str, ...]:
        """Return the ids of the jobs under that trace which have not ended; batches as one."""
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

    async def turn(self, ends: Sequence[End], chosen: frozenset[str] | None) -> tuple[Owned, ...]:
        """Store how jobs have ended, and move those whose turn it is into progress.

        Only of the `chosen`, unless None. All of it is one transaction: the disk is waited for
        once, however many end at the same time.
        """
        async with self._store.transaction() as tx:
            for end in ends:
                await self._moves.end(tx, end.job, end.ended, end.reason)
            return await self._take_next(tx, chosen)

    async def _take_next(self, tx: Transaction, chosen: frozenset[str] | None) -> tuple[Owned, ...]:
        state = await tx.job_queue.get()
        if state.paused_at is not None:
            return ()
        working = [project_id for _job, project_id in await tx.job_orders.working()]
        limit = state.limit or self._most
        if len(working) >= limit:
            return ()
        rows = await tx.job_orders.queued()
        wanted = (row for row in rows if chosen is None or row[0] in chosen)
        waiting = list(oldest(wanted, limit - len(working)))
        limits = Limits(limit, await _shares(tx, waiting))
        now = clock.now().timestamp()
        ready = next_to_start(waiting, working, limits, now, self._aging)
        return tuple([await self._moves.begin(tx, one.id) for one in ready])

    async def pause(self, *, paused: bool) -> None:
        """Store whether the queue is paused."""
        async with self._store.transaction("user") as tx:
            state = await tx.job_queue.get()
            if paused != (state.paused_at is not None):
                changed = replace(state, paused_at=clock.now() if paused else None)
                await tx.job_queue.set(changed, "pause" if paused else "resume")

    async def limit(self, limit: int | None) -> None:
        """Store how many jobs work at once; None goes back to the setting.

        Raises `InvalidInput`.
        """
        if limit is not None and not 1 <= limit <= MOST_AT_ONCE:
            raise InvalidInput(f"Between 1 and {MOST_AT_ONCE} jobs work at once, not {limit}.")
        async with self._store.transaction("user") as tx:
            await tx.job_queue.set(replace(await tx.job_queue.get(), limit=limit), "limit")

    async def in_progress(self) -> tuple[tuple[Job, JobOrder, str], ...]:
        """Return those that are at work, each with why its batch was cancelled, if it was."""
        async with self._store.transaction("recovery") as tx:
            found = [
                (await tx.jobs.get(job), await tx.job_orders.get(job))
                for job, _project in await tx.job_orders.working()
            ]
            return tuple([(job, order, await _cancelled(tx, order)) for job, order in found])

    async def release(self, ref: str) -> Job:
        """Queue a job that was held, or those of a batch; raises `Conflict` for any other."""
        async with self._store.transaction("user") as tx:
            job, order = await self.find(tx, ref)
            if job.state is not JobState.PENDING:
                raise Conflict(
                    f"Job {job.id} is {job.state}: only a held one is executed.",
                    f"foredeck jobs show {job.id} says more.",
                )
            if order.children is None:
                return await self._moves.queue(tx, job, order)
            held = await _children(tx, job, {JobState.PENDING})
            async for child, child_order in breathing(held):
                await self._moves.queue(tx, child, child_order)
            return await tx.jobs.get(job.id)

    async def cancel_waiting(self, ref: str, reason: str) -> Owned:
        """Cancel a job, or those of a batch, that have not begun; return it as it is then.

        Raises `Conflict` for one that has ended.
        """
        async with self._store.transaction("user") as tx:
            job, order = await self.find(tx, ref)
            if job.state in FINAL_JOBS:
                raise Conflict(f"Job {job.id} is {job.state} already: there is nothing to cancel.")
            if order.children is not None:
                job = await _cancel_batch(tx, order, reason)
            elif job.state is not JobState.IN_PROGRESS:
                job = await self._moves.cancel(tx, job, order, reason)
        return job, order

    async def standing(self, ref: str, states: Collection[JobState]) -> tuple[Owned, ...]:
        """Return the job if it is in one of these states, or the jobs of a batch that are."""
        async with self._store.transaction("user") as tx:
            job, order = await self.find(tx, ref)
            if order.children is not None:
                return await _children(tx, job, states)
            return ((job, order),) if job.state in states else ()

    async def at_work(self, parent_id: str) -> tuple[Owned, ...]:
        """Return the jobs of a batch that work."""
        async with self._store.transaction("user") as tx:
            parent = await tx.jobs.get(parent_id)
            return await _children(tx, parent, {JobState.IN_PROGRESS})

    async def retry(self, ref: str, *, hold: bool) -> Job:
        """Give what ended badly a new attempt; raises `Conflict` where there is none."""
        async with self._store.transaction("user") as tx:
            job, order = await self.find(tx, ref)
            if order.children is None:
                return await self._retry_one(tx, job, order, hold=hold)
            again = [
                (child, child_order)
                for child, child_order in await _children(tx, job, batches.FAILED_JOBS)
                if child_order.retry_count < child_order.max_retries
            ]
            if order.cancel_reason or not again:
                raise _no_retry_of_the_batch(job, order)
            async for child, child_order in breathing(again):
                await self._moves.again(tx, child, child_order, hold=hold)
            return await tx.jobs.get(job.id)

    async def _retry_one(self, tx: Transaction, job: Job, order: JobOrder, *, hold: bool) -> Job:
        if job.state not in batches.FAILED_JOBS:
            raise Conflict(
                f"Job {job.id} is {job.state}: only a failed, timed out or lost one is retried."
            )
        if order.retry_count >= order.max_retries:
            raise Conflict(
                f"Job {job.id} was retried {order.retry_count} of {order.max_retries} times.",
                _NO_RETRY_LEFT,
            )
        if await _cancelled(tx, order):
            raise Conflict(f"The batch of job {job.id} was cancelled.", "Submit the job anew.")
        return await self._moves.again(tx, job, order, hold=hold)

    async def prioritise(self, ref: str, priority: Priority) -> Job:
        """Give what waits another priority; raises `Conflict` for anything else."""
        async with self._store.transaction("user") as tx:
            job, order = await self.find(tx, ref)
            if order.children is not None:
                changed = await _children(tx, job, batches.WAITING_JOBS)
                waits = bool(changed)
            else:
                changed, waits = (), job.state in batches.WAITING_JOBS
            if not waits:
                raise Conflict(f"Job {job.id} is {job.state}: its priority changes nothing now.")
            async for one, its_order in breathing(((job, order), *changed)):
                if its_order.priority is not priority:
                    tx.audit(_prioritised(one, its_order.priority, priority))
                await tx.job_orders.save(replace(its_order, priority=priority))
                await tx.jobs.tell(one.id)
        return job


def _prioritised(job: Job, old: Priority, new: Priority) -> AuditEntry:
    said = f"job {job.id} priority {old.value} → {new.value}"
    sides = {"priority": old.value}, {"priority": new.value}
    return audit.change("job.prioritise", job.id, said, *sides)


async def _require_in_use(tx: Transaction, project_id: str) -> None:
    project = await tx.projects.get(project_id)
    if project.archived_at:
        raise Conflict(
            f"The project {project.name} is archived.",
            f"Bring it back first: foredeck projects restore {project.name}",
        )


async def _cancelled(tx: Transaction, order: JobOrder) -> str:
    """Return why the batch of a job was cancelled; empty if it was not, or there is none."""
    return (await tx.job_orders.get(order.parent_id)).cancel_reason if order.parent_id else ""


async def _children(
    tx: Transaction, parent: Job, states: Collection[JobState]
) -> tuple[Owned, ...]:
    ids = await tx.job_orders.children(parent.id, states)
    return tuple(
        [(await tx.jobs.get(one), await tx.job_orders.get(one)) async for one in breathing(ids)]
    )


async def _cancel_batch(tx: Transaction, order: JobOrder, reason: str) -> Job:
    """Cancel what has not begun; the batch ends with the last of the others."""
    order = replace(order, cancel_reason=reason)
    await tx.job_orders.save(order)
    await batches.cancel_waiting(tx, order.id, reason)
    if not await tx.job_orders.has_children(order.id, batches.UNENDED_JOBS):
        await batches.end(tx, order)
    return await tx.jobs.get(order.id)


def _no_retry_of_the_batch(job: Job, order: JobOrder) -> Conflict:
    if order.cancel_reason:
        return Conflict(f"Batch {job.id} was cancelled.", "Submit it anew.")
    return Conflict(
        f"No job of batch {job.id} can be tried again: none has failed, timed out or was lost, "
        "or they have no retries left.",
        f"foredeck batch status {job.id} tells how it stands.",
    )


async def _shares(tx: Transaction, waiting: list[Waiting]) -> dict[str, int]:
    """Return how many jobs may work at once in the projects that have a limit of their own."""
    shares: dict[str, int] = {}
    for project_id in {job.project_id for job in waiting}:
        share = (await tx.projects.get(project_id)).settings.concurrency
        if share is not None:
            shares[project_id] = share
    return shares
