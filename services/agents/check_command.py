"""Runs the shell command that checks a step's work, as a job of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import IO

from foredeck.services.agents.command_console import LABEL_LIMIT, CommandConsole
from foredeck.services.agents.stage import StageTask
from foredeck.services.codex.environment import command_environment
from foredeck.services.codex.failures import from_error
from foredeck.services.departure import Departure
from foredeck.services.domain import clock
from foredeck.services.domain.errors import CommandDenied, SettingsError, StepFailed
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Failure, FailureClass, Job, Step
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.domain.workflow import Verify
from foredeck.services.jobs.command_guard import Asked, CommandGuard, denial_of
from foredeck.services.jobs.processes import MARK, sweep
from foredeck.services.patience import to_the_end
from foredeck.services.store.store import Store
from foredeck.services.tool_servers import plain_environment

JOB_TYPE = "shell_command"

_SHELL = "/bin/sh"
_BLOCK = 1 << 16
_TAIL_LINES = 200
# How long output that a process outside of the tree keeps open is waited for, in seconds.
_DRAIN_SECONDS = 2.0
_BY_ITSELF = frozenset({JobState.COMPLETED, JobState.FAILED})
_TIMED_OUT = 124
_STOPPED = 130


class CheckCommand:
    """Runs commands in a session of their own; nothing of one is left when `run` returns.

    Each is stored as a job before it exists, so that a host that takes over finds it by its
    mark. `grace` is how long it may take to end when it is stopped, in seconds. A house that
    departs ends the command and leaves its job to the next one, which runs it again.
    """

    def __init__(
        self, store: Store, grace: float, departure: Departure, guard: CommandGuard
    ) -> None:
        self._store = store
        self._guard = guard
        self._grace = grace
        self._departure = departure

    async def run(self, task: StageTask, verify: Verify, key: str) -> Job:
        """Return the job when the command has ended: completed, failed or timed out.

        Its output appears in the step's as it comes; the job's message is the end of it. One
        of that key that has ended in this attempt is returned as it is; one that an earlier
        host left behind is ended and run again. Raises `StepFailed` if it cannot be started or
        the command policy forbids it (SPEC J5).
        """
        job = await self._begin(task, verify, key)
        if job.state in FINAL_JOBS:
            return job
        console = CommandConsole(task.output, job)
        try:
            await self._guard.admit_step(Asked(job.id, verify.command, run_id=job.run_id or ""))
            own, secrets = await asyncio.to_thread(
                plain_environment, task.project.settings.environment
            )
            self._store.redactor.learn(secrets)
            state, code = await self._carry_out(job, verify, console, own)
        except asyncio.CancelledError:
            if not self._departure.leaving:
                await to_the_end(self._end(job, JobState.CANCELLED, _STOPPED, console))
            raise
        except OSError as error:
            await self._end(job, JobState.FAILED, None, console)
            raise StepFailed(_cannot_start(verify, error)) from error
        except CommandDenied as error:
            await self._end(job, JobState.FAILED, None, console)
            raise StepFailed(denial_of(error)) from error
        except SettingsError as error:
            await self._end(job, JobState.FAILED, None, console)
            raise StepFailed(from_error(error)) from error
        return await self._end(job, state, code, console)

    async def _begin(self, task: StageTask, verify: Verify, key: str) -> Job:
        async with self._store.transaction() as tx:
            known = await tx.jobs.by_key(task.step.id, task.attempt, key)
            if known is None:
                name = f"verify: {safe_line(verify.command, limit=LABEL_LIMIT)}"
                job = command_job(
                    task.step,
                    task.attempt,
                    verify.command,
                    name=name,
                    timeout=verify.timeout,
                    key=key,
                    workspace=task.project.workspace,
                    output_path=str(task.output.path),
                )
                await tx.jobs.add(job)
                return await tx.move_job(job.id, JobState.IN_PROGRESS, started_at=clock.now())
        if known.state not in FINAL_JOBS:
            await sweep(known.id, self._grace)
        return known

    async def _carry_out(
        self, job: Job, verify: Verify, console: CommandConsole, own: Mapping[str, str]
    ) -> tuple[JobState, int | None]:
        async with _pipe() as (stream, into):
            process = await asyncio.create_subprocess_exec(
                _SHELL,
                "-c",
                verify.command,
                cwd=job.workspace,
                env={**command_environment(), **own, MARK: job.id},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=into.fileno(),
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
            into.close()
            reading = asyncio.create_task(_show(stream, console), name=f"output of job {job.id}")
            try:
                async with asyncio.timeout(verify.timeout):
                    code = await process.wait()
            except TimeoutError:
                return JobState.TIMEOUT, _TIMED_OUT
            finally:
                await to_the_end(self._tidy_up(job, process, reading))
        return (JobState.FAILED if code else JobState.COMPLETED), code

    async def _tidy_up(
        self, job: Job, process: asyncio.subprocess.Process, reading: asyncio.Task[None]
    ) -> None:
        await sweep(job.id, self._grace)
        await process.wait()
        await asyncio.wait({reading}, timeout=_DRAIN_SECONDS)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading

    async def _end(
        self, job: Job, state: JobState, code: int | None, console: CommandConsole
    ) -> Job:
        words = state.value if code is None or state not in _BY_ITSELF else f"exit {code}"
        console.end(words, good=state is JobState.COMPLETED)

        async def store() -> Job:
            async with self._store.transaction() as tx:
                return await tx.move_job(
                    job.id,
                    state,
                    exit_code=code,
                    message=console.tail(_TAIL_LINES),
                    ended_at=clock.now(),
                )

        return await self._store.durably(store)


async def _show(stream: asyncio.StreamReader, console: CommandConsole) -> None:
    """Show what comes until nothing more can come."""
    while block := await stream.read(_BLOCK):
        console.show(block)


@asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, IO[bytes]]]:
    """Yield a pipe's reader and its other end.

    Not the pipe of asyncio's process: that one is waited for as long as anybody holds it, and
    a command may leave such a process behind.
    """
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as into:
        stream = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb")
        )
        try:
            yield stream, into
        finally:
            transport.close()


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


def _cannot_start(verify: Verify, error: OSError) -> Failure:
    return Failure(
        FailureClass.WORKSPACE,
        f"The check `{verify.command}` could not be started: {error.strerror or error}.",
        "Check the workspace, then retry.",
    )
