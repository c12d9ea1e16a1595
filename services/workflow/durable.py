"""Commits that must not get lost because the disk is full for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from foredeck.services.domain.errors import StorageFull
from foredeck.services.domain.events import NoticeRaised
from foredeck.services.event_bus import EventBus

T = TypeVar("T")

# How long to wait before a commit that found the disk full is tried again, in seconds.
FULL_DISK_PAUSE = 1.0


class Durable:
    """Calls a write until there is room for it, and tells the person once."""

    def __init__(self, bus: EventBus, pause: float = FULL_DISK_PAUSE) -> None:
        self._bus = bus
        self._pause = pause

    async def __call__(self, write: Callable[[], Awaitable[T]]) -> T:
        """Return what `write` returns; a full disk is waited out, any other error is raised."""
        told = False
        while True:
            try:
                return await write()
            except StorageFull as error:
                if not told:
                    told = True
                    self._bus.publish(NoticeRaised(severity="error", message=str(error)))
                await asyncio.sleep(self._pause)
