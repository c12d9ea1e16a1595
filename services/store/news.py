"""What people were told, and what happened while they did not look: reads of their own."""

from __future__ import annotations

from datetime import datetime

from foredeck.services.domain import clock
from foredeck.services.domain.away import Away
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.notices import NotificationRow
from foredeck.services.domain.views import Page
from foredeck.services.store import away, notifications
from foredeck.services.store.engine import Database


class News:
    """Reads beside the writer, as `Queries` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def notifications(self, limit: int = 50, offset: int = 0) -> Page[NotificationRow]:
        """Return what people were told, newest first, and how it arrived."""
        if limit < 1 or offset < 0:
            raise InvalidInput("A page has a limit of at least 1 and an offset of at least 0.")
        async with self._database.reading(consistent=True) as link:
            return await notifications.page(link, limit, offset)

    async def away(self, since: datetime | None = None) -> Away:
        """Return what happened since then, or since a dashboard was last open."""
        async with self._database.reading(consistent=True) as link:
            begin, until = since or await notifications.seen_at(link), clock.now()
            return await away.away(link, begin, until) if begin else Away(None, until)
