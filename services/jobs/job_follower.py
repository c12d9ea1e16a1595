"""Brings one job of its own to its end: starts its process, follows it, and says how it ended."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from foredeck.services.codex.environment import command_environment
from foredeck.services.codex.sandboxed import CommandSandbox
from foredeck.services.domain.errors import StoreError
from foredeck.services.domain.jobs import JobOrder
from foredeck.services.domain.records import Failure, Job
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.jobs.endings import failure_of_job
from foredeck.services.jobs.executor import Command, Executor, Found, Handle
from foredeck.services.jobs.job_environment import know_secrets, own_environment
from foredeck.services.jobs.output import make_private_directory
from foredeck.services.jobs.progress import ProgressReader
from foredeck.services.jobs.time_index import TimeIndex, size_of
from foredeck.services.patience import to_the_end
from foredeck.services.store.store import Store

_log = logging.getLogger(__name__)

_SHELL = "/bin/sh"
_BLOCK = 1 << 18
# Of a stderr, in bytes: enough for what is kept of it.
_ERRORS = 16_384
# How long its output is left alone, in seconds: first, and at most while nothing comes.
_SOON, _LATER = 0.05, 0.4
# How often progress is stored at most, in seconds.
_TELL_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended, and what went wrong if anything did."""

    found: Found
    failure: Failure | None


def handle_of(job: Job) -> Handle:
    """Return what the executor knows the attempt of a job by."""
    return Handle(job.id, job.attempt)


