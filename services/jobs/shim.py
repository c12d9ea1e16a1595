"""Carries one program through the death of whoever started it.

    python -I -S -E shim.py [--detach] [--split] [--grace SECONDS] [--timeout SECONDS] \\
        [--memory BYTES] [--contained] RUN_DIR -- WORDS…
    python -I -S -E shim.py --serve

Standard library only, and nothing of ours: it runs without site-packages. RUN_DIR is locked
(flock) as long as the shim lives; in it `started` and `exit` are JSON, whole or absent; `log` gets
the program's stdout and stderr, or `errors` its stderr with --split. `started` has the shim's
identity (pid, start time in ticks, boot id) and is on the disk before the program runs; then a
second line gets the program's.
`exit` says how it ended: `code` or `signal`, and `why` (exited, terminated, timed out, out of
memory), and what its whole tree has cost: `cpu_seconds`, and `peak_memory`, the bytes of its
largest process. So: `exit` there: finished; else locked: running; else `started` there: lost;
else never started. Only `started` waits for the disk: a machine that loses its power loses the
program, too, and whether it had ended just before is then not known. A directory is good for one
start.
SIGTERM ends the program and all that it started, however detached, and so does the end of its
time, whoever watches or not; what it leaves behind when it ends by itself is ended too. So is a
tree that holds more memory than --memory, at once: we look often enough for that to be seen
before the machine is full, and one process can reserve no more than twice as much (64 MiB at
least). It is no control group: those of a user end with the last login, and we do not. A program
that is --contained starts a process-id namespace: what is in it is ended, since what holds it would
take it along at once, and has to tidy up behind it. With --detach the command returns as soon as
the program is started.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import json
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple, NoReturn

REFUSED = 75
CANNOT_START = 127

EXITED, TERMINATED, TIMED_OUT = "exited", "terminated", "timed out"
OUT_OF_MEMORY = "out of memory"

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, prctl(2): orphaned descendants become our children
_DUMPABLE = 4  # PR_SET_DUMPABLE; a program that is executed is dumpable again
_RECORD_ROOM = 4096
_WATCHED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_KIBIBYTE = 1024  # the unit of ru_maxrss, getrusage(2)
_PPID, _START_TIME, _RESIDENT = 1, 19, 21  # fields of /proc/PID/stat behind the name, proc(5)
# How fast memory can be filled (bytes a second), and how often we look (seconds) at least, at most.
_FASTEST, _SELDOM, _OFTEN = 4 << 30, 1.0, 0.1
_UNWINDING = 1.0  # seconds: how long what holds a namespace may go on when that has been killed
_OWN_NEED = 64 << 20  # bytes: less would end us, for our own limit is that of our program


class _Program(NamedTuple):
    """What to run, its whole environment, and whether it starts a process-id namespace."""

    words: list[str]
    environment: Mapping[str, str]
    contained: bool = False


class _Limits(NamedTuple):
    """Seconds to end in once asked to, seconds to work in, and bytes for the whole tree."""

    grace: float
    timeout: float
    memory: float


class _Room(NamedTuple):
    """An open file with room for a record: a full disk costs neither the record nor us."""

    name: str
    file: int


class _Place(NamedTuple):
    """The directory of a start, the room for what is told of its program, `log` and `errors`.

    Without a file for stderr, `errors` is the `log`.
    """

    run_dir: int
    started: _Room
    exit: _Room
    log: int
    errors: int


def main(arguments: list[str]) -> int:
    """Carry the program; return its code, 128 + its signal, or 75 if the start is refused."""
    if arguments == ["--serve"]:
        return _serve()
    cut = arguments.index("--")
    options, command = arguments[:cut], arguments[cut + 1 :]
    limits = _Limits(
        _number(options, "--grace", 5.0),
        _number(options, "--timeout", math.inf),
        _number(options, "--memory", math.inf),
    )
    place = _take(options[-1], split="--split" in options)
    if place is None:
        return REFUSED
    ready, tell = os.pipe()
    if "--detach" in options:
        if os.fork():
            os.close(tell)
            return 0 if os.read(ready, 1) else CANNOT_START
        _detach(place.log)
    os.close(ready)
    program = _Program(command, os.environ, "--contained" in options)
    return _carry(program, limits, place, tell, b"x")


def _serve() -> int:
    """Carry, detached, what each line of stdin asks for, until there are no more lines.

    A line is JSON (`id`, `run_dir`, `command`, `environment`, `directory`, `grace`, `timeout`,
    `split`, `memory`, `contained`); once its program is let go, or cannot be, a line on stdout
    says so: `id` and `code`. One process forked costs a tenth of one that starts Python.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries our children
    # What we are asked may hold secrets: no command of this user is to read our memory.
    _libc().prctl(_DUMPABLE, 0, 0, 0, 0)
    _boot_id()
    gc.disable()  # a collection would write to every page that a child shares with us
    for line in sys.stdin.buffer:
        if os.fork() == 0:
            _answer(json.loads(line))
    return 0


