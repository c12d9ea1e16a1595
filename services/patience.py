"""Work that must come to its end: through a cancellation, and through a full disk."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from foredeck.services.domain.errors import StorageFull
from foredeck.services.domain.events import NoticeRaised
from foredeck.services.event_bus import EventBus

T = TypeVar("T")
_log = logging.getLogger(__name__)

# How long to wait before a commit that found the disk full is tried again, in seconds.
PAUSE = 1.0
# After so many of many things somebody else has the loop for a moment.
_BREATH = 20
# How long a house that closes still waits for room, in seconds.
LAST_WAIT = 5.0


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns, however often the caller is cancelled meanwhile.

    A cancellation that came is raised afterwards; it goes before an error of `work`, which
    is only logged then.
    """
    task = asyncio.create_task(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        if not task.cancelled() and (error := task.exception()):
            _log.warning("work that outlasted its caller failed: %s", error)
        raise asyncio.CancelledError
    return task.result()


async def all_of(works: Iterable[Awaitable[Any]]) -> None:
    """Bring each to its end, whatever becomes of the others; raises the first error then."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def breathing(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield the items, and now and then let the others on the loop have their turn.

    For what is done with up to thousands of rows at once, also within a transaction.
    """
    for number, item in enumerate(items, 1):
        yield item
        if not number % _BREATH:
            await asyncio.sleep(0)


async def until_there_is_room(
    write: Callable[[], Awaitable[T]], bus: EventBus, deadline: Callable[[], float]
) -> T:
    """Return what `write` returns, trying again while the disk is full; tell it once.

    Raises `StorageFull` after the deadline (monotonic seconds), which may come to be meanwhile.
    """
    told = False
    while True:
        try:
            return await write()
        except StorageFull as error:
            if time.monotonic() >= deadline():
                raise
            if not told:
                told = True
                bus.publish(NoticeRaised(severity="error", message=str(error)))
            await asyncio.sleep(PAUSE)
