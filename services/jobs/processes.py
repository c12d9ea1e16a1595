"""Finds and ends processes by what they are, never by a number alone.

A process is its id, its start time (clock ticks since boot) and the boot it belongs
to: an id alone is soon somebody else's. What belongs to a job is found by the
mark in its environment, which survives new sessions and double forks; only a process
that throws its environment away is not found.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MARK = "FOREDECK_JOB_ID"

_PROC = Path("/proc")
_POLL = 0.05
_KILL_PATIENCE = 10.0
_STATE, _START_TIME = 0, 19  # fields of /proc/PID/stat behind the name, see proc(5)


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process for all time; `start_time` is in clock ticks since boot."""

    pid: int
    start_time: int
    boot_id: str


@cache
def boot_id() -> str:
    """Return the kernel's name for the time since it started."""
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def identify(pid: int) -> ProcessId | None:
    """Return who has that id now; None if nobody has, or only a zombie."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    if fields[_STATE] in {b"Z", b"X"}:
        return None
    return ProcessId(pid, int(fields[_START_TIME]), boot_id())


def is_alive(process: ProcessId) -> bool:
    """Whether that very process still runs (a zombie does not)."""
    return identify(process.pid) == process


def send_signal(process: ProcessId, number: signal.Signals) -> bool:
    """Signal that very process, never one that has its id by now; False if it is gone.

    Raises `PermissionError` if it belongs to somebody else.
    """
    try:
        with _pidfd(process.pid) as handle:
            if identify(process.pid) != process:
                return False
            if handle is None:
                os.kill(process.pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    return True


def find_marked(value: str) -> list[ProcessId]:
    """Return the processes of this user, this one excepted, whose mark has that value."""
    wanted = f"{MARK}={value}".encode()
    return [process for pid in _own_pids() if (process := _if_marked(pid, wanted)) is not None]


async def sweep(mark_value: str, grace: float) -> int:
    """End every process with that mark; return how many there were.

    Each gets SIGTERM and, `grace` seconds after the first, SIGKILL; it is over when two
    scans in a row find none. A process that the kernel cannot end is left
    after ten seconds more. Scans run in a thread.
    """
    seen: set[ProcessId] = set()
    kill_from = time.monotonic() + grace
    empty = 0
    while empty < 2 and time.monotonic() < kill_from + _KILL_PATIENCE:
        found = await asyncio.to_thread(find_marked, mark_value)
        empty = 0 if found else empty + 1
        late = time.monotonic() >= kill_from
        for process in found:
            if late or process not in seen:
                _send_quietly(process, signal.SIGKILL if late else signal.SIGTERM)
        seen.update(found)
        if empty < 2:
            await asyncio.sleep(_POLL if found else 0)
    return sum(not is_alive(process) for process in seen)


async def watched(process: ProcessId, seconds: float) -> bool:
    """Wait until that very process has ended; False if it still runs after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            with _pidfd(process.pid) as handle:
                if handle is None:
                    while is_alive(process):  # noqa: ASYNC110 (an old kernel tells nobody)
                        await asyncio.sleep(_POLL)
                elif is_alive(process):
                    await _readable(handle)
    except ProcessLookupError:
        return True
    except TimeoutError:
        return not is_alive(process)
    return True


async def _readable(handle: int) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)


def _send_quietly(process: ProcessId, number: signal.Signals) -> None:
    with suppress(PermissionError):
        send_signal(process, number)


def _own_pids() -> Iterator[int]:
    user, own = os.geteuid(), os.getpid()
    with os.scandir(_PROC) as entries:
        for entry in entries:
            if entry.name.isdecimal() and int(entry.name) != own:
                with suppress(OSError):
                    if entry.stat().st_uid == user:
                        yield int(entry.name)


def _if_marked(pid: int, wanted: bytes) -> ProcessId | None:
    """Identified before and after the look, so that the mark is surely this process's."""
    before = identify(pid)
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return None
    if wanted not in environment.split(b"\0") or identify(pid) != before:
        return None
    return before


@contextmanager
def _pidfd(pid: int) -> Iterator[int | None]:
    """Hold on to the process; None where the kernel is too old or forbids it."""
    try:
        handle = os.pidfd_open(pid)
    except OSError as error:
        if error.errno not in {errno.ENOSYS, errno.EPERM}:
            raise
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)