def _answer(order: Mapping[str, Any]) -> NoReturn:
    tell = os.dup(1)
    code = CANNOT_START
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.chdir(order["directory"])
        place = _take(order["run_dir"], split=order["split"])
        if place is not None:
            _detach(place.log)
            limits = _Limits(
                order["grace"], order["timeout"] or math.inf, order["memory"] or math.inf
            )
            program = _Program(order["command"], order["environment"], order["contained"])
            _carry(program, limits, place, tell, _told(order, 0))
            os._exit(0)
        code = REFUSED
    finally:
        os.closerange(3, tell)  # the lock as well: who is told of it may try again at once
        os.closerange(tell + 1, os.sysconf("SC_OPEN_MAX"))
        with suppress(OSError):  # nobody listens any more
            os.write(tell, _told(order, code))
        os._exit(code)


def _told(order: Mapping[str, Any], code: int) -> bytes:
    return _line({"id": order["id"], "code": code})


def _take(path: str, *, split: bool) -> _Place | None:
    """Lock the directory for good; None if something was started there before."""
    run_dir = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(run_dir, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return None
    if _exists(run_dir, "started") or _exists(run_dir, "exit"):
        return None
    rooms = _reserve(run_dir, "started.new"), _reserve(run_dir, "exit.new")
    log = _open(run_dir, "log", os.O_WRONLY | os.O_APPEND)
    errors = _open(run_dir, "errors", os.O_WRONLY | os.O_APPEND) if split else log
    return _Place(run_dir, *rooms, log, errors)


def _reserve(run_dir: int, name: str) -> _Room:
    file = _open(run_dir, name, os.O_RDWR)
    os.posix_fallocate(file, 0, _RECORD_ROOM)
    return _Room(name, file)


def _number(options: list[str], name: str, default: float) -> float:
    return float(options[options.index(name) + 1]) if name in options else default


def _carry(program: _Program, limits: _Limits, place: _Place, tell: int, word: bytes) -> int:
    _libc().prctl(_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    told = _put(place.run_dir, "started", _identity(os.getpid()), place.started)
    os.fsync(place.started.file)
    os.fsync(place.run_dir)
    _limit_memory(limits.memory)
    pid = _spawn(program, place)
    if pid:
        with suppress(OSError):  # where a write into its own room needs more room: then without
            os.pwrite(place.started.file, _line(_identity(pid)), told)
    os.close(place.started.file)
    with suppress(BrokenPipeError):  # whoever started us may be dead already
        os.write(tell, word)
    os.close(tell)
    code, why = _Tree(pid, program, limits).outlive() if pid else (CANNOT_START, EXITED)
    record = {
        "code": code if code >= 0 else None,
        "signal": -code if code < 0 else None,
        "why": why,
        **_cost(),
    }
    _put(place.run_dir, "exit", record, place.exit)
    os.close(place.exit.file)
    return code if code >= 0 else 128 - code


def _detach(log: int) -> None:
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)


def _spawn(program: _Program, place: _Place) -> int:
    """Start the program in a session of its own; 0 if it cannot be: its stderr says why."""
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        return os.posix_spawnp(
            program.words[0],
            program.words,
            program.environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, *pair)
                for pair in ((null, 0), (place.log, 1), (place.errors, 2))
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(*_WATCHED, *_IGNORED_BY_PYTHON, signal.SIGHUP),
        )
    except OSError as error:
        os.write(place.errors, f"{program.words[0]} cannot be started: {error.strerror}\n".encode())
        return 0
    finally:
        os.close(null)


def _limit_memory(most: float) -> None:
    """Let no process of the tree get much more: it inherits our limit before it runs at all.

    Twice as much, since a process may well reserve what it never uses.
    """
    if most < math.inf:
        limit, (_, hard) = max(_OWN_NEED, int(2 * most)), resource.getrlimit(resource.RLIMIT_DATA)
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


