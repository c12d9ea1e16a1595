"""The composition root: with `assembly` and what that is made of, all that knows every service.

The dashboard, every command and every test open the same object here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from foredeck.app.known_secrets import open_redactor
from foredeck.services.departure import Departure
from foredeck.services.domain.events import Event, Resync
from foredeck.services.event_bus import EventBus, fresh_seq
from foredeck.services.host.interface import Command, Host
from foredeck.services.host.lock import HostLock, busy
from foredeck.services.host.privacy import hide_process
from foredeck.services.host.query_handlers import StoreQueries
from foredeck.services.host.server import HostServer
from foredeck.services.host.service import Handler, HostService, OpeningHost
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store

if TYPE_CHECKING:
    from foredeck.app.assembly import Services

R = TypeVar("R")
Answering = Callable[[Host], Awaitable[None]]
"""Awaited with a host that answers what is stored; everything else waits until it is open."""

# How often who only reads looks at the database, in seconds.
_LOOK_AGAIN = 0.5
_ASSEMBLY = "foredeck.app.assembly"


@asynccontextmanager
async def open_services(
    settings: Settings,
    role: str,
    *,
    recover: bool = True,
    departure: Departure | None = None,
    answering: Answering | None = None,
) -> AsyncIterator[Services]:
    """Become the host of the data directory; `role` says to others what this process is.

    `recover` takes up the runs that an earlier host left behind; a one-shot command leaves
    them to the dashboard, because it will not stay to drive them. `answering` is awaited
    on the way, as soon as what is stored can be read. Raises `HostBusy`, `StoreError` or
    `NewerDatabase`. Opened in order, closed in reverse: runs that still work are stopped and
    stored as cancelled before the store closes, unless `departure` says by then that the
    next host goes on with them.
    """
    hide_process()
    departure = departure or Departure()
    async with AsyncExitStack() as stack:
        lock = HostLock.acquire(settings.data_dir, role)
        stack.callback(lock.release)
        server = await HostServer.open(settings.data_dir, role, takes_up=recover)
        stack.push_async_exit(lambda _kind, error, _trace: server.close(error))
        bus = EventBus(seq=fresh_seq())
        redactor = await stack.enter_async_context(open_redactor(settings))
        store = await Store.open(settings.data_dir, bus, redactor=redactor)
        stack.push_async_callback(store.close)
        host = OpeningHost(bus, StoreQueries(store, settings.prices).table())
        # Before the store is closed, whatever goes wrong from here on.
        stack.push_async_exit(lambda _kind, error, _trace: server.close(error))
        server.answer(host)
        if answering:
            await answering(host)
        # In a thread of its own: this loop answers meanwhile.
        await asyncio.to_thread(import_module, _ASSEMBLY)
        from foredeck.app.assembly import open_working_half
        from foredeck.app.works import Ground

        ground = Ground(settings, store, bus, server, host, departure)
        working = open_working_half(ground, role, recover=recover)
        yield await stack.enter_async_context(working)


@asynccontextmanager
async def open_reader(settings: Settings) -> AsyncIterator[Host]:
    """Answer queries without a host; every command raises `HostBusy`.

    Its events say again and again that anything may have changed.
    """
    bus = EventBus()
    store = await Store.open(settings.data_dir, bus, read_only=True)
    try:
        yield _ReadingHost(settings, store, bus)
    finally:
        await store.close()


class _ReadingHost(HostService):
    def __init__(self, settings: Settings, store: Store, bus: EventBus) -> None:
        super().__init__(bus, StoreQueries(store, settings.prices).table())
        self._settings = settings
        self._store = store

    async def do(self, command: Command[R]) -> R:
        """Refuse: another process is the host."""
        raise busy(self._settings.data_dir)

    async def events(self, since: int | None = None) -> AsyncIterator[Event]:
        """Nobody tells a reader anything: it has to look again."""
        while True:
            await asyncio.sleep(_LOOK_AGAIN)
            yield Resync()

    async def _handler(self, kind: type) -> Handler:
        """Return the handler; most readers want none but the store's."""
        if kind not in self._handlers:
            from foredeck.app.handlers import reader_handlers

            self._handlers |= reader_handlers(self._settings, self._store, self._bus)
        return await super()._handler(kind)
