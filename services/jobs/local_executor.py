"""Runs commands on this machine, each under a shim of its own (an `Executor`)."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from foredeck.services.domain.errors import Conflict, StorageFull, StoreError
from foredeck.services.domain.states import JobState
from foredeck.services.jobs import shim
from foredeck.services.jobs.executor import Command, Found, Handle
from foredeck.services.jobs.nursery import Nursery
from foredeck.services.jobs.output import make_private_directory
from foredeck.services.jobs.processes import (
    MARK,
    ProcessId,
    send_signal,
    sweep,
    watched,
)
from foredeck.services.jobs.run_dir import RunDir

# How much longer than the grace period a shim may take to end, in seconds.
_SHIM_SECONDS = 2.0
_POLL = 0.05


class LocalExecutor:
    """Each attempt has the directory `ROOT/JOB_ID.ATTEMPT`; `grace` is in seconds.

    What a command has printed, stdout and stderr as they came, is in its `log` there; a stderr
    that was split off is in `errors`.
    """

    def __init__(self, root: Path, grace: float) -> None:
        self._root = root.absolute()
        self._grace = grace
        self._nursery = Nursery()

    def close(self) -> None:
        """Let go of what starts commands; those that run go on."""
        self._nursery.close()

    async def submit(self, handle: Handle, command: Command) -> None:
        """Start it, unless that attempt was started before.

        Raises `Conflict` if the directory it is to work in is not there, `StorageFull` and
        `StoreError` if its files cannot be written.
        """
        files = self._files(handle)
        if not Path(command.directory).is_dir():
            raise Conflict(
                f"The directory {command.directory} is not there any more.",
                "Bring it back, then retry.",
            )
        try:
            make_private_directory(files.path)
            code = await self._carry(handle, files, command)
        except OSError as error:
            raise _cannot_start(files, error.strerror or str(error)) from error
        if code not in {0, shim.REFUSED}:
            raise _cannot_start(files, f"code {code}")

    async def probe(self, handle: Handle) -> Found:
        """Return what became of it, from its files."""
        files = self._files(handle)
        if found := _ended(files):
            return found
        if files.is_locked:
            return Found(JobState.IN_PROGRESS)
        # It may have ended between these two looks.
        return _ended(files) or Found(JobState.LOST if files.was_started else JobState.QUEUED)

    def path(self, handle: Handle, *, errors: bool = False) -> str:
        """Return where that output lies, for who follows files."""
        files = self._files(handle)
        return str(files.errors if errors else files.log)

    async def read(self, handle: Handle, offset: int, limit: int, *, errors: bool = False) -> bytes:
        """Return at most `limit` bytes of what it has printed, from that byte on."""
        try:
            log = os.open(self.path(handle, errors=errors), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return b""
        try:
            return os.pread(log, limit, offset)
        finally:
            os.close(log)

    async def process_id(self, handle: Handle) -> int | None:
        """Return the process id of the program while it works."""
        files = self._files(handle)
        program = files.program if files.is_locked else None
        return program.pid if program else None

    async def changed(self, handle: Handle, seconds: float) -> None:
        """Return as soon as its shim has ended, or after so many seconds."""
        carrier = self._files(handle).carrier
        if carrier is None:
            await asyncio.sleep(min(seconds, _POLL))
        else:
            await watched(carrier, seconds)

    async def cancel(self, handle: Handle) -> None:
        """End it and everything that it started; returns when nothing of it is left.

        The shim ends its whole tree; what has lost its shim is found by its mark.
        """
        if (carrier := await self._carrier(handle)) is not None:
            with suppress(PermissionError):
                send_signal(carrier, signal.SIGTERM)
            if not await watched(carrier, self._grace + _SHIM_SECONDS):
                send_signal(carrier, signal.SIGKILL)
            await sweep(handle.job_id, self._grace)

    async def kept(self) -> tuple[Handle, ...]:
        """Return everything that has a directory."""
        if not self._root.is_dir():
            return ()
        names = (entry.name.rpartition(".") for entry in os.scandir(self._root))
        return tuple(Handle(job, int(attempt)) for job, _, attempt in names if attempt.isdecimal())

    async def discard(self, handle: Handle) -> None:
        """Remove its files."""
        await asyncio.to_thread(self._files(handle).remove)

    async def _carrier(self, handle: Handle) -> ProcessId | None:
        """Return the shim; one that is about to start is waited for."""
        files = self._files(handle)
        while not files.was_started and files.is_locked:  # noqa: ASYNC110 (it is another process)
            await asyncio.sleep(_POLL)
        return files.carrier

    def _files(self, handle: Handle) -> RunDir:
        return RunDir(self._root / f"{handle.job_id}.{handle.attempt}")

    async def _carry(self, handle: Handle, files: RunDir, command: Command) -> int:
        return await self._nursery.carry(
            files.path,
            command.words,
            {**command.environment, MARK: handle.job_id},
            self._grace,
            timeout=command.timeout,
            directory=command.directory,
            split=command.split,
            memory=command.memory,
            contained=command.contained,
        )


def _ended(files: RunDir) -> Found | None:
    ending = files.ending
    if ending is None:
        return None
    code, number, why = ending.get("code"), ending.get("signal"), str(ending.get("why"))
    state = JobState.COMPLETED if code == 0 else JobState.FAILED
    by_us = {shim.TERMINATED: JobState.CANCELLED, shim.TIMED_OUT: JobState.TIMEOUT}
    return Found(
        by_us.get(why, state),
        code,
        number,
        ending.get("cpu_seconds"),
        ending.get("peak_memory"),
        over_memory=why == shim.OUT_OF_MEMORY,
    )


def _cannot_start(files: RunDir, why: str) -> StoreError:
    full = os.statvfs(files.path if files.path.exists() else files.path.parents[1]).f_bavail == 0
    kind = StorageFull if full else StoreError
    return kind(
        f"The command could not be started in {files.path}: {why}.",
        "Check the data directory and the disk it lies on, then retry.",
    )
