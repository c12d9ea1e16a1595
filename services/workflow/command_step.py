"""Steps of kind command: `/bin/sh` runs them in the project's workspace (SPEC D1)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from foredeck.services.agents.command_console import CommandConsole
from foredeck.services.agents.stage import Beginning, StageOutcome, StageTask
from foredeck.services.codex.environment import command_environment
from foredeck.services.departure import Departure
from foredeck.services.domain.errors import (
    CommandDenied,
    Conflict,
    ForedeckError,
    NotFound,
    SettingsError,
    StepFailed,
    StoreError,
)
from foredeck.services.domain.records import Failure, FailureClass, Job
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.jobs.command_guard import Asked, CommandGuard, denial_of
from foredeck.services.jobs.executor import Command, Executor, Found, Handle
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.patience import all_of, to_the_end
from foredeck.services.stage_clock import StageClock
from foredeck.services.store.store import Store, Transaction
from foredeck.services.tool_servers import plain_environment
from foredeck.services.workflow.command_jobs import CommandJobs
from foredeck.services.workflow.command_outcome import (
    DETAIL_LINES,
    failure_of,
    outcome_of,
    words_of,
)

_log = logging.getLogger(__name__)

_SHELL = "/bin/sh"
_BLOCK = 1 << 18
# How long its output is left alone, in seconds: first, and at most while nothing comes.
_SOON, _LATER = 0.05, 0.4


class CommandStepRunner:
    """Works on attempts of command steps (a `PreparedRunner`).

    A command outlives its host: the next one follows it from the executor's files. The step's
    timeout is the executor's to keep, from the command's start; the step's own clock stands.
    """

    def __init__(
        self,
        store: Store,
        executor: Executor,
        departure: Departure | None = None,
        clock: StageClock | None = None,
        guard: CommandGuard | None = None,
    ) -> None:
        self._store = store
        self._executor = executor
        self._jobs = CommandJobs(store)
        self._departure = departure or Departure()
        self._clock = clock or StageClock()
        self._guard = guard or CommandGuard(store)
        self._followed: set[str] = set()

    async def prepare(self, tx: Transaction, beginning: Beginning) -> Job:
        """Store the job of a new attempt: it is durable before its process exists."""
        return await self._jobs.begin(tx, beginning)

    async def run(self, task: StageTask) -> StageOutcome:
        """Return the last line of the output as the summary; raises `StepFailed`, `TurnLost`.

        Cancelled, the command is ended with all that it started; in a house that departs it
        goes on.
        """
        with self._clock.stopped(task.step.id):
            job = task.job or await self._jobs.take_up(_beginning(task))
            if job.state not in FINAL_JOBS:
                job = await self._owned(task, job)
            else:  # by a host that could say no more than that
                await self._executor.discard(_handle(job))
        return outcome_of(job)

    async def tidy(self) -> None:
        """Discard what is left of commands whose end an earlier host stored as its last act."""
        for handle in await self._executor.kept():
            with suppress(NotFound):  # the job of another database
                if await self._jobs.is_over(handle.job_id):
                    await self._executor.discard(handle)

    async def abandon(self, run_id: str, step_id: str | None = None) -> None:
        """End what an earlier host left running for a run or a step; its jobs are lost."""
        left = await self._jobs.left(run_id, step_id)
        await all_of(self._abandon(job) for job in left if job.id not in self._followed)

    async def _abandon(self, job: Job) -> None:
        handle = _handle(job)
        await self._executor.cancel(handle)
        await self._jobs.lose(job)
        await self._executor.discard(handle)

    async def _owned(self, task: StageTask, job: Job) -> Job:
        """Bring the job to its end, however that comes; return it as it is stored then."""
        self._followed.add(job.id)
        try:
            environment = await self._environment(task, job)
            console = CommandConsole(task.output, job, follows=True)
            return await self._followed_to_its_end(task, job, console, environment)
        finally:
            self._followed.discard(job.id)

    async def _followed_to_its_end(
        self, task: StageTask, job: Job, console: CommandConsole, environment: Mapping[str, str]
    ) -> Job:
        try:
            _flush(task.output)  # a later host tells from the file what is shown already
            found = Found(JobState.QUEUED)
            while found.state is JobState.QUEUED:  # or what was to start it has died
                await to_the_end(self._start(task, job, environment))
                found = await self._follow(task, job, console)
            if found.state is JobState.LOST:
                await self._executor.cancel(_handle(job))
                await self._show(_handle(job), console)
        except asyncio.CancelledError:
            if not self._departure.leaving:
                await to_the_end(self._stop(task, job, console))
            raise
        except ForedeckError as error:
            raise await to_the_end(self._broken(task, job, error)) from error
        except Exception as error:
            _log.exception("the command of job %s could not be followed", job.id)
            await to_the_end(self._broken(task, job, error))
            raise
        return self._end(task, job, found, console)

    async def _environment(self, task: StageTask, job: Job) -> dict[str, str]:
        own: dict[str, str] = {}
        if variables := task.project.settings.environment:
            try:
                own, secrets = await asyncio.to_thread(plain_environment, variables)
            except SettingsError as error:
                if (await self._executor.probe(_handle(job))).state is JobState.QUEUED:
                    raise await self._broken(task, job, error) from error
            else:
                self._store.redactor.learn(secrets)
        return {**command_environment(), **own, **dict(task.spec.environment)}

    async def _start(self, task: StageTask, job: Job, environment: Mapping[str, str]) -> None:
        """Start the process of the job, unless it was started before.

        Raises `CommandDenied` if the command policy forbids it (SPEC J5).
        """
        handle = _handle(job)
        if (await self._executor.probe(handle)).state is JobState.QUEUED:
            # The record of the job tells it without secrets, so it is not what runs.
            command_text = task.spec.command
            await self._guard.admit_step(Asked(job.id, command_text, run_id=job.run_id or ""))
            words = (_SHELL, "-c", command_text)
            memory = task.project.settings.memory_bytes
            command = Command(words, job.workspace, environment, job.timeout, memory=memory)
            await self._executor.submit(handle, command)

    async def _follow(self, task: StageTask, job: Job, console: CommandConsole) -> Found:
        """Show what comes until it has ended and all of it is shown."""
        handle, pause = _handle(job), _SOON
        while True:
            found = await self._executor.probe(handle)  # first: nothing comes after the end
            works = found.state is JobState.IN_PROGRESS
            came = await self._show(handle, console, task.output if works else None)
            if not works:
                return found
            pause = _SOON if came else min(2 * pause, _LATER)
            await self._executor.changed(handle, pause)

    async def _show(
        self, handle: Handle, console: CommandConsole, until_full: OutputWriter | None = None
    ) -> bool:
        """Show what has come; while the disk is full it stays in the executor's file."""
        began = console.received
        while until_full is None or not until_full.full:
            block = await self._executor.read(handle, console.received, _BLOCK)
            if not block:
                break
            console.show(block)
            await asyncio.sleep(0)  # a command that prints much must not hold up the others
        return console.received > began

    async def _stop(self, task: StageTask, job: Job, console: CommandConsole) -> None:
        """End the command, show the rest of its output, and store that it was stopped."""
        handle = _handle(job)
        await self._executor.cancel(handle)
        found = await self._executor.probe(handle)
        if found.state not in FINAL_JOBS or found.state is JobState.LOST:
            found = Found(JobState.CANCELLED)
        try:
            await self._show(handle, console)
        except StoreError as error:
            _log.warning("the end of the output of job %s is missing: %s", job.id, error)
        self._end(task, job, found, console)

    def _end(self, task: StageTask, job: Job, found: Found, console: CommandConsole) -> Job:
        """Leave to be stored how it ended, now that all that it printed is where it is shown."""
        try:
            console.end(words_of(found), good=found.state is JobState.COMPLETED)
        except StoreError as error:
            _log.warning("the end of the output of job %s is missing: %s", job.id, error)
        tail = console.tail(DETAIL_LINES)
        failure = failure_of(job, found, tail, memory=task.project.settings.memory_bytes)
        written = _flush(task.output)

        async def store(tx: Transaction) -> None:
            await self._jobs.end(tx, job, found, tail, failure)

        async def discard() -> None:
            if written:
                await self._executor.discard(_handle(job))

        task.closing.add(store, discard)
        return replace(job, state=found.state, message=tail, failure=failure)

    async def _broken(self, task: StageTask, job: Job, error: Exception) -> StepFailed:
        """End the command that cannot be started or followed, and return why."""
        await self._executor.cancel(_handle(job))
        failure = _failure(error)

        async def store(tx: Transaction) -> None:
            await self._jobs.end(tx, job, Found(JobState.FAILED), "", failure)

        task.closing.add(store)
        return StepFailed(failure)


def _beginning(task: StageTask) -> Beginning:
    path = str(task.output.path)
    return Beginning(task.project, task.step, task.attempt, path, task.spec)


def _handle(job: Job) -> Handle:
    return Handle(job.id, job.attempt)


def _flush(output: OutputWriter) -> bool:
    """Bring to the file what is shown; False while the disk has no room."""
    try:
        output.flush()
    except StoreError:
        return False
    return True


def _failure(error: Exception) -> Failure:
    if isinstance(error, CommandDenied):
        return denial_of(error)
    if not isinstance(error, ForedeckError):
        return Failure(FailureClass.INTERNAL, "The command could not be followed to its end.")
    classes = {Conflict: FailureClass.WORKSPACE, StoreError: FailureClass.DISK}
    found = (name for kind, name in classes.items() if isinstance(error, kind))
    return Failure(next(found, FailureClass.INTERNAL), error.message, error.advice)
