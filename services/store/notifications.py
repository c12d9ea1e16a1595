"""Notifications, how they arrive, and how far people know what happened."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foredeck.services.domain.events import NotificationSaved
from foredeck.services.domain.notices import (
    Cause,
    Channel,
    Delivery,
    Notification,
    NotificationRow,
)
from foredeck.services.domain.states import RunState
from foredeck.services.domain.views import Page
from foredeck.services.store import mapping, rows
from foredeck.services.store.codecs import to_microseconds, to_moment, to_optional_moment
from foredeck.services.store.engine import Link
from foredeck.services.store.repository import Repository, marks
from foredeck.services.store.unit import Unit

# What somebody may want to be told; a run that is only noted or starts is not among it.
_BEHIND = """
    SELECT t.id, t.run_id, t.new, t.at FROM "transition" t
    WHERE t.id > ? AND t.run_id IS NOT NULL AND t.old <> t.new AND (
        (t.entity = 'run' AND t.new IN ('success', 'failed', 'partial_success', 'waiting'))
        OR (t.entity = 'step' AND t.new = 'waiting')
        OR (t.entity = 'question' AND t.new = 'open')
    )
    ORDER BY t.id LIMIT ?
"""
# What of a run only a person can end, what is asked first: a question, or a step that waits for
# no time. With each the transition by which it began to wait.
_WAITS = """
    SELECT (SELECT max(t.id) FROM "transition" t WHERE t.entity_id = w.id AND t.new = w.state),
        w.what
    FROM (
        SELECT q.id, 'open' AS state, q.title AS what, 0 AS place, q.asked_at AS at
        FROM question q WHERE q.run_id = ?1 AND q.state = 'open'
        UNION ALL
        SELECT s.id, 'waiting', s.reason, 1, s.position
        FROM step s WHERE s.run_id = ?1 AND s.state = 'waiting' AND s.retry_at IS NULL
    ) w ORDER BY w.place, w.at
"""
_LATEST = """
    SELECT max(id), max(at) FROM "transition" WHERE run_id = ? AND new IN ('waiting', 'open')
"""
_ROW = """
    SELECT n.id, n.run_id, n.cause, n.at, n.title, n.text, p.name,
        CASE n.cause WHEN 'waiting' THEN 'waiting' ELSE coalesce(t.new, f.state) END,
        coalesce(k.id, ''), coalesce(k.name, '')
    FROM notification n
    LEFT JOIN "transition" t ON t.id = n.transition_id
    LEFT JOIN run r ON r.id = n.run_id
    LEFT JOIN execution e ON e.id = n.run_id
    LEFT JOIN fire f ON f.id = n.fire_id
    LEFT JOIN task k ON k.id = coalesce(e.task_id, f.task_id)
    CROSS JOIN project p ON p.id = coalesce(r.project_id, k.project_id)
"""
_ONE = f"{_ROW} WHERE n.id = ?"
_PAGE = f"{_ROW} ORDER BY n.at DESC, n.id DESC LIMIT ? OFFSET ?"
_TOTAL = "SELECT count(*) FROM notification"
_DUE = "next_at <= ? AND next_at >= ? AND channel = ? AND id NOT IN ({})"
_SOONEST = """
    SELECT min(next_at) FROM delivery
    WHERE next_at >= ? AND channel IN ({}) AND id NOT IN ({})
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """A transition that somebody may want to be told; `state` is what the run, or what waits
    in it, became."""

    id: int
    run_id: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Waits:
    """What of a run only a person can end; `begun` is the transition by which it waits."""

    begun: int
    what: str


class NotificationRepository(Repository[Notification]):
    """What people are told."""

    map = mapping.NOTIFICATIONS

    async def add(self, notification: Notification) -> None:
        """Store a new one; dashboards hear of it after the commit."""
        await self._insert(notification)
        hide = self._unit.redactor.text
        self._unit.publish(
            NotificationSaved(
                notification_id=notification.id,
                run_id=notification.run_id or "",
                cause=notification.cause,
                title=hide(notification.title),
                text=hide(notification.text),
            )
        )

    async def last_waiting(self, run_id: str) -> int:
        """Return the transition that was told last of those by which a run waits; 0 for none."""
        found = await self._select(
            "run_id = ? AND cause = ?",
            run_id,
            Cause.WAITING.value,
            order="transition_id DESC",
            limit=1,
        )
        return found[0].transition_id or 0 if found else 0

    async def row(self, notification_id: str) -> NotificationRow:
        """Return what a notification is about; it has to be there."""
        found = await self._unit.link.rows(_ONE, (notification_id,))
        return rows.each(lambda row: _row(row, ()), found)[0]


