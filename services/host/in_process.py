"""The in-process transport: the services on an event loop of their own, in a thread.

A terminal that stops reading freezes the screen's loop within seconds; timeouts, retries
and readers live here and go on. The hand-over is thread-safe in both directions.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, TypeVar

from foredeck.services.domain.errors import ForedeckError, HostGone
from foredeck.services.domain.events import Event, Resync
from foredeck.services.host.interface import Command, Host, Query

R = TypeVar("R")
OpenHost = Callable[[Callable[[Host], Awaitable[None]]], AbstractAsyncContextManager[Host]]
"""Opens a host, and may hand it over on the way, when it begins to answer."""

# How long the rest of the opening waits at most for the screen to show what is stored, in
# seconds: both at once would only keep each other from the interpreter. A screen that is stuck
# does not keep the runs waiting longer.
_COURTESY = 0.25

_TRY_AGAIN = "Close this and try again once there is another."
# Events that wait for a screen that does not read; the bus drops behind that.
_HANDOVER_LIMIT = 4096


class InProcessHost:
    """A `Host` whose services live on another loop; may be used from any loop.

    Once that loop is closed, queries and commands raise `HostGone`.
    """

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self._host = host
        self._loop = loop

    async def ask(self, query: Query[R]) -> R:
        """Answer a query on the services' loop."""
        return await self._hand_over(self._host.ask(query))

    async def do(self, command: Command[R]) -> R:
        """Carry out a command on the services' loop.

        It is carried to its end even when the caller is cancelled: a dialog that closes
        must not undo half of what it asked for.
        """
        return await asyncio.shield(self._hand_over(self._host.do(command)))

    def events(self, since: int | None = None) -> AsyncIterator[Event]:
        """Subscribe; the events arrive on the loop of the caller."""
        return _HandedEvents(self._host, self._loop, since)

    async def _hand_over(self, work: Coroutine[Any, Any, R]) -> R:
        try:
            handed = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # the loop is closed: a dialog may have outlived its host
            work.close()
            raise HostGone("This host is not there any more.", _TRY_AGAIN) from None
        try:
            return await asyncio.wrap_future(handed)
        except asyncio.CancelledError:
            own = asyncio.current_task()
            if handed.cancelled() and not (own and own.cancelling()):
                raise HostGone("This host has closed in between.", _TRY_AGAIN) from None
            raise


class _HandedEvents:
    """Events of the services' loop, read on the loop that iterates.

    The hand-over to the services' loop keeps its order, so a snapshot that is asked for
    after the subscription misses nothing.
    """

    def __init__(self, host: Host, services: asyncio.AbstractEventLoop, since: int | None) -> None:
        self._own = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event | ForedeckError] = asyncio.Queue()
        self._pump = asyncio.run_coroutine_threadsafe(self._forward(host, since), services)

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        event = await self._queue.get()
        if isinstance(event, ForedeckError):
            raise event
        return event

    async def aclose(self) -> None:
        """End the subscription."""
        self._pump.cancel()

    async def _forward(self, host: Host, since: int | None) -> None:
        try:
            async for event in host.events(since):
                self._hand(self._put, event)
        except ForedeckError as error:
            self._hand(self._queue.put_nowait, error)
        except RuntimeError:
            return  # the reader's loop is closed

    def _hand(self, take: Callable[[Any], None], what: Event | ForedeckError) -> None:
        self._own.call_soon_threadsafe(take, what)

    def _put(self, event: Event) -> None:
        if self._queue.qsize() < _HANDOVER_LIMIT:
            self._queue.put_nowait(event)
            return
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(Resync(seq=event.seq))


class ServiceThread:
    """Runs `open_host` on a loop of its own until it is closed, in order."""

    def __init__(self, open_host: OpenHost) -> None:
        self._open_host = open_host
        self._thread = threading.Thread(target=self._run, name="services", daemon=False)
        self._answering: asyncio.Future[InProcessHost] | None = None
        self._open: asyncio.Future[InProcessHost] | None = None
        self._own: asyncio.AbstractEventLoop | None = None
        self._services: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._shown: asyncio.Event | None = None
        self._is_to_close = False

    async def start(self) -> InProcessHost:
        """Return the host as soon as it answers; raises the `ForedeckError` of opening it.

        `go_on` then says that the first answers are on the screen.
        """
        self._own = asyncio.get_running_loop()
        self._answering = self._own.create_future()
        self._open = self._own.create_future()
        self._open.add_done_callback(_look_at)
        self._thread.start()
        return await asyncio.shield(self._answering)

    async def opened(self) -> None:
        """Return when all is open; raises the `ForedeckError` of opening it."""
        if self._open is not None:
            await asyncio.shield(self._open)

    def go_on(self) -> None:
        """Open the rest now: what is stored is on the screen. From any thread."""
        self._set(self._shown)

    async def close(self) -> None:
        """Close the services and wait for their thread; safe to call twice."""
        self.ask_to_close()
        await asyncio.to_thread(self.join)

    def ask_to_close(self) -> None:
        """Begin to close, from any thread and at any moment, without waiting."""
        self._is_to_close = True  # before the look: a thread that just begins sees it
        self._set(self._stop)

    def join(self) -> None:
        """Wait until the services are closed."""
        if self._thread.is_alive():
            self._thread.join()

    def _set(self, event: asyncio.Event | None) -> None:
        if self._services and event and not self._services.is_closed():
            with suppress(RuntimeError):  # it has closed in between
                self._services.call_soon_threadsafe(event.set)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._services = asyncio.get_running_loop()
        self._stop, self._shown = asyncio.Event(), asyncio.Event()
        if self._is_to_close:
            self._stop.set()
        try:
            async with self._open_host(self._answers) as host:
                for future in (self._answering, self._open):
                    self._settle(future, InProcessHost(host, self._services))
                await self._stop.wait()
        except BaseException as error:
            self._settle(self._answering, error)
            if not self._settle(self._open, error):
                raise

    async def _answers(self, host: Host) -> None:
        """Hand the host to the loop that waits for it, and let that show what is stored."""
        assert self._services is not None
        assert self._shown is not None
        self._settle(self._answering, InProcessHost(host, self._services))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._shown.wait(), _COURTESY)

    def _settle(
        self, future: asyncio.Future[InProcessHost] | None, what: InProcessHost | BaseException
    ) -> bool:
        """Settle a future of the loop that waits; False if it is settled already."""
        own = self._own
        if future is None or own is None or future.done():
            return False

        def settle() -> None:
            if future.done():
                return
            if isinstance(what, InProcessHost):
                future.set_result(what)
            else:
                future.set_exception(what)

        own.call_soon_threadsafe(settle)
        return True


def _look_at(future: asyncio.Future[InProcessHost]) -> None:
    """Take an error that perhaps nobody else wants to hear."""
    if not future.cancelled():
        future.exception()
