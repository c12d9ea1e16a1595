"""What the database says of the jobs of command steps."""

from __future__ import annotations

from foredeck.services.agents.check_command import JOB_TYPE, command_job
from foredeck.services.agents.command_console import LABEL_LIMIT
from foredeck.services.agents.stage import StageTask
from foredeck.services.domain import clock
from foredeck.services.domain.records import Failure, FailureClass, Job
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import JobState
from foredeck.services.store.store import Store

# What asks for the job in its attempt; the checks of a step have keys of their own.
KEY = "command"

_ABANDONED = Failure(
    FailureClass.CRASH,
    "Foredeck ended while this command ran; the command was stopped.",
    "What it has done so far is kept in the workspace. Retry to run it again.",
)


class CommandJobs:
    """Stores and finds them; each is durable before its process exists."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def queue(self, task: StageTask) -> Job:
        """Return the job of the attempt: the one that is stored, else a new one, queued."""
        async with self._store.transaction() as tx:
            known = await tx.jobs.by_key(task.step.id, task.attempt, KEY)
            if known is not None:
                return known
            job = _new_job(task)
            await tx.jobs.add(job)
            return job

    async def begin(self, job: Job) -> Job:
        """Store that the command runs from now on, unless an earlier host did."""
        if job.state is not JobState.QUEUED:
            return job
        async with self._store.transaction() as tx:
            return await tx.move_job(job.id, JobState.IN_PROGRESS, started_at=clock.now())

    async def end(
        self, job: Job, state: JobState, code: int | None, tail: str, failure: Failure | None
    ) -> Job:
        """Store how the command ended; a full disk is waited out."""

        async def store() -> Job:
            async with self._store.transaction() as tx:
                return await tx.move_job(
                    job.id,
                    state,
                    reason=failure.message if failure else "",
                    exit_code=code,
                    message=tail,
                    failure=failure,
                    ended_at=clock.now(),
                )

        return await self._store.durably(store)

    async def left(self, run_id: str, step_id: str | None) -> tuple[Job, ...]:
        """Return the jobs of a run, or of one of its steps, that have not ended."""
        async with self._store.transaction() as tx:
            active = await tx.jobs.active()
        ours = [job for job in active if job.type == JOB_TYPE and job.key == KEY]
        of_run = [job for job in ours if job.run_id == run_id]
        return tuple(job for job in of_run if step_id in (None, job.step_id))

    async def lose(self, job: Job) -> None:
        """Store that the command of an earlier host was ended by this one."""
        to = JobState.LOST if job.state is JobState.IN_PROGRESS else JobState.CANCELLED
        async with self._store.transaction("recovery") as tx:
            await tx.move_job(
                job.id,
                to,
                reason=_ABANDONED.message,
                failure=_ABANDONED,
                ended_at=clock.now(),
            )


def _new_job(task: StageTask) -> Job:
    spec = task.spec
    name = safe_line(spec.command, limit=LABEL_LIMIT)
    return command_job(task, spec.command, name=name, timeout=spec.timeout, key=KEY)
