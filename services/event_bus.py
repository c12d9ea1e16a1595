"""Hands each event to every subscriber, in order, without ever waiting for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from weakref import WeakSet

from foredeck.services.domain.events import Event, Resync

_QUEUE_LIMIT = 4096


class Subscription(AsyncIterator[Event]):
    """The events of one subscriber; ended by `aclose` or by being dropped."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._closed = False

    async def __anext__(self) -> Event:
        event = None if self._closed else await self._queue.get()
        if event is None:
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        """End the subscription; a waiting `anext` ends too."""
        self._closed = True
        self._bus.unsubscribe(self)
        self._queue.put_nowait(None)

    def offer(self, event: Event, limit: int) -> None:
        """Queue the event, or let go of everything and queue a `Resync`."""
        if self._queue.qsize() < limit:
            self._queue.put_nowait(event)
            return
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(Resync(seq=event.seq))


class EventBus:
    """The host's only event mechanism; lives on the services' loop.

    A subscriber that falls `limit` events behind loses them and gets one `Resync`.
    """

    def __init__(self, limit: int = _QUEUE_LIMIT) -> None:
        self._limit = limit
        # Weak, so that a subscriber that is gone without a word costs nothing.
        self._subscribers: WeakSet[Subscription] = WeakSet()
        self.seq = 0

    def publish(self, event: Event) -> None:
        """Number the event and hand it to every subscriber."""
        self.seq += 1
        numbered = replace(event, seq=self.seq)
        for subscriber in self._subscribers:
            subscriber.offer(numbered, self._limit)

    def subscribe(self) -> Subscription:
        """Return the events from this moment on; the subscription begins at the call."""
        subscription = Subscription(self)
        self._subscribers.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Hand no more events to this one."""
        self._subscribers.discard(subscription)
