"""One client at the host's socket, and the desk where the requests of all are dealt with."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from foredeck.services.domain.errors import ForedeckError, HostGone, InvalidInput
from foredeck.services.domain.events import Event
from foredeck.services.host import wire
from foredeck.services.host.commands import DeclarePresence
from foredeck.services.host.interface import Query
from foredeck.services.host.service import OpeningHost

# Requests of one client that are under way at the same time; the next ones wait their turn.
_REQUEST_LIMIT = 64
# Subscriptions of one client.
_LISTENER_LIMIT = 16
# How long a client may take to take what was said last, in seconds.
_GOODBYE_SECONDS = 1.0
# How much of what comes too late is thrown away at a time, in bytes.
_CHUNK = 65_536
_LOOK = "See what has become of it, then repeat it."
_log = logging.getLogger(__name__)


class _NotBegunError(Exception):
    """The host closes: a request is left without an answer, and the client may repeat it."""


class Desk:
    """Answers queries and carries commands out once there is a service, and it knows them.

    A command that has begun is carried to its end even if its client leaves.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.service: asyncio.Future[OpeningHost] = loop.create_future()
        self._commands: set[asyncio.Task[Any]] = set()
        self._loading: asyncio.Future[None] | None = None
        self._is_closing = False

    async def handle(self, request: wire.Message, there: set[str]) -> Any:
        """Return the answer to a request, encoded; raises `ForedeckError`.

        `there` keeps under which names somebody said to be there.
        """
        service = await asyncio.shield(self.service)
        if self._loading is None:
            self._loading = asyncio.ensure_future(asyncio.to_thread(wire.load))
        await asyncio.shield(self._loading)
        name = request.get("ask", request.get("do"))
        kind = await self._kind_of(service, name)
        if kind is None or issubclass(kind, Query) != ("ask" in request):
            raise InvalidInput(
                f"The host knows no {name}.",
                "It is another version of Foredeck: end it and start it again.",
            )
        wish: Any = wire.decode(kind, request.get("with"))
        if isinstance(wish, Query):
            answer = await _guarded(service.ask(wish), kind)
        else:
            answer = await self._to_its_end(service, wish)
            if isinstance(wish, DeclarePresence):
                (there.add if wish.present else there.discard)(wish.client)
        return wire.encode(answer, wire.answer_type(kind))

    async def _kind_of(self, service: OpeningHost, name: object) -> type | None:
        try:
            return await service.kind_of(name) if isinstance(name, str) else None
        except HostGone:
            raise _NotBegunError from None

    async def _to_its_end(self, service: OpeningHost, command: Any) -> Any:
        if self._is_closing:
            raise _NotBegunError
        task = asyncio.create_task(_guarded(service.do(command), type(command)))
        self._commands.add(task)
        task.add_done_callback(self._forget)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise HostGone("Foredeck was closed before this was done.", _LOOK) from None
            raise

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._commands.discard(task)
        if not task.cancelled():
            task.exception()  # its client may be gone: then nobody else asks for it

    async def release(self, there: set[str]) -> None:
        """Nobody is there any more under these names: their connection is gone."""
        for client in there:
            with suppress(ForedeckError, _NotBegunError):
                service = await asyncio.shield(self.service)
                await service.do(DeclarePresence(client, present=False))

    def give_up(self) -> None:
        """Begin nothing more, not even what waits for the host to open."""
        self._is_closing = True
        if not self.service.done():
            self.service.set_exception(_NotBegunError())
            self.service.exception()  # perhaps nobody waits for it
        elif not self.service.exception():
            self.service.result().give_up()

    async def finish(self, seconds: float) -> None:
        """Wait for the commands under way, so long; what is left then is cancelled."""
        if self._commands:
            _done, late = await asyncio.wait(self._commands, timeout=seconds)
            for task in late:
                task.cancel()


