"""What a client may want of notifications; they belong to `commands` and `queries`."""

from dataclasses import dataclass
from datetime import datetime

from foredeck.services.domain.away import Away
from foredeck.services.domain.notices import ChannelTest, NotificationRow
from foredeck.services.domain.views import Page
from foredeck.services.host.interface import Command, Query


@dataclass(frozen=True)
class ListNotifications(Query[Page[NotificationRow]]):
    """What people were told, newest first, and how it arrived."""

    limit: int = 50
    offset: int = 0


@dataclass(frozen=True)
class GetAway(Query[Away]):
    """What happened since a dashboard was last open, or since a time."""

    since: datetime | None = None


@dataclass(frozen=True)
class SendTestNotification(Command[tuple[ChannelTest, ...]]):
    """Try each channel that is set; empty if none is."""


@dataclass(frozen=True)
class MarkSeen(Command[None]):
    """A person has seen what happened until then; never goes back."""

    until: datetime
