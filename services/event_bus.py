"""Hands each event to every subscriber, in order, without ever waiting for one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from weakref import WeakSet

from foredeck.services.domain import clock
from foredeck.services.domain.events import Event, Resync

_QUEUE_LIMIT = 4096
# Events that are kept for subscribers that come later.
_KEPT = 1024


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

    A subscriber that falls `limit` events behind loses them and gets one `Resync`. The last
    `kept` events are there for who subscribes later. Events are numbered from `seq` on.
    """

    def __init__(self, limit: int = _QUEUE_LIMIT, *, kept: int = _KEPT, seq: int = 0) -> None:
        self._limit = limit
        self._recent: deque[Event] = deque(maxlen=kept)
        # Weak, so that a subscriber that is gone without a word costs nothing.
        self._subscribers: WeakSet[Subscription] = WeakSet()
        self.seq = seq

    def publish(self, event: Event) -> None:
        """Number the event and hand it to every subscriber."""
        self.seq += 1
        numbered = replace(event, seq=self.seq, at=clock.now())
        self._recent.append(numbered)
        for subscriber in self._subscribers:
            subscriber.offer(numbered, self._limit)

    def subscribe(self, since: int | None = None) -> Subscription:
        """Return the events from this moment on; the subscription begins at the call.

        With `since`, those that came after that number are replayed first. A `Resync` goes
        before them if some are not kept any more, or if the number is another host's.
        """
        subscription = Subscription(self)
        if since is not None:
            self._replay(subscription, since)
        self._subscribers.add(subscription)
        return subscription

    def _replay(self, subscription: Subscription, since: int) -> None:
        first = self._recent[0].seq if self._recent else self.seq + 1
        if not first - 1 <= since <= self.seq:
            subscription.offer(Resync(seq=first - 1, at=clock.now()), self._limit)
            since = 0
        for event in self._recent:
            if event.seq > since:
                subscription.offer(event, self._limit)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Hand no more events to this one."""
        self._subscribers.discard(subscription)


def fresh_seq() -> int:
    """Return a number above that of every event of every earlier host.

    It is the time in milliseconds: no host has published a thousand events a second.
    """
    return time.time_ns() // 1_000_000
