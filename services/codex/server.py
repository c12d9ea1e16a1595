"""The detached codex app-server of a data directory: started, adopted, stopped.

It outlives whoever started it: turns go on while no Foredeck is there, and the next one
finds them. One process at a time starts or stops it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from foredeck.services.codex.binary import CodexBinary, locate
from foredeck.services.codex.carrier import carry
from foredeck.services.codex.environment import codex_environment
from foredeck.services.codex.handshake import greet, is_busy
from foredeck.services.codex.server_record import (
    ServerPlace,
    ServerRecord,
    fingerprint,
    forget,
    read_record,
    write_record,
)
from foredeck.services.domain.errors import CodexError, CodexUnreachable
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.jobs.output import make_private_directory, read_tail
from foredeck.services.jobs.processes import MARK, ProcessId, is_alive, send_signal, sweep
from foredeck.services.patience import to_the_end
from foredeck.services.settings import Settings

if TYPE_CHECKING:
    from foredeck.services.codex.client import CodexClient

START_SECONDS = 20.0

_ANSWER_SECONDS = 5.0
_LOCK_SECONDS = 60.0
_TURN_GRACE = 0.5
_POLL = 0.05
_ADDRESS_LIMIT = 107  # sun_path of unix(7), without its terminating NUL
# Offline, codex would go on trying for ever; commands get a core environment only. To copy a
# person's shell, codex would run its start-up files in the workspace for every thread, outside
# of the sandbox and without a job's mark: what they leave running no cancel would find.
_OPTIONS = (
    "--disable", "unbounded_connection_retries",
    "--disable", "shell_snapshot",
    "-c", 'shell_environment_policy.inherit="core"',
    "-c", "allow_login_shell=false",
)  # fmt: skip


class AppServer:
    """The app-server for one data directory and one configuration key.

    Its files lie in `run_dir` (default `<data_dir>/codex`). Every method may raise
    `CodexError`s: `CodexMissing`, `CodexTooOld`, `CodexUnreachable`.
    """

    def __init__(
        self, settings: Settings, *, run_dir: Path | None = None, key: str = "default"
    ) -> None:
        self._settings = settings
        directory = (run_dir or settings.data_dir / "codex").absolute()
        self._place = ServerPlace(directory, key)
        self._turnstile = asyncio.Lock()
        self._connecting = asyncio.Lock()
        self._client: CodexClient | None = None
        self._directory_handle: int | None = None

    @property
    def lives(self) -> bool:
        """Whether a server of this data directory runs, whoever started it."""
        record = read_record(self._place)
        return record is not None and record.lives

    async def ensure(self) -> Path:
        """Start the server, or adopt the living one; return a path to connect to.

        A living one of another version or configuration is replaced, unless it has a turn
        under way. The path is at most 107 bytes and good while this object lives.
        """
        async with self._alone():
            if not await self._adopt():
                await self._start()
            return self._reachable()

    async def stop(self) -> None:
        """End the server and all that it started; nothing happens if there is none."""
        await self._hang_up()
        if not self._place.directory.is_dir():
            return
        async with self._alone():
            record = read_record(self._place)
            if record is not None:
                await self._end(record)

    async def connect(self) -> CodexClient:
        """Return the client that all share, a new one if the old one was closed."""
        from foredeck.services.codex.client import CodexClient

        async with self._connecting:
            if self._client is None or self._client.closed.is_set():
                await self._hang_up()
                self._client = await CodexClient.open(await self.ensure())
            return self._client

    async def close(self) -> None:
        """Let go of the server; it runs on."""
        await self._hang_up()
        if self._directory_handle is not None:
            os.close(self._directory_handle)
            self._directory_handle = None

    async def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """No other task and no other process starts or stops the server meanwhile."""
        async with self._turnstile:
            try:
                make_private_directory(self._place.directory)
                handle = os.open(self._place.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise _unusable(self._place.directory, error) from error
            try:
                await _take(handle)
                yield
            finally:
                os.close(handle)

    async def _adopt(self) -> bool:
        """Whether the server on record is good to use; one that is not is ended."""
        record = read_record(self._place)
        if record is None:
            return False
        if await self._answers_in_the_end(record):
            wanted = await self._plan()
            if record.same_kind(wanted[0]) or await self._is_busy():
                return True
        await self._end(record)
        return False

    async def _answers_in_the_end(self, record: ServerRecord) -> bool:
        """It may still be starting, or the machine may be loaded; only a dead one is sure."""
        deadline = time.monotonic() + START_SECONDS
        while record.lives and time.monotonic() < deadline:
            if await self._answers():
                return True
            await asyncio.sleep(_POLL)
        return False

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await greet(self._reachable())
        except (CodexUnreachable, TimeoutError):
            return False
        return True

    async def _is_busy(self) -> bool:
        """A server that does not say counts as busy: a turn is never cut off by mistake."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await is_busy(self._reachable())
        except (CodexUnreachable, TimeoutError):
            return True

    async def _plan(self) -> tuple[ServerRecord, list[str], dict[str, str]]:
        """Return what would be started now, its command line and its environment."""
        binary: CodexBinary = await asyncio.to_thread(locate, self._settings)
        environment = codex_environment(self._settings)
        listen = ("app-server", "--listen", f"unix://{self._place.socket}")
        command = [str(binary.path), *_OPTIONS, *listen]
        record = ServerRecord(
            run_dir=str(self._place.runs / new_id()),
            mark=f"app-server-{new_id()}",
            binary=str(binary.path),
            version=binary.version,
            config=fingerprint(command, environment),
        )
        return record, command, environment

    async def _start(self) -> None:
        record, command, environment = await self._plan()
        try:
            make_private_directory(Path(record.run_dir))
            self._place.socket.unlink(missing_ok=True)
            write_record(self._place, record)
        except OSError as error:
            raise _unusable(self._place.directory, error) from error
        grace, marked = self._settings.grace, environment | {MARK: record.mark}
        try:
            # Broken off, the thread would start it all the same, and nobody would know.
            await to_the_end(asyncio.to_thread(_spawn, record.run_dir, command, marked, grace))
            await self._until_ready(record)
        except BaseException:
            await to_the_end(self._end(record))
            raise

    async def _until_ready(self, record: ServerRecord) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not (os.path.lexists(self._place.socket) and await self._answers()):
            if record.has_ended or not record.lives:
                raise _failed("ended as soon as it was started", record)
            if time.monotonic() > deadline:
                raise _failed(f"was not ready within {START_SECONDS:.0f} seconds", record)
            await asyncio.sleep(_POLL)

    async def _end(self, record: ServerRecord) -> None:
        """SIGTERM lets codex end its commands; what is left after the grace is killed."""
        processes = record.processes()
        for process in processes:
            send_signal(process, signal.SIGTERM)
        await _until_gone(processes, _TURN_GRACE)
        for process in processes[1:]:
            send_signal(process, signal.SIGTERM)  # asked twice, codex waits for no turn
        await _until_gone(processes, self._settings.grace + 1)
        for process in processes:
            send_signal(process, signal.SIGKILL)
        await sweep(record.mark, self._settings.grace)
        await asyncio.to_thread(forget, self._place)

    def _reachable(self) -> Path:
        """Return a way to the socket that fits into a socket address."""
        socket = self._place.socket
        target = socket.parent / socket.readlink() if socket.is_symlink() else socket
        for path in (target, socket):
            if len(os.fsencode(path)) <= _ADDRESS_LIMIT:
                return path
        if self._directory_handle is None:
            self._directory_handle = os.open(socket.parent, os.O_PATH | os.O_CLOEXEC)
        return Path(f"/proc/self/fd/{self._directory_handle}") / socket.name


def _spawn(run_dir: str, command: Sequence[str], environment: dict[str, str], grace: float) -> None:
    code = carry("The codex app-server", run_dir, command, environment, grace)
    if code:
        raise CodexUnreachable(
            f"The codex app-server could not be started (code {code}).",
            "Check that the data directory is writable and the disk has room.",
        )


async def _until_gone(processes: Sequence[ProcessId], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(map(is_alive, processes)) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_POLL)


async def _take(handle: int) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise CodexUnreachable(
                    "Another Foredeck has been starting or stopping codex for a minute.",
                    "Wait for it, or end it.",
                ) from None
            await asyncio.sleep(_POLL)
        else:
            return


def _failed(what: str, record: ServerRecord) -> CodexUnreachable:
    """Say it with the last words of the log, in plain characters."""
    words = safe_line(read_tail(record.log, 5).strip(), limit=600)
    said = f" It said: {words}" if words else ""
    return CodexUnreachable(f"The codex app-server {what}.{said}", f"Try `{record.binary} doctor`.")


def _unusable(directory: Path, error: OSError) -> CodexError:
    return CodexError(
        f"{directory} cannot be used for codex: {error.strerror or error}.",
        "Check the data directory and the disk it lies on.",
    )
