"""The host itself: answers queries and carries out commands on the services' loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar, cast

from foredeck.services.domain.events import Event
from foredeck.services.event_bus import EventBus
from foredeck.services.host.interface import Command, Query

R = TypeVar("R")
Handler = Callable[[Any], Awaitable[Any]]


class HostService:
    """Dispatches each query and command to the one handler of its type.

    The tables are given by the container, so this class knows no service.
    """

    def __init__(self, bus: EventBus, handlers: dict[type, Handler]) -> None:
        self._bus = bus
        self._handlers = handlers

    async def ask(self, query: Query[R]) -> R:
        """Answer a query."""
        return cast("R", await self._handlers[type(query)](query))

    async def do(self, command: Command[R]) -> R:
        """Carry out a command."""
        return cast("R", await self._handlers[type(command)](command))

    def events(self, since: int | None = None) -> AsyncIterator[Event]:
        """Subscribe to events from now on, or from after `since`."""
        return self._bus.subscribe(since)

    def kinds(self) -> dict[str, type]:
        """Return by name the types of the queries and commands that are answered here."""
        return {kind.__name__: kind for kind in self._handlers}
