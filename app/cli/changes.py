"""Waiting until something of a host may have changed."""

from __future__ import annotations

import asyncio

from foredeck.services.domain.events import MessageSaved
from foredeck.services.host.interface import Host


class Changes:
    """Notes from its making on whether the host told of a change; messages do not count."""

    def __init__(self, host: Host) -> None:
        self._changed = asyncio.Event()
        self._events = host.events()
        self._listening = asyncio.ensure_future(self._listen())

    async def within(self, seconds: float) -> bool:
        """Wait for a change, so long; raises `HostGone`."""
        changing = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait(
                {changing, self._listening},
                timeout=seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            changing.cancel()
        if self._listening.done():
            self._listening.result()
        changed = self._changed.is_set()
        self._changed.clear()
        return changed

    def close(self) -> None:
        """Listen no more."""
        if not self._listening.cancel() and not self._listening.cancelled():
            self._listening.exception()  # it is known that the host is gone

    async def _listen(self) -> None:
        async for event in self._events:
            if not isinstance(event, MessageSaved):
                self._changed.set()
