"""The host itself: answers queries and carries out commands on the services' loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar, cast

from foredeck.services.domain.errors import HostGone
from foredeck.services.domain.events import Event
from foredeck.services.event_bus import EventBus
from foredeck.services.host.interface import Command, Query
from foredeck.services.host.queries import Ping

R = TypeVar("R")
Handler = Callable[[Any], Awaitable[Any]]
Later = Mapping[str, Callable[[], dict[type, Handler]]]
"""What makes the handlers of the requests of a module, by its name; called in a thread."""


class HostService:
    """Dispatches each query and command to the one handler of its type.

    The tables are given by the container, so this class knows no service.
    """

    def __init__(self, bus: EventBus, handlers: dict[type, Handler]) -> None:
        self._bus = bus
        self._handlers = {Ping: _hear, **handlers}

    async def ask(self, query: Query[R]) -> R:
        """Answer a query."""
        return cast("R", await (await self._handler(type(query)))(query))

    async def do(self, command: Command[R]) -> R:
        """Carry out a command."""
        return cast("R", await (await self._handler(type(command)))(command))

    def events(self, since: int | None = None) -> AsyncIterator[Event]:
        """Subscribe to events from now on, or from after `since`."""
        return self._bus.subscribe(since)

    async def _handler(self, kind: type) -> Handler:
        return self._handlers[kind]


class OpeningHost(HostService):
    """A host that answers some queries at once; what it does not know yet waits for the rest.

    Of the rest, what is seldom wanted is made when it is wanted for the first time.
    """

    def __init__(self, bus: EventBus, handlers: dict[type, Handler]) -> None:
        super().__init__(bus, handlers)
        self._rest: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._later: Later = {}
        self._made: set[str] = set()
        self._making = asyncio.Lock()

    def complete(self, handlers: dict[type, Handler], later: Later | None = None) -> None:
        """Add the rest of the handlers: what waits for them goes on."""
        self._handlers |= handlers
        self._later = later or {}
        if not self._rest.done():
            self._rest.set_result(None)

    def give_up(self) -> None:
        """There will be no rest: who waits for it, or would, gets `HostGone`."""
        if not self._rest.done():
            self._rest.set_exception(HostGone("Foredeck is closing, and has not begun this."))
            self._rest.exception()  # perhaps nobody waits for it

    async def kind_of(self, name: str) -> type | None:
        """Return the type of query or command that has this name; None if there is none."""
        if name not in self._kinds():
            await asyncio.shield(self._rest)
        for module in self._later:
            if name in self._kinds():
                break
            await self._make(module)
        return self._kinds().get(name)

    def _kinds(self) -> dict[str, type]:
        return {kind.__name__: kind for kind in self._handlers}

    async def _handler(self, kind: type) -> Handler:
        if kind not in self._handlers:
            await asyncio.shield(self._rest)
            await self._make(kind.__module__)
        return await super()._handler(kind)

    async def _make(self, module: str) -> None:
        """Add the handlers of the requests of this module, unless they are there."""
        async with self._making:
            if module in self._later and module not in self._made:
                self._handlers |= await asyncio.to_thread(self._later[module])
                self._made.add(module)


async def _hear(_ping: Ping) -> None:
    """Answer, which is all that is asked for."""
