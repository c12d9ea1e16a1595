"""Brings notifications to where a person sees them, and tries again what did not arrive."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import replace
from datetime import timedelta

from foredeck.services.domain import clock
from foredeck.services.domain.audit import AuditEntry, Severity
from foredeck.services.domain.events import NoticeRaised
from foredeck.services.domain.notices import Cause, Channel, Delivery, DeliveryState
from foredeck.services.event_bus import EventBus
from foredeck.services.notifications.channel import Outcome, Sender
from foredeck.services.notifications.wording import telling_of
from foredeck.services.patience import PAUSE
from foredeck.services.store.store import Store, Transaction

_log = logging.getLogger(__name__)

MOST_ATTEMPTS = 12
"""After so many it is given up: with the pauses between them that is about an hour."""
AT_ONCE = 2
"""So many are under way through one channel, however many there are."""
LAST_WAIT = 3.0
"""How long a host that closes waits for those under way, in seconds."""
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 1800.0
# How much a pause may be longer than it has to: not all of a storm come back at once.
_JITTER = 0.25
# However far away the next one is, it is looked again: somebody may set the clock.
_LONGEST_REST = 60.0

# So many are withdrawn in one transaction: others want to write, too.
_MOST_WITHDRAWN = 100

_WITHDRAWN = Outcome("It did not wait any more.")


def backoff(attempts: int) -> float:
    """Return how long to wait after so many attempts that failed, in seconds."""
    pause = min(_FIRST_PAUSE * 2.0 ** (attempts - 1), _LONGEST_PAUSE)
    return pause * random.uniform(1, 1 + _JITTER)  # noqa: S311 (no secret hangs on it)


class Courier:
    """Delivers what is pending; lives on the services' loop.

    What was under way when the host died is tried again, with the same id: a notification
    arrives at least once. `pause` says how long to wait after so many attempts. With
    `only_new`, what is older than this host is left to one that stays. That one withdraws what
    was to go through a channel that is not set any more.
    """

    def __init__(
        self,
        store: Store,
        bus: EventBus,
        senders: Mapping[Channel, Sender],
        pause: Callable[[int], float] = backoff,
        *,
        only_new: bool = False,
    ) -> None:
        self._store = store
        self._bus = bus
        self._senders = senders
        self._pause = pause
        self._since = clock.now() if only_new else None
        self._under_way: dict[str, tuple[Channel, asyncio.Task[None]]] = {}
        self._wake = asyncio.Event()
        # Of these channels a person knows that they fail.
        self._complained: set[Channel] = set()

    def wake(self) -> None:
        """Look for something to deliver."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver what is due, whenever it is, until this is cancelled."""
        if self._since is not None:
            await self._wake.wait()  # until then there is nothing of its own
        else:
            await self._withdraw_removed()
        while self._senders:
            self._wake.clear()
            try:
                rest = await self.begin()
            except Exception:
                _log.exception("what is to be delivered could not be read")
                rest = PAUSE
            await self._rest(rest)

    async def close(self) -> None:
        """Begin what is due, wait a moment for it, and leave the rest to the next host."""
        try:
            if self._senders:
                await self.begin()
        except Exception:
            _log.exception("what is to be delivered could not be read")
        if tasks := [task for _, task in self._under_way.values()]:
            _, late = await asyncio.wait(tasks, timeout=LAST_WAIT)
            for task in late:
                task.cancel()
            await asyncio.wait(tasks)

    async def begin(self) -> float:
        """Begin what is due and has room; return how long until the next, in seconds."""
        now = clock.now()
        async with self._store.transaction("notifier") as tx:
            for channel in self._senders:
                mine = [i for i, (used, _) in self._under_way.items() if used is channel]
                if room := AT_ONCE - len(mine):
                    for delivery in await tx.deliveries.due(channel, now, mine, room, self._since):
                        self._begin(delivery)
            soonest = await tx.deliveries.soonest(
                [channel for channel in self._senders if self._room(channel)],
                tuple(self._under_way),
                self._since,
            )
        # Where there is no room, the end of one under way wakes us.
        rest = _LONGEST_REST if soonest is None else (soonest - now).total_seconds()
        return min(max(rest, 0.0), _LONGEST_REST)

    async def _withdraw_removed(self) -> None:
        """End what nobody will ever bring out; what hinders that, the next host tries again."""
        try:
            for channel in set(Channel) - set(self._senders):
                while await self._store.durably(lambda: self._withdraw_some(channel)):  # noqa: B023
                    pass
        except Exception:
            _log.exception("what was to go through channels that are gone could not be ended")

    async def _withdraw_some(self, channel: Channel) -> bool:
        """Withdraw some of what waits for a channel; whether there was anything."""
        async with self._store.transaction("notifier") as tx:
            waiting = await tx.deliveries.due(channel, clock.NEVER, (), _MOST_WITHDRAWN)
            for delivery in waiting:
                await _store_outcome(tx, _over(delivery, DeliveryState.WITHDRAWN, _gone(channel)))
        return bool(waiting)

    def _room(self, channel: Channel) -> bool:
        return sum(used is channel for used, _ in self._under_way.values()) < AT_ONCE

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def _begin(self, delivery: Delivery) -> None:
        task = asyncio.create_task(
            self._deliver(delivery), name=f"delivery {delivery.id}", context=Context()
        )
        self._under_way[delivery.id] = (delivery.channel, task)
        task.add_done_callback(lambda done: self._ended(delivery.id, done))

    def _ended(self, delivery_id: str, task: asyncio.Task[None]) -> None:
        """Make room; what could not be stored is left to the next host, or it would be sent
        again and again."""
        if not task.cancelled() and (error := task.exception()):
            _log.error("delivery %s could not be stored", delivery_id, exc_info=error)
            message = "How a notification arrived could not be stored; the next host sends it."
            self._bus.publish(NoticeRaised(severity="error", message=f"{message} See the log."))
            return
        del self._under_way[delivery_id]
        self._wake.set()

    async def _deliver(self, delivery: Delivery) -> None:
        async with self._store.transaction("notifier") as tx:
            row = await tx.notifications.row(delivery.notification_id)
            stale = row.cause is Cause.WAITING and not await tx.attention.waits(row.run_id)
        if stale:
            outcome = _WITHDRAWN
        else:
            try:
                outcome = await self._senders[delivery.channel](telling_of(row))
            except Exception:
                _log.exception("notification %s could not be sent", row.id)
                outcome = Outcome("It could not be sent. See the log.", final=True)
        await self._store.durably(lambda: self._save(self._after(delivery, outcome)))

    def _after(self, delivery: Delivery, outcome: Outcome) -> Delivery:
        """Return the delivery after an attempt; a person is told what is given up."""
        if outcome is _WITHDRAWN:
            return _over(delivery, DeliveryState.WITHDRAWN, outcome.error)
        tried = replace(delivery, attempts=delivery.attempts + 1)
        if not outcome.error:
            self._complained.discard(delivery.channel)
            return _over(tried, DeliveryState.DELIVERED)
        _log.warning("delivery %s, attempt %d: %s", tried.id, tried.attempts, outcome.error)
        if outcome.final or tried.attempts >= MOST_ATTEMPTS:
            self._complain(tried, outcome.error)
            return _over(tried, DeliveryState.FAILED, outcome.error)
        wait = max(self._pause(tried.attempts), outcome.wait or 0.0)
        return replace(tried, next_at=clock.now() + timedelta(seconds=wait), error=outcome.error)

    def _complain(self, delivery: Delivery, error: str) -> None:
        """Tell a person once, until something arrives again."""
        if delivery.channel in self._complained:
            return
        self._complained.add(delivery.channel)
        message = (
            f"A notification could not be delivered by the {delivery.channel.value}. {error} "
            "Try it out: foredeck notifications test"
        )
        self._bus.publish(NoticeRaised(severity="warning", message=message))

    async def _save(self, delivery: Delivery) -> None:
        async with self._store.transaction("notifier") as tx:
            await _store_outcome(tx, delivery)


async def _store_outcome(tx: Transaction, delivery: Delivery) -> None:
    await tx.deliveries.save(delivery)
    tx.audit(_entry_of(delivery))


def _gone(channel: Channel) -> str:
    return f"The setting notify_{channel.value} is gone."


def _over(delivery: Delivery, state: DeliveryState, error: str = "") -> Delivery:
    return replace(delivery, state=state, next_at=None, error=error)


def _entry_of(delivery: Delivery) -> AuditEntry:
    """Return what the audit trail keeps of an attempt: it ran a command, or sent something."""
    ending = f": {delivery.error}" if delivery.error else ""
    came = delivery.state.value if delivery.state is not DeliveryState.PENDING else "not delivered"
    bad = delivery.state in (DeliveryState.PENDING, DeliveryState.FAILED)
    return AuditEntry(
        action="notification.deliver",
        resource="notification",
        resource_id=delivery.notification_id,
        description=f"{came} by {delivery.channel.value}, attempt {delivery.attempts}{ending}",
        severity=Severity.WARNING if bad else Severity.INFO,
    )
