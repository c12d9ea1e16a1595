"""Cron arithmetic: when an expression is due in a time zone. Pure.

The rule where clocks are changed, as in Vixie's cron: a fixed time (no `*` at the beginning of
minute or hour) that the clock leaps over is due once, at the first moment after the leap,
however many such times there were; one that the clock shows twice is due the first time only.
What begins with `*` in the minute or the hour is due whenever the clock shows such a time: not
while it leaps, and both times where an hour comes twice. No moment is ever due twice.

All moments are UTC, aware; local times are only reckoned with in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.scheduling import fields, zones
from foredeck.services.scheduling.fields import Cron

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
# No zone has changed its clocks twice within this.
_PIECE = timedelta(hours=12)
# What the clock shows twice, it shows again within this; so a leap is known even to who comes
# right behind it.
_LOOK_BACK = timedelta(days=2)
# An expression that comes at all comes within this, with a margin.
_HORIZON = timedelta(days=366 * 45)
# Moments further back than this are not counted any more.
_COUNTED = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Due:
    """Moments that have come: the `latest` ones, oldest first, and how many were before them.

    `first` is the very first of all, None if there is none; `counted` is False if there were
    even more before them.
    """

    latest: tuple[datetime, ...]
    before: int
    first: datetime | None
    counted: bool = True


def check(cron: str, zone: str) -> list[str]:
    """Return a sentence for each mistake in an expression and a zone; empty if there is none."""
    return fields.mistakes(cron) + zones.mistakes(zone)


def next_after(cron: str, zone: str, moment: datetime) -> datetime:
    """Return the first moment after `moment`; raises `InvalidInput` as `check` would say."""
    for found in _moments(fields.parse(cron), zones.zone_of(zone), moment):
        return found
    raise InvalidInput(f"The expression {cron!r} does not come again.")


def between(cron: str, zone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the moments after `after`, up to and with `until`, the earliest first.

    Raises `InvalidInput` at the call, not with the first of them.
    """
    found = _moments(fields.parse(cron), zones.zone_of(zone), after)
    return takewhile(lambda moment: moment <= until, found)


def preview(cron: str, zone: str, moment: datetime, count: int) -> tuple[datetime, ...]:
    """Return the next `count` moments after `moment`, in the zone; raises `InvalidInput`."""
    place = zones.zone_of(zone)
    found = islice(_moments(fields.parse(cron), place, moment), count)
    return tuple(due.astimezone(place) for due in found)


def due_between(cron: str, zone: str, after: datetime, until: datetime, keep: int) -> Due:
    """Return what came after `after`, up to and with `until`: the latest `keep`, and a count.

    What is more than 400 days back is not counted. Raises `InvalidInput`.
    """
    first = next(between(cron, zone, after, until), None)
    begin = max(after, until - _COUNTED)
    latest: deque[datetime] = deque(maxlen=keep)
    total = 0
    for moment in between(cron, zone, begin, until):
        latest.append(moment)
        total += 1
    if total < keep and begin > after:  # a rare one: there are not many at all
        found = tuple(between(cron, zone, after, until))
        return Due(found[-keep:], max(0, len(found) - keep), first)
    return Due(tuple(latest), total - len(latest), first, counted=begin == after)


def _moments(cron: Cron, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Yield the moments after `after`; ends at the horizon."""
    after = after.astimezone(UTC).replace(tzinfo=None)
    walk = _Walk(cron, after)
    for start, end, offset in _pieces(zone, after - _LOOK_BACK, after + _HORIZON):
        for moment in walk.through(start, end, offset):
            yield moment.replace(tzinfo=UTC)


class _Walk:
    """Goes along time piece by piece; within one, the zone's offset stays as it is."""

    def __init__(self, cron: Cron, after: datetime) -> None:
        self._cron = cron
        self._after = after
        # Up to where the wall clock has been already, None before the first piece.
        self._shown: datetime | None = None

    def through(self, start: datetime, end: datetime, offset: timedelta) -> Iterator[datetime]:
        """Yield the moments from `start` on and before `end`, UTC without a zone."""
        shown, leap = self._shown, None
        first, last = start + offset, end + offset
        self._shown = last if shown is None else max(shown, last)
        if not self._cron.wild and shown is not None:
            if shown < first and self._has(shown, first):
                leap = start
                if leap > self._after:
                    yield leap
            first = max(first, shown)
        # From the next whole minute on: whatever is due is due at one.
        first = max(first, _whole(self._after + offset))
        for wall in self._cron.walls(first, last) if first < last else ():
            moment = wall - offset
            if moment > self._after and moment != leap:
                yield moment

    def _has(self, start: datetime, end: datetime) -> bool:
        return next(self._cron.walls(start, end), None) is not None


def _whole(wall: datetime) -> datetime:
    return wall.replace(second=0, microsecond=0)


def _pieces(
    zone: ZoneInfo, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Yield begin, end and offset of pieces in which the offset of the zone stays as it is."""
    offset = _offset(zone, start)
    while start < end:
        stop = start + _PIECE
        then = _offset(zone, stop)
        if then != offset:
            stop = _change(zone, start, stop, offset)
            then = _offset(zone, stop)
        yield start, stop, offset
        start, offset = stop, then


def _change(zone: ZoneInfo, start: datetime, end: datetime, offset: timedelta) -> datetime:
    """Return the first moment between them at which the offset is another one."""
    while end - start > _SECOND:
        middle = (start + (end - start) // 2).replace(microsecond=0)
        middle = middle if middle > start else end - _SECOND
        if _offset(zone, middle) == offset:
            start = middle
        else:
            end = middle
    return end


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    offset = moment.replace(tzinfo=UTC).astimezone(zone).utcoffset()
    return offset if offset is not None else timedelta()
