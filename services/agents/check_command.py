"""Runs the shell command that checks a step's work, as a job of its own."""

from __future__ import annotations

import asyncio
import logging

from foredeck.services.agents.command_console import LABEL_LIMIT, CommandConsole
from foredeck.services.agents.stage import StageTask
from foredeck.services.codex.environment import command_environment
from foredeck.services.codex.failures import from_error
from foredeck.services.departure import Departure
from foredeck.services.domain import clock
from foredeck.services.domain.errors import CommandDenied, ForedeckError, StepFailed, StoreError
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Failure, FailureClass, Job, Step
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.domain.workflow import Verify
from foredeck.services.jobs.command_guard import Asked, CommandGuard, denial_of
from foredeck.services.jobs.endings import exit_code_of, used_too_much
from foredeck.services.jobs.executor import Command, Executor, Found, Handle
from foredeck.services.patience import to_the_end
from foredeck.services.store.store import Store
from foredeck.services.tool_servers import plain_environment

_log = logging.getLogger(__name__)

JOB_TYPE = "shell_command"

_SHELL = "/bin/sh"
_BLOCK = 1 << 16
_TAIL_LINES = 200
# How long its output is left alone, in seconds: first, and at most while nothing comes.
_SOON, _LATER = 0.05, 0.4
_BY_ITSELF = frozenset({JobState.COMPLETED, JobState.FAILED})


