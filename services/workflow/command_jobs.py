"""What the database says of the jobs of command steps."""

from __future__ import annotations

from dataclasses import replace

from foredeck.services.agents.check_command import JOB_TYPE, command_job
from foredeck.services.agents.command_console import LABEL_LIMIT
from foredeck.services.agents.stage import Beginning
from foredeck.services.domain import clock
from foredeck.services.domain.records import Failure, FailureClass, Job
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.jobs.endings import exit_code_of
from foredeck.services.jobs.executor import Found
from foredeck.services.store.store import Store, Transaction

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

    async def begin(self, tx: Transaction, beginning: Beginning) -> Job:
        """Store the job of a new attempt, which runs from now on, and return it."""
        spec = beginning.spec
        told = self._store.redactor.text(spec.command)  # before any of it is cut off
        job = command_job(
            beginning.step,
            beginning.attempt,
            told,
            name=safe_line(told, limit=LABEL_LIMIT),
            timeout=spec.timeout,
            key=KEY,
            workspace=beginning.project.workspace,
            output_path=beginning.output_path,
        )
        job = replace(job, state=JobState.IN_PROGRESS, started_at=job.created_at)
        await tx.jobs.add(job)
        return job

    async def take_up(self, beginning: Beginning) -> Job:
        """Return the job of an attempt that is under way: the one stored, else a new one."""
        async with self._store.transaction() as tx:
            job = await tx.jobs.by_key(beginning.step.id, beginning.attempt, KEY)
            if job is None:
                return await self.begin(tx, beginning)
            if job.state is JobState.QUEUED:
                return await tx.move_job(job.id, JobState.IN_PROGRESS, started_at=clock.now())
        return job

    async def end(
        self,
        tx: Transaction,
        job: Job,
        found: Found,
        tail: str,
        failure: Failure | None,
    ) -> None:
        """Store how the command ended, and what it has cost."""
        await tx.move_job(
            job.id,
            found.state,
            reason=failure.message if failure else "",
            exit_code=exit_code_of(found),
            message=tail,
            failure=failure,
            ended_at=clock.now(),
            cpu_seconds=found.cpu_seconds,
            peak_memory=found.peak_memory,
        )

    async def left(self, run_id: str, step_id: str | None) -> tuple[Job, ...]:
        """Return the jobs of a run, or of one of its steps, that have not ended."""
        async with self._store.transaction() as tx:
            active = await tx.jobs.active()
        ours = [job for job in active if job.type == JOB_TYPE and job.key == KEY]
        of_run = [job for job in ours if job.run_id == run_id]
        return tuple(job for job in of_run if step_id in (None, job.step_id))

    async def is_over(self, job_id: str) -> bool:
        """Whether the end of a job is stored."""
        async with self._store.transaction() as tx:
            return (await tx.jobs.get(job_id)).state in FINAL_JOBS

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