class DeliveryRepository(Repository[Delivery]):
    """Notifications on their way."""

    map = mapping.DELIVERIES

    async def add(self, delivery: Delivery) -> None:
        """Store a new one."""
        await self._insert(delivery)

    async def save(self, delivery: Delivery) -> None:
        """Store one as it is now."""
        await self._update(await self.get(delivery.id), delivery)

    async def due(
        self,
        channel: Channel,
        now: datetime,
        but: Collection[str],
        limit: int,
        since: datetime | None = None,
    ) -> tuple[Delivery, ...]:
        """Return those that are to be tried by now, the longest due first, but for some ids.

        With `since` only those that have become due from then on.
        """
        return await self._select(
            _DUE.format(marks(but)),
            to_microseconds(now),
            to_microseconds(since) if since else 0,
            channel.value,
            *but,
            order="next_at, id",
            limit=limit,
        )

    async def soonest(
        self, channels: Collection[Channel], but: Collection[str], since: datetime | None = None
    ) -> datetime | None:
        """Return when the next one through these channels is to be tried, None without one."""
        sql = _SOONEST.format(marks(channels), marks(but))
        begin = to_microseconds(since) if since else 0
        values = [begin, *(channel.value for channel in channels), *but]
        return to_optional_moment((await self._unit.link.rows(sql, values))[0][0])


class Attention:
    """How far the transitions were looked through, and what people have seen."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    async def behind(self, limit: int) -> tuple[Moved, ...]:
        """Return what happened since the last look, oldest first."""
        cursor = (await self._unit.link.rows("SELECT transition_id FROM attention"))[0][0]
        found = await self._unit.link.rows(_BEHIND, (cursor, limit))
        return tuple(Moved(row[0], row[1], row[2], to_moment(row[3])) for row in found)

    async def looked(self, through: int) -> None:
        """Do not look at the transitions up to this one again."""
        await self._unit.link.rows("UPDATE attention SET transition_id = ?", (through,))

    async def waits(self, run_id: str) -> tuple[Waits, ...]:
        """Return what of a run only a person can end, the most important first."""
        found = await self._unit.link.rows(_WAITS, (run_id,))
        return tuple(Waits(row[0] or 0, row[1]) for row in found)

    async def latest_wait(self, run_id: str) -> tuple[int, datetime]:
        """Return the last transition by which something of a run waits, and when it was."""
        latest, at = (await self._unit.link.rows(_LATEST, (run_id,)))[0]
        return latest, to_moment(at)

    async def seen(self, at: datetime) -> None:
        """Keep that a person has seen all until then; what is later already stays."""
        await self._unit.link.rows(
            "UPDATE attention SET seen_at = max(coalesce(seen_at, 0), ?)", (to_microseconds(at),)
        )


async def page(link: Link, limit: int, offset: int) -> Page[NotificationRow]:
    """Return notifications, newest first, each with how it arrived."""
    found = await link.rows(_PAGE, (limit, offset))
    total = (await link.rows(_TOTAL))[0][0]
    deliveries = await _deliveries(link, [row[0] for row in found])
    own = {row[0]: tuple(d for d in deliveries if d.notification_id == row[0]) for row in found}
    return Page(rows.each(lambda row: _row(row, own[row[0]]), found), total, limit, offset)


# Who never opened a dashboard has seen nothing of what the clock began.
_SEEN_AT = "SELECT coalesce(seen_at, (SELECT min(at) - 1 FROM fire)) FROM attention"


async def seen_at(link: Link) -> datetime | None:
    """Return until when a person has seen what happened.

    Where no dashboard was ever open: until the clock began to start tasks, None if it never did.
    """
    return to_optional_moment((await link.rows(_SEEN_AT))[0][0])


async def _deliveries(link: Link, ids: Sequence[str]) -> Iterable[Delivery]:
    to_record = mapping.DELIVERIES.to_record
    sql = f"{mapping.DELIVERIES.selecting_all} WHERE notification_id IN ({marks(ids)})"
    return [to_record(row) for row in await link.rows(f"{sql} ORDER BY channel", ids)]


def _row(row: Any, deliveries: tuple[Delivery, ...]) -> NotificationRow:
    identity, run_id, cause, at, title, text, project, state, task_id, task_name = row
    return NotificationRow(
        id=identity,
        run_id=run_id or "",
        cause=Cause(cause),
        at=to_moment(at),
        title=title,
        text=text,
        project_name=project,
        state=RunState(state),
        task_id=task_id,
        task_name=task_name,
        deliveries=deliveries,
    )