class CheckCommand:
    """Runs commands with an executor; nothing of one is left when `run` returns.

    Each is stored as a job before it exists, so that a host that takes over finds it. A house
    that departs ends the command and leaves its job to the next one, which runs it again.
    """

    def __init__(
        self, store: Store, executor: Executor, departure: Departure, guard: CommandGuard
    ) -> None:
        self._store = store
        self._executor = executor
        self._guard = guard
        self._departure = departure

    async def run(self, task: StageTask, verify: Verify, key: str) -> Job:
        """Return the job when the command has ended: completed, failed or timed out.

        Its output appears in the step's as it comes; the job's message is the end of it. One
        of that key that has ended in this attempt is returned as it is; one that an earlier
        host left behind is ended and run again. Raises `StepFailed` if it cannot be started, the
        command policy forbids it (SPEC J5), or nobody knows how it ended.
        """
        job = await self._begin(task, verify, key)
        if job.state in FINAL_JOBS:
            return job
        console = CommandConsole(task.output, job)
        try:
            await self._guard.admit_step(Asked(job.id, verify.command, run_id=job.run_id or ""))
            found = await self._carry_out(task, job, verify, console)
        except asyncio.CancelledError:
            if not self._departure.leaving:
                await to_the_end(self._end(task, job, Found(JobState.CANCELLED), console))
            raise
        except CommandDenied as error:
            await self._end(task, job, Found(JobState.FAILED), console)
            raise StepFailed(denial_of(error)) from error
        except ForedeckError as error:
            await self._end(task, job, Found(JobState.FAILED), console)
            raise StepFailed(from_error(error)) from error
        job = await self._end(task, job, found, console)
        if job.failure is not None and job.state is JobState.LOST:
            raise StepFailed(job.failure)
        return job

    async def _begin(self, task: StageTask, verify: Verify, key: str) -> Job:
        async with self._store.transaction() as tx:
            known = await tx.jobs.by_key(task.step.id, task.attempt, key)
            if known is None:
                told = self._store.redactor.text(verify.command)  # before any of it is cut off
                name = f"verify: {safe_line(told, limit=LABEL_LIMIT)}"
                job = command_job(
                    task.step,
                    task.attempt,
                    told,
                    name=name,
                    timeout=verify.timeout,
                    key=key,
                    workspace=task.project.workspace,
                    output_path=str(task.output.path),
                )
                await tx.jobs.add(job)
                return await tx.move_job(job.id, JobState.IN_PROGRESS, started_at=clock.now())
        if known.state not in FINAL_JOBS:
            await self._executor.cancel(_handle(known))
            await self._executor.discard(_handle(known))
        return known

    async def _carry_out(
        self, task: StageTask, job: Job, verify: Verify, console: CommandConsole
    ) -> Found:
        wishes = task.project.settings
        own, secrets = await asyncio.to_thread(plain_environment, wishes.environment)
        self._store.redactor.learn(secrets)
        command = Command(
            (_SHELL, "-c", verify.command),
            job.workspace,
            {**command_environment(), **own},
            verify.timeout,
            memory=wishes.memory_bytes,
        )
        try:
            await to_the_end(self._executor.submit(_handle(job), command))
            return await self._follow(_handle(job), console)
        finally:
            await to_the_end(self._tidy_up(_handle(job), console))

    async def _follow(self, handle: Handle, console: CommandConsole) -> Found:
        """Show what comes until it has ended and all of it is shown."""
        pause = _SOON
        while True:
            found = await self._executor.probe(handle)  # first: nothing comes after the end
            came = await self._show(handle, console)
            if found.state is not JobState.IN_PROGRESS:
                return found
            pause = _SOON if came else min(2 * pause, _LATER)
            await self._executor.changed(handle, pause)

    async def _show(self, handle: Handle, console: CommandConsole) -> bool:
        began = console.received
        while block := await self._executor.read(handle, console.received, _BLOCK):
            console.show(block)
            await asyncio.sleep(0)  # a command that prints much must not hold up the others
        return console.received > began

    async def _tidy_up(self, handle: Handle, console: CommandConsole) -> None:
        await self._executor.cancel(handle)
        await self._show(handle, console)
        await self._executor.discard(handle)

    async def _end(self, task: StageTask, job: Job, found: Found, console: CommandConsole) -> Job:
        code, state = exit_code_of(found), found.state
        words = state.value if code is None or state not in _BY_ITSELF else f"exit {code}"
        failure = _failure(found, task.project.settings.memory_bytes)
        try:
            console.end(words, good=state is JobState.COMPLETED)
        except StoreError as error:
            _log.warning("the end of the output of job %s is missing: %s", job.id, error)

        async def store() -> Job:
            async with self._store.transaction() as tx:
                return await tx.move_job(
                    job.id,
                    state,
                    exit_code=code,
                    message=console.tail(_TAIL_LINES),
                    failure=failure,
                    ended_at=clock.now(),
                    cpu_seconds=found.cpu_seconds,
                    peak_memory=found.peak_memory,
                )

        return await self._store.durably(store)


def _handle(job: Job) -> Handle:
    return Handle(job.id, job.attempt)


def _failure(found: Found, memory: int | None) -> Failure | None:
    """Name what went wrong besides the check itself; `memory` is its cap in bytes."""
    if found.state is JobState.LOST:
        return Failure(
            FailureClass.CRASH,
            "Nobody knows how the check ended: what watched over it is gone.",
            "Retry to run it again.",
        )
    if found.over_memory:
        return Failure(
            FailureClass.COMMAND,
            f"The check {used_too_much(memory)}.",
            "Let it do less at once, or raise the project's memory_cap, then retry.",
        )
    return None


def command_job(
    step: Step,
    attempt: int,
    command: str,
    *,
    name: str,
    timeout: float,
    key: str,
    workspace: str,
    output_path: str,
) -> Job:
    """Return a queued job that runs a command for a step; `timeout` is in seconds."""
    moment = clock.now()
    return Job(
        id=new_id(),
        name=name,
        state=JobState.QUEUED,
        prompt=command,
        workspace=workspace,
        output_path=output_path,
        created_at=moment,
        updated_at=moment,
        type=JOB_TYPE,
        run_id=step.run_id,
        step_id=step.id,
        attempt=attempt,
        timeout=timeout,
        queued_at=moment,
        key=key,
    )
