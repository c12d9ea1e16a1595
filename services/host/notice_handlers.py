"""What answers the queries and carries out the commands about notifications."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from foredeck.services.domain import clock
from foredeck.services.domain.away import Away
from foredeck.services.domain.notices import ChannelTest, NotificationRow
from foredeck.services.domain.views import Page
from foredeck.services.host.notice_requests import (
    GetAway,
    ListNotifications,
    MarkSeen,
    SendTestNotification,
)
from foredeck.services.host.service import Handler
from foredeck.services.notifications.service import Notifications
from foredeck.services.store.store import Store


class NoticeQueries:
    """Reads the store alone.

    `settled` is awaited before it is told what happened: what was missed is stored by then.
    """

    def __init__(self, store: Store, settled: Callable[[], Awaitable[None]] | None = None) -> None:
        self._news = store.news
        self._settled = settled

    def table(self) -> dict[type, Handler]:
        """Return the handler of each query type."""
        return {ListNotifications: self.list_notifications, GetAway: self.away}

    async def list_notifications(self, query: ListNotifications) -> Page[NotificationRow]:
        """Answer `ListNotifications`."""
        return await self._news.notifications(query.limit, query.offset)

    async def away(self, query: GetAway) -> Away:
        """Answer `GetAway`."""
        if self._settled is not None:
            await self._settled()
        return await self._news.away(query.since)


class NoticeCommands:
    """Changes what people have seen, and tries the channels."""

    def __init__(self, store: Store, notifications: Notifications) -> None:
        self._store = store
        self._notifications = notifications

    def table(self) -> dict[type, Handler]:
        """Return the handler of each command type."""
        return {SendTestNotification: self.test, MarkSeen: self.mark_seen}

    async def test(self, _command: SendTestNotification) -> tuple[ChannelTest, ...]:
        """Carry out `SendTestNotification`."""
        return await self._notifications.test()

    async def mark_seen(self, command: MarkSeen) -> None:
        """Carry out `MarkSeen`; nobody has seen yet what is to come."""
        async with self._store.transaction("user") as tx:
            await tx.attention.seen(min(command.until, clock.now()))
