"""The one interface between the host and its clients.

A client asks queries (view models come back), does commands (they return or raise a
`ForedeckError`) and subscribes to events. Two transports carry it: the hand-over to the
services' loop in the same process (`in_process.py`) and the unix socket in the data
directory (`server.py`, `remote.py`). No screen and no command knows which one it has.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Generic, Protocol, TypeVar

from foredeck.services.domain.events import Event

R = TypeVar("R")


class Query(Generic[R]):
    """A question; `R` is the type of its answer."""

    __slots__ = ()


class Command(Generic[R]):
    """A wish; `R` is the type of what it returns once it is durable."""

    __slots__ = ()


class Host(Protocol):
    """What every client of the host sees."""

    async def ask(self, query: Query[R]) -> R:
        """Answer a query with a view model; raises `ForedeckError`."""
        ...

    async def do(self, command: Command[R]) -> R:
        """Carry out a command; what it promises is durable on return."""
        ...

    def events(self, since: int | None = None) -> AsyncIterator[Event]:
        """Subscribe to events from now on; a `Resync` means some were missed.

        With `since`, the events after that `seq` come first, as far as they are kept.
        Raises `HostGone` when the host is no longer there.
        """
        ...