class JobFollower:
    """Remembers nothing of a job: whoever follows it next finds out the same.

    `inputs` is the directory for what jobs are given to read.
    """

    def __init__(
        self, store: Store, executor: Executor, inputs: Path, sandbox: CommandSandbox
    ) -> None:
        self._store = store
        self._sandbox = sandbox
        self._executor = executor
        self._inputs = inputs

    async def to_its_end(self, job: Job, order: JobOrder) -> Ended:
        """Start the job unless it was started before, and return how it ended.

        Raises `ForedeckError` if it cannot be started. Cancelled, it lets go: the job goes on.
        """
        found = Found(JobState.QUEUED)
        while found.state is JobState.QUEUED:  # or what was to start it has died
            await to_the_end(self._start(job, order))
            found = await self._follow(job, order)
        if found.state is JobState.LOST:
            await self._executor.cancel(handle_of(job))
        return await self._ended(job, order, found)

    async def stop(self, job: Job, order: JobOrder) -> Ended:
        """End the job with all that it started, and return how it ended."""
        handle = handle_of(job)
        await self._executor.cancel(handle)
        found = await self._executor.probe(handle)
        if found.state not in FINAL_JOBS or found.state is JobState.LOST:
            found = Found(JobState.CANCELLED)
        await know_secrets(self._store, order)
        return await self._ended(job, order, found)

    async def abandon(self, job: Job) -> None:
        """End what may be left of a job that could not be followed."""
        await self._executor.cancel(handle_of(job))
        self._remove_input(job)

    async def _ended(self, job: Job, order: JobOrder, found: Found) -> Ended:
        self._remove_input(job)
        errors = "" if order.merge_stderr else await self._last_errors(job)
        spent = order.retry_count >= order.max_retries
        failure = failure_of_job(job, found, errors, memory=order.memory, spent=spent)
        return Ended(found, failure)

    async def _last_errors(self, job: Job) -> str:
        path = Path(self._executor.path(handle_of(job), errors=True))
        with suppress(OSError):
            start = max(0, path.stat().st_size - _ERRORS)
            data = await self._executor.read(handle_of(job), start, _ERRORS, errors=True)
            return data.decode("utf-8", "replace")
        return ""

    async def _start(self, job: Job, order: JobOrder) -> None:
        """Start the process of the job, unless it was started before."""
        handle = handle_of(job)
        if (await self._executor.probe(handle)).state is not JobState.QUEUED:
            await know_secrets(self._store, order)
            return
        environment = await self._environment(job, order)
        words = order.words or (_SHELL, "-c", job.prompt)
        if order.sandbox is not None:
            words, environment = await self._sandbox.wrap(order.sandbox, words, environment)
        command = Command(
            words,
            job.workspace,
            environment,
            job.timeout,
            split=not order.merge_stderr,
            memory=order.memory,
            contained=order.sandbox is not None,
        )
        try:
            await self._executor.submit(handle, command)
        except StoreError:
            # Nobody answered in time, which does not mean that nothing was started.
            if (await self._executor.probe(handle)).state is JobState.QUEUED:
                raise

    async def _environment(self, job: Job, order: JobOrder) -> Mapping[str, str]:
        own = await own_environment(self._store, order)
        files = {
            "FOREDECK_INPUT": self._put_input(job, order),
            "FOREDECK_INPUT_FILE": order.input_file,
            "FOREDECK_OUTPUT_FILE": order.output_file,
        }
        named = {name: path for name, path in files.items() if path}
        return {**command_environment(), **own, **named}

    def _put_input(self, job: Job, order: JobOrder) -> str:
        """Write what the job is given to read into a file of its own; return its path."""
        if not order.input_data:
            return ""
        path = self._input_path(job)
        try:
            make_private_directory(path.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(order.input_data.encode())
        except OSError as error:
            raise StoreError(
                f"The input of the job cannot be written to {path}: {error.strerror}.",
                "Check the data directory and the disk it lies on, then retry.",
            ) from error
        return str(path)

    def _remove_input(self, job: Job) -> None:
        with suppress(OSError):
            self._input_path(job).unlink(missing_ok=True)

    def _input_path(self, job: Job) -> Path:
        return self._inputs / f"{job.id}.json"

    async def _follow(self, job: Job, order: JobOrder) -> Found:
        """Read what comes until it has ended; what it says of its progress is stored."""
        handle, pause = handle_of(job), _SOON
        heard = _Heard(self._store, order)
        errors = None if order.merge_stderr else self._executor.path(handle, errors=True)
        times = TimeIndex(self._executor.path(handle), errors)
        if times.is_there():
            heard.received = await asyncio.to_thread(times.heard)
        while True:
            found = await self._executor.probe(handle)  # first: nothing comes after the end
            ended = found.state is not JobState.IN_PROGRESS
            came = await self._hear(handle, heard, whole=ended)
            times.note(heard.received, last=ended)
            if ended:
                await heard.tell(last=True)
                return found
            await heard.tell()
            pause = _SOON if came else min(2 * pause, _LATER)
            await self._executor.changed(handle, pause)

    async def _hear(self, handle: Handle, heard: _Heard, *, whole: bool) -> bool:
        """Read what has come; whether anything has.

        Not the `whole`, it reads what is there now: a command may print faster than we read.
        """
        before, there = heard.received, size_of(self._executor.path(handle))
        while whole or heard.received < there:
            if not (block := await self._executor.read(handle, heard.received, _BLOCK)):
                break
            heard.take(block)
            await asyncio.sleep(0)  # a command that prints much must not hold up the others
        return heard.received > before


class _Heard:
    """What a job has said of its progress, and what of that is stored."""

    def __init__(self, store: Store, order: JobOrder) -> None:
        self._store = store
        self._id = order.id
        self._reader = ProgressReader()
        self._told = (order.progress, order.progress_message)
        self._told_at = 0.0
        self.received = 0

    def take(self, block: bytes) -> None:
        self.received += len(block)
        self._reader.feed(block)

    async def tell(self, *, last: bool = False) -> None:
        """Store the progress if there is news, and not too often."""
        if last:
            self._reader.feed(b"\n")
        percent, message = self._reader.percent, self._reader.message
        due = last or time.monotonic() - self._told_at >= _TELL_EVERY
        if percent is None or (percent, message) == self._told or not due:
            return
        self._told_at = time.monotonic()
        try:
            await self._store_it(percent, message)
        except StoreError as error:  # no reason to end a job that works: it is tried again
            _log.warning("the progress of job %s could not be stored: %s", self._id, error)
        else:
            self._told = (percent, message)

    async def _store_it(self, percent: float, message: str) -> None:
        async with self._store.transaction() as tx:
            order = await tx.job_orders.get(self._id)
            await tx.job_orders.save(replace(order, progress=percent, progress_message=message))
            await tx.jobs.tell(self._id)