class _Tree:
    """The program and all that it started, until nothing of it is left."""

    def __init__(self, pid: int, program: _Program, limits: _Limits) -> None:
        self._program = pid
        self._contained = program.contained
        self._grace = limits.grace
        self._overdue_from = time.monotonic() + limits.timeout
        self._memory = _Memory(limits.memory)
        self._status: int | None = None
        self._why = EXITED
        self._kill_from = 0.0

    def outlive(self) -> tuple[int, str]:
        """Wait until it is gone; return the program's code or -signal, and why it ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return os.waitstatus_to_exitcode(self._status or 0), self._why
            if pid == self._program:
                self._status = status
            if not pid:
                self._hold_down(time.monotonic())
                self._wait(time.monotonic())

    def _hold_down(self, now: float) -> None:
        if self._memory.is_too_much(now):
            self._blame(OUT_OF_MEMORY)
            self._kill_from = now  # who is asked to end first gives nothing back in time
        if self._status is not None:  # it has left something behind
            self._end()
        if self._kill_from and now >= self._kill_from:
            unwinds = self._contained and now < self._kill_from + _UNWINDING
            _signal(_inside() if unwinds else _descendants(), signal.SIGKILL)

    def _wait(self, now: float) -> None:
        patience = min(3600.0, self._overdue_from - now, self._memory.look_from - now)
        caught = signal.sigtimedwait(_WATCHED, 0.05 if self._kill_from else max(0.0, patience))
        if caught is not None and caught.si_signo != signal.SIGCHLD:
            self._blame(TERMINATED)
            self._end()
        elif not self._kill_from and time.monotonic() >= self._overdue_from:
            self._blame(TIMED_OUT)
            self._end()

    def _blame(self, why: str) -> None:
        if self._status is None and not self._kill_from:
            self._why = why

    def _end(self) -> None:
        if not self._kill_from:
            inside = _inside() if self._contained else []
            _signal(inside or _descendants(), signal.SIGTERM)
            self._kill_from = time.monotonic() + self._grace


class _Memory:
    """What the tree holds: looked at the oftener, the sooner it may be too much."""

    def __init__(self, most: float) -> None:
        self._most = most
        self.look_from = 0.0 if most < math.inf else math.inf

    def is_too_much(self, now: float) -> bool:
        """Whether it is more than it may be, if it is time to look."""
        if now < self.look_from:
            return False
        room = self._most - _held(self._most)
        self.look_from = now + max(_OFTEN, min(_SELDOM, room / _FASTEST))
        return room < 0


def _held(most: float) -> int:
    """Return the bytes that our tree holds.

    Pages that several share are counted once, which takes long, only if that can matter.
    """
    pids, size = _descendants(), os.sysconf("SC_PAGE_SIZE")
    held = {pid: int(stat[_RESIDENT]) * size for pid in pids if (stat := _stat(pid))}
    if sum(held.values()) > most:
        return sum(_share(pid, resident) for pid, resident in held.items())
    return sum(held.values())


def _share(pid: int, resident: int) -> int:
    """Return its proportional share of what is resident: all of it where we may not know."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * _KIBIBYTE
    return resident


def _cost() -> dict[str, Any]:
    """Return what our descendants have used: we have buried all of them, or their parents did.

    A program counts with at least our own memory, which it shares until it is executed.
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    return {"cpu_seconds": round(cpu, 3), "peak_memory": used.ru_maxrss * _KIBIBYTE}


def _signal(pids: list[int], number: int) -> None:
    """Nobody but us reaps our tree, so that no pid of our children is reused meanwhile."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdecimal()]
    for pid in pids:
        if fields := _stat(pid):
            children.setdefault(int(fields[_PPID]), []).append(pid)
    found = children.get(os.getpid(), [])
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def _inside() -> list[int]:
    """Return our descendants in a process-id namespace within ours."""
    ours = _depth(os.getpid())
    return [pid for pid in _descendants() if _depth(pid) > ours]


def _depth(pid: int) -> int:
    """Return in how many process-id namespaces a process has a number, 0 if it is gone."""
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith("NSpid:"):
            return len(line.split()) - 1
    return 0


def _stat(pid: int) -> list[str]:
    data = _read(f"/proc/{pid}/stat")
    return data[data.rindex(")") + 2 :].split() if data else []


def _identity(pid: int) -> dict[str, Any]:
    return {"pid": pid, "start_time": int(_stat(pid)[_START_TIME]), "boot_id": _boot_id()}


@cache
def _boot_id() -> str:
    return _read("/proc/sys/kernel/random/boot_id").strip()


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _read(path: str) -> str:
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            return os.read(handle, 4096).decode("utf-8", "replace")
        finally:
            os.close(handle)
    except OSError:
        return ""


def _open(run_dir: int, name: str, flags: int) -> int:
    return os.open(name, flags | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=run_dir)


def _exists(run_dir: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=run_dir)
    except FileNotFoundError:
        return False
    return True


def _put(run_dir: int, name: str, record: Mapping[str, Any], room: _Room) -> int:
    """Put the record there whole: a reader finds all of it or nothing; return its length."""
    data = _line(record)
    os.pwrite(room.file, data, 0)
    os.ftruncate(room.file, len(data))
    os.rename(room.name, name, src_dir_fd=run_dir, dst_dir_fd=run_dir)
    return len(data)


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