class ClientLine:
    """Reads the requests of one client and writes its answers and events.

    What waits to be written is bounded: who does not read gets no more answers begun, and
    its events pile up in the bus only until a `Resync` replaces them.
    """

    def __init__(
        self, desk: Desk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._desk = desk
        self._reader = reader
        self._writer = writer
        self._writing = asyncio.Lock()
        self._slots = asyncio.Semaphore(_REQUEST_LIMIT)
        self._requests: set[asyncio.Task[None]] = set()
        self._there: set[str] = set()
        self._listeners: dict[int, asyncio.Task[None]] = {}
        self._hearing: asyncio.Task[None] | None = None
        self._is_closing = False
        self._reason: ForedeckError | None = None

    async def serve(self, identity: wire.HostIdentity) -> None:
        """Say who the host is, then answer until the client leaves or the host closes."""
        self._hearing = asyncio.create_task(self._hear(identity))
        if self._is_closing:
            self._hearing.cancel()
        try:
            await asyncio.wait({self._hearing})
            if self._is_closing:
                await self._say_goodbye()
        finally:
            for task in (self._hearing, *self._listeners.values(), *self._requests):
                task.cancel()
            await self._desk.release(self._there)
            await self.hang_up()

    def hear_no_more(self, reason: ForedeckError | None) -> None:
        """Begin no more requests: the host closes, perhaps because it could not open."""
        self._is_closing = True
        self._reason = reason
        if self._hearing:
            self._hearing.cancel()

    async def refuse(self, why: str) -> None:
        """Say why this client is not served, and hang up."""
        await self._complain(InvalidInput(why, "Close one of them."))
        await self.hang_up()

    async def hang_up(self) -> None:
        """End the connection; what was written goes out if the client takes it soon."""
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._writer.wait_closed()
        self._writer.transport.abort()

    async def _hear(self, identity: wire.HostIdentity) -> None:
        try:
            await self._write({"wire": wire.WIRE, **asdict(identity)})
            while line := await self._reader.readline():
                await self._begin(wire.from_line(line))
        except ForedeckError as error:
            await self._complain(error)
        except ValueError:
            await self._complain(InvalidInput("A line is too long."))
        except (OSError, _NotBegunError):
            return  # one of the two is gone

    async def _begin(self, message: wire.Message) -> None:
        number = message.get("id")
        if not isinstance(number, int):
            raise InvalidInput("A request has no id.")
        if "stop" in message:
            if listener := self._listeners.pop(number, None):
                listener.cancel()
        elif "listen" in message:
            await self._listen(number, message["listen"])
        else:
            await self._slots.acquire()
            task = asyncio.create_task(self._answer(number, message))
            self._requests.add(task)
            task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        self._slots.release()

    async def _answer(self, number: int, request: wire.Message) -> None:
        try:
            answer: wire.Message = {"answer": await self._desk.handle(request, self._there)}
        except ForedeckError as error:
            answer = wire.encode_error(error)
        except _NotBegunError:
            return
        with suppress(OSError):
            await self._write({"id": number, **answer})

    async def _listen(self, number: int, since: object) -> None:
        if len(self._listeners) >= _LISTENER_LIMIT or number in self._listeners:
            raise InvalidInput("A client has too many subscriptions.")
        if since is not None and not isinstance(since, int):
            raise InvalidInput("A subscription begins after a number.")
        service = await asyncio.shield(self._desk.service)
        events = service.events(since)  # before the next request is looked at
        self._listeners[number] = asyncio.create_task(self._tell(number, events))

    async def _tell(self, number: int, events: Any) -> None:
        try:
            async for event in events:
                await self._put_event(number, event)
        except OSError:
            return  # the client is gone
        finally:
            await events.aclose()

    async def _put_event(self, number: int, event: Event) -> None:
        await self._write({"id": number, **wire.encode_event(event)})

    async def _write(self, message: wire.Message) -> None:
        """Write a line; returns when the client has taken most of what was written."""
        async with self._writing:
            self._writer.write(wire.to_line(message))
            await self._writer.drain()

    async def _complain(self, error: ForedeckError) -> None:
        with suppress(OSError):
            await self._write(wire.encode_error(error))

    async def _say_goodbye(self) -> None:
        """Tell what is decided, and that nothing else was begun."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                if self._requests:
                    await asyncio.wait(self._requests)
                reason = self._reason
                await self._write(wire.encode_error(reason) if reason else {"bye": True})
                # Hanging up on a request on its way would take the goodbye from the client,
                # and leave it in doubt whether that was begun.
                while await self._reader.read(_CHUNK):
                    pass


async def _guarded(work: Awaitable[Any], kind: type) -> Any:
    """Return what `work` returns; what nobody expected is logged and becomes one sentence."""
    try:
        return await work
    except ForedeckError:
        raise
    except Exception as error:
        _log.exception("%s failed", kind.__name__)
        raise ForedeckError(
            f"Foredeck itself failed at {kind.__name__}: {type(error).__name__}.",
            "Its log says how: foredeck.log in the data directory.",
        ) from error
