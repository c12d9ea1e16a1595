"""Waiting out a disk that is full for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from foredeck.services.domain.errors import StorageFull
from foredeck.services.domain.events import NoticeRaised
from foredeck.services.event_bus import EventBus

T = TypeVar("T")

# How long to wait before a commit that found the disk full is tried again, in seconds.
PAUSE = 1.0


async def until_there_is_room(write: Callable[[], Awaitable[T]], bus: EventBus) -> T:
    """Return what `write` returns, trying again while the disk is full; tell it once."""
    told = False
    while True:
        try:
            return await write()
        except StorageFull as error:
            if not told:
                told = True
                bus.publish(NoticeRaised(severity="error", message=str(error)))
            await asyncio.sleep(PAUSE)
