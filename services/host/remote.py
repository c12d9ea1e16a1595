"""The client's side of the host's socket: a `Host` in another process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast

from foredeck.services.domain.errors import ForedeckError, HostGone, InvalidInput, OtherVersion
from foredeck.services.domain.events import Event, Resync
from foredeck.services.host import wire
from foredeck.services.host.address import reachable, socket_path, user_of
from foredeck.services.host.interface import Command, Query
from foredeck.services.host.lock import unheard

R = TypeVar("R")

# How long an answer's line may be, in bytes; the host is trusted.
_LINE_LIMIT = 256 * 1024 * 1024
# How long a host may take to say who it is; one that is stopped never does.
_HELLO_SECONDS = 5.0
# Events that wait for a reader that does not read; behind that it gets a `Resync`.
_EVENT_LIMIT = 4096


class RemoteHost:
    """A `Host` behind the socket of a data directory; lives on the loop that opened it.

    When the host is gone, everything raises `HostGone`, also what waits; another host is
    another `RemoteHost`.
    """

    def __init__(
        self,
        identity: wire.HostIdentity,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.identity = identity
        self._reader = reader
        self._writer = writer
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._listening: dict[int, _RemoteEvents] = {}
        self._commands: set[int] = set()
        self._is_gone = False
        self._hearing = asyncio.create_task(self._hear(), name="hear the host")

    @classmethod
    async def open(cls, data_dir: Path) -> RemoteHost:
        """Attach to the running host; raises `HostGone` if there is none.

        Raises `HostBusy` if it does not answer, `OtherVersion` if it cannot be talked to.
        """
        try:
            with reachable(socket_path(data_dir)) as address:
                reader, writer = await asyncio.open_unix_connection(address, limit=_LINE_LIMIT)
        except OSError as error:
            raise HostGone("No Foredeck is working on the data directory.") from error
        try:
            identity = await _greet(data_dir, reader, writer)
        except BaseException:
            writer.transport.abort()
            raise
        return cls(identity, reader, writer)

    @property
    def has_begun(self) -> bool:
        """Whether the host has begun a command of this client, as far as can be known."""
        return bool(self._commands)

    async def ask(self, query: Query[R]) -> R:
        """Answer a query; raises `HostGone`."""
        return await self._request("ask", query)

    async def do(self, command: Command[R]) -> R:
        """Carry out a command; once sent it is carried to its end, whoever leaves."""
        return await self._request("do", command)

    def events(self, since: int | None = None) -> AsyncIterator[Event]:
        """Subscribe; the subscription begins at the call."""
        number = next(self._numbers)
        events = self._listening[number] = _RemoteEvents(self, number)
        if self._is_gone:
            events.end(self._gone())
        else:
            self._send({"id": number, "listen": since})
        return events

    def stop_listening(self, number: int) -> None:
        """End a subscription."""
        if self._listening.pop(number, None) and not self._is_gone:
            self._send({"id": number, "stop": True})

    async def close(self) -> None:
        """Leave the host; it works on."""
        self._hearing.cancel()
        self._lose()
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _request(self, verb: str, wish: Query[R] | Command[R]) -> R:
        kind = type(wish)
        number = next(self._numbers)
        line = {"id": number, verb: kind.__name__, "with": wire.encode(wish)}
        if self._is_gone:
            raise self._gone()
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            if verb == "do":
                self._commands.add(number)
            self._send(line)
            return cast("R", wire.decode(wire.answer_type(kind), await answer))
        finally:
            self._waiting.pop(number, None)

    def _send(self, message: wire.Message) -> None:
        self._writer.write(wire.to_line(message))

    async def _hear(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(wire.from_line(line))
        except (OSError, ValueError, InvalidInput):
            pass  # it died in the middle of a line
        finally:
            self._lose()

    def _take(self, message: wire.Message) -> None:
        number = message.get("id")
        if "bye" in message:
            # The host has answered whatever it began, and begins nothing more.
            self._commands -= self._waiting.keys()
            self._lose()
        elif number is None and "error" in message:
            self._lose(wire.decode_error(message))
        elif events := self._listening.get(cast("int", number)):
            events.put(wire.decode_event(message))
        elif answer := self._waiting.get(cast("int", number)):
            _settle(answer, message)

    def _lose(self, error: ForedeckError | None = None) -> None:
        if self._is_gone:
            return
        self._is_gone = True
        self._writer.close()  # a host that closes waits for that
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(error or self._gone())
        for events in list(self._listening.values()):
            events.end(error or self._gone())

    def _gone(self) -> HostGone:
        return HostGone(
            f"The host went away: {self.identity}.",
            "Open foredeck to go on with its runs.",
        )


class _RemoteEvents:
    """The events of one subscription; a reader that falls behind gets a `Resync`."""

    def __init__(self, host: RemoteHost, number: int) -> None:
        self._host = host
        self._number = number
        self._queue: asyncio.Queue[Event | ForedeckError] = asyncio.Queue()
        self._end: ForedeckError | None = None

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        if self._end and self._queue.empty():
            raise self._end
        event = await self._queue.get()
        if isinstance(event, ForedeckError):
            raise event
        return event

    async def aclose(self) -> None:
        """End the subscription."""
        self._host.stop_listening(self._number)

    def put(self, event: Event) -> None:
        """Queue an event, or let go of everything and queue a `Resync`."""
        if self._queue.qsize() >= _EVENT_LIMIT:
            while not self._queue.empty():
                self._queue.get_nowait()
            event = Resync(seq=event.seq, at=event.at)
        self._queue.put_nowait(event)

    def end(self, error: ForedeckError) -> None:
        """Let the reader have what came, then raise."""
        self._end = error
        self._queue.put_nowait(error)


def _settle(answer: asyncio.Future[Any], message: wire.Message) -> None:
    if answer.done():
        return
    if "error" in message:
        answer.set_exception(wire.decode_error(message))
    else:
        answer.set_result(message.get("answer"))


async def _greet(
    data_dir: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> wire.HostIdentity:
    """Return who answers; raises what it says instead, `HostBusy` or `HostGone`."""
    if user_of(writer.get_extra_info("socket")) != os.getuid():
        raise HostGone("The socket of the data directory is another user's.")
    try:
        async with asyncio.timeout(_HELLO_SECONDS):
            line, _ = await asyncio.gather(reader.readline(), asyncio.to_thread(wire.load))
        hello = wire.from_line(line)
    except TimeoutError as error:
        raise unheard(data_dir) from error
    except (OSError, ValueError, InvalidInput) as error:
        raise HostGone("The host went away.") from error
    if "error" in hello:
        raise wire.decode_error(hello)
    if hello.get("wire") != wire.WIRE:
        raise OtherVersion(
            f"The host runs another version of Foredeck ({hello.get('version')}).",
            "End it and start it again with this version.",
        )
    return wire.decode(wire.HostIdentity, hello)
