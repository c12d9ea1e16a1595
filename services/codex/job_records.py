"""What the database says of codex jobs: each step of their way is durable before the next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from foredeck.services.codex.orders import LeftTurn, TurnReport
from foredeck.services.domain import clock
from foredeck.services.domain.records import Failure, FailureClass, Job, TokenUsage
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.store.store import Store

# A lost turn has none.
_EXIT_CODES = {
    JobState.COMPLETED: 0,
    JobState.FAILED: 1,
    JobState.TIMEOUT: 124,
    JobState.CANCELLED: 130,
}
_LOST = Failure(
    FailureClass.CRASH,
    "Foredeck ended while this codex turn worked; the turn was stopped.",
    "What it had changed so far is kept in the workspace. Retry to go on.",
)


@dataclass(frozen=True)
class Ending:
    """How a job ended."""

    state: JobState
    failure: Failure | None = None
    reason: str = ""


class JobRecords:
    """Stores and finds jobs; remembers what their threads have used."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread_usage: dict[str, TokenUsage] = {}

    async def get(self, job_id: str) -> Job:
        """Return a job; raises `NotFound`."""
        async with self._store.transaction() as tx:
            return await tx.jobs.get(job_id)

    async def of_step(self, step_id: str) -> tuple[Job, ...]:
        """Return the jobs of a step, oldest first."""
        async with self._store.transaction() as tx:
            return await tx.jobs.of_step(step_id)

    async def active(self) -> tuple[Job, ...]:
        """Return the jobs of runs that have not ended, oldest first."""
        async with self._store.transaction() as tx:
            return await tx.jobs.active()

    async def asked_before(self, step_id: str | None, attempt: int, key: str) -> Job | None:
        """Return the job that was asked for with that key in the attempt."""
        if not key or step_id is None:
            return None
        async with self._store.transaction() as tx:
            return await tx.jobs.by_key(step_id, attempt, key)

    async def add(self, job: Job, follow_up_id: str | None) -> None:
        """Store a new job, and that it delivers a prompt that somebody has queued."""
        async with self._store.transaction() as tx:
            await tx.jobs.add(job)
            if follow_up_id is not None:
                queued = await tx.follow_ups.get(follow_up_id)
                delivered = replace(queued, delivered_at=clock.now(), job_id=job.id)
                await tx.follow_ups.save(delivered)

    async def begin(self, job: Job) -> None:
        """Store that the job works, unless an earlier host did."""
        if job.state is JobState.IN_PROGRESS:
            return
        async with self._store.transaction() as tx:
            await tx.move_job(job.id, JobState.IN_PROGRESS, started_at=clock.now())

    def note_thread(self, job: Job) -> Callable[[str], Awaitable[None]]:
        """Return what stores the thread of the job's turn, before that is asked for."""

        async def note(thread_id: str) -> None:
            async with self._store.transaction() as tx:
                stored = await tx.jobs.get(job.id)
                if stored.thread_id != thread_id:
                    await tx.jobs.save(replace(stored, thread_id=thread_id))

        return lambda thread_id: self._store.durably(lambda: note(thread_id))

    def note_start(self, job: Job, report: TurnReport) -> Callable[[str, str], Awaitable[None]]:
        """Return what stores the thread and the turn of the job once that has begun."""

        async def note(thread_id: str, turn_id: str) -> None:
            async with self._store.transaction() as tx:
                stored = await tx.jobs.get(job.id)
                known = replace(stored, thread_id=thread_id, turn_id=turn_id, model=report.model)
                await tx.jobs.save(known)

        return lambda thread_id, turn_id: self._store.durably(lambda: note(thread_id, turn_id))

    async def end(self, job: Job, ending: Ending, report: TurnReport) -> Job:
        """Store how the job ended and what its turn left; return it as it is then."""
        if report.thread_id:
            self._thread_usage[report.thread_id] = report.thread_usage
        return await self._store.durably(lambda: self._end(job, ending, report))

    async def lose(self, job: Job) -> None:
        """Store that the turn of an earlier host was ended by this one."""
        to = JobState.CANCELLED if job.state is JobState.PENDING else JobState.LOST
        async with self._store.transaction("recovery") as tx:
            if (await tx.jobs.get(job.id)).state in FINAL_JOBS:
                return  # a try before this one got so far
            await tx.move_job(job.id, to, reason=_LOST.message, failure=_LOST, ended_at=clock.now())

    async def thread_usage(self, thread_id: str | None) -> TokenUsage:
        """Return what a thread has used: remembered, or added up from its earlier jobs."""
        usage = TokenUsage()
        if thread_id is None:
            return usage
        if thread_id in self._thread_usage:
            return self._thread_usage[thread_id]
        async with self._store.transaction() as tx:
            jobs = await tx.jobs.of_thread(thread_id)
        return sum((job.usage for job in jobs if job.state in FINAL_JOBS), usage)

    async def _end(self, job: Job, ending: Ending, report: TurnReport) -> Job:
        async with self._store.transaction() as tx:
            return await tx.move_job(
                job.id,
                ending.state,
                reason=ending.reason or (ending.failure.message if ending.failure else ""),
                failure=ending.failure,
                exit_code=_EXIT_CODES.get(ending.state),
                message=report.message,
                thread_id=report.thread_id,
                turn_id=report.turn_id,
                model=report.model,
                usage=report.usage,
                files_changed=report.changes,
                ended_at=clock.now(),
            )


def left_turn(job: Job) -> LeftTurn | None:
    """Return what an earlier host has stored of the job's turn, None if it is a new one."""
    if job.state is not JobState.IN_PROGRESS:
        return None
    return LeftTurn(job.thread_id, job.turn_id)
