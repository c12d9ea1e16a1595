"""Hands each event to every subscriber, in order, without ever waiting for one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from foredeck.services.domain.events import Event, Resync

_QUEUE_LIMIT = 4096


class EventBus:
    """The host's only event mechanism; lives on the services' loop.

    A subscriber that falls `limit` events behind loses them and gets one `Resync`.
    """

    def __init__(self, limit: int = _QUEUE_LIMIT) -> None:
        self._limit = limit
        self._subscribers: set[asyncio.Queue[Event]] = set()
        self.seq = 0

    def publish(self, event: Event) -> None:
        """Number the event and hand it to every subscriber."""
        self.seq += 1
        numbered = replace(event, seq=self.seq)
        for queue in self._subscribers:
            if queue.qsize() >= self._limit:
                _drain(queue)
                queue.put_nowait(Resync(seq=self.seq))
            else:
                queue.put_nowait(numbered)

    def subscribe(self) -> AsyncIterator[Event]:
        """Return the events from this moment on; the subscription begins at the call."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._subscribers.add(queue)
        return self._events(queue)

    async def _events(self, queue: asyncio.Queue[Event]) -> AsyncIterator[Event]:
        try:
            while True:
                yield await queue.get()
        finally:
            self._subscribers.discard(queue)


def _drain(queue: asyncio.Queue[Event]) -> None:
    while not queue.empty():
        queue.get_nowait()
