"""Notifications as a whole: what notices, what delivers, and trying it out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context

from foredeck.services.domain import clock
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.notices import Channel, ChannelTest
from foredeck.services.domain.schedules import Fire
from foredeck.services.domain.tasks import Task
from foredeck.services.event_bus import EventBus
from foredeck.services.notifications.channel import Sender
from foredeck.services.notifications.courier import Courier
from foredeck.services.notifications.notifier import Notifier
from foredeck.services.notifications.wording import TEST, Telling
from foredeck.services.redaction import Redactor
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store, Transaction


def senders_of(settings: Settings, redactor: Redactor) -> dict[Channel, Sender]:
    """Return the channels that are set; a rehearsal tells nobody outside."""
    senders: dict[Channel, Sender] = {}
    # Most hosts have neither, and each takes its time to import.
    if settings.notify_command and not settings.rehearsal:
        from foredeck.services.notifications.hook import CommandHook

        senders[Channel.COMMAND] = CommandHook(settings.notify_command, settings.data_dir)
    if settings.notify_webhook and not settings.rehearsal:
        from foredeck.services.notifications.webhook import Webhook

        senders[Channel.WEBHOOK] = Webhook(
            settings.notify_webhook, redactor, plain_http=settings.notify_webhook_http
        )
    return senders


class Notifications:
    """Tells people what became of runs, whether or not a dashboard is open."""

    def __init__(
        self, settings: Settings, store: Store, bus: EventBus, *, stays: bool = True
    ) -> None:
        """`stays` says whether this host is there to bring out what earlier ones have left.

        One that does not writes nothing before it has something to tell: what a person asked
        for would wait behind it while another program holds the database.
        """
        self._stays = stays
        self._bus = bus
        self._senders = senders_of(settings, store.redactor)
        self._courier = Courier(store, bus, self._senders, only_new=not stays)
        self._notifier = Notifier(store, bus, settings.notify, self._senders, self._courier.wake)

    async def due_time_failed(self, tx: Transaction, task: Task, fire: Fire) -> None:
        """Tell, in the transaction of a fire, that no run could be made of it."""
        await self._notifier.due_time_failed(tx, task, fire)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Notice and deliver, from what an earlier host has left to the last of this one."""
        events = self._bus.subscribe()
        noticing = asyncio.create_task(
            self._notifier.follow(events, at_once=self._stays),
            name="notifications",
            context=Context(),
        )
        delivering = asyncio.create_task(self._courier.run(), name="deliveries", context=Context())
        try:
            yield
        finally:
            await events.aclose()
            delivering.cancel()
            await asyncio.wait({noticing, delivering})
            await self._courier.close()

    async def test(self) -> tuple[ChannelTest, ...]:
        """Send a test through each channel that is set, and return how each went."""
        telling = Telling(
            id=new_id(),
            cause=TEST,
            run_id="",
            project="",
            title="A test",
            text="Foredeck can reach you here.",
            state="",
            task="",
            at=clock.now(),
        )
        outcomes = await asyncio.gather(*(send(telling) for send in self._senders.values()))
        return tuple(
            ChannelTest(channel, ok=not outcome.error, detail=outcome.error)
            for channel, outcome in zip(self._senders, outcomes, strict=True)
        )
