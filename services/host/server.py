"""The host's side of its socket: every other process is served here.

It opens as soon as the lock is held, so that who comes early waits instead of being turned
away: queries until the store is open, commands until the recovery is through.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from foredeck.services.domain.errors import ForedeckError, StoreError
from foredeck.services.host import wire
from foredeck.services.host.address import listen, process_of, socket_path, user_of
from foredeck.services.host.client_line import ClientLine, Desk
from foredeck.services.host.client_name import CLIENT, name_of
from foredeck.services.host.service import OpeningHost

CLIENT_LIMIT = 64
"""More clients than that are turned away."""

# How long a request's line may be, in bytes.
_LINE_LIMIT = 32 * 1024 * 1024
# How long a host that closes waits for the commands it has begun, in seconds.
_LAST_WAIT = 5.0
_log = logging.getLogger(__name__)


class HostServer:
    """Listens for clients from `open` until `close`; lives on the services' loop."""

    def __init__(self, data_dir: Path, role: str, listener: socket.socket) -> None:
        self._path = socket_path(data_dir)
        self._listener = listener
        self._identity = wire.HostIdentity(role, os.getpid(), version("foredeck"))
        self._desk = Desk()
        self._lines: dict[ClientLine, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None

    @classmethod
    async def open(cls, data_dir: Path, role: str) -> HostServer:
        """Begin to listen; only for who holds the lock. Raises `StoreError`."""
        try:
            listener = listen(data_dir)
        except OSError as error:
            raise StoreError(
                f"The host's socket in {data_dir} cannot be made: {error.strerror or error}.",
                "Check the directory's permissions and the disk, or choose another --data-dir.",
            ) from error
        server = cls(data_dir, role, listener)
        server._server = await asyncio.start_unix_server(
            server._welcome, sock=listener, limit=_LINE_LIMIT
        )
        return server

    @property
    def clients(self) -> int:
        """How many clients are attached."""
        return len(self._lines)

    def answer(self, service: OpeningHost) -> None:
        """Hand on requests from now on, also those that wait already."""
        self._desk.service.set_result(service)

    async def close(self, reason: BaseException | None = None) -> None:
        """Take no more requests, end the commands under way, say goodbye; safe to call twice.

        Who still waits for the host to open hears the `reason` why it does not.
        """
        if self._server is None:
            return
        self._server.close()
        self._server = None
        with suppress(OSError):
            self._path.unlink()
        self._desk.give_up()
        for line in self._lines:
            line.hear_no_more(reason if isinstance(reason, ForedeckError) else None)
        await self._desk.finish(_LAST_WAIT)
        if self._lines:
            await asyncio.wait(self._lines.values())

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client until it leaves; another user's process is not answered."""
        line = ClientLine(self._desk, reader, writer)
        peer = writer.get_extra_info("socket")
        if self._server is None or user_of(peer) != os.getuid():
            await line.hang_up()
        elif self.clients >= CLIENT_LIMIT:
            await line.refuse(f"{CLIENT_LIMIT} clients are attached already.")
        else:
            CLIENT.set(name_of(process_of(peer)))
            task = asyncio.create_task(line.serve(self._identity), name="a client of the host")
            self._lines[line] = task
            task.add_done_callback(lambda done: self._left(line, done))

    def _left(self, line: ClientLine, task: asyncio.Task[None]) -> None:
        del self._lines[line]
        if not task.cancelled() and (error := task.exception()):
            _log.error("a client could not be served", exc_info=error)
