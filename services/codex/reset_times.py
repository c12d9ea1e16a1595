"""When a usage limit is lifted, out of what codex and model services say: pure.

Codex names a moment in the local time zone ("try again at 3:45 PM", "at Nov 21st, 2026 12:00
AM") or a span ("in 3 hours 20 minutes"); services also send numbers (`resets_at`,
`resets_in_seconds`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
# A moment is told to the minute, and clocks differ: what has just passed counts as soon.
_SOON = timedelta(minutes=1)
_JUST_PASSED = timedelta(minutes=10)
# No limit of a plan lasts longer; whatever says so was misread.
_LONGEST = timedelta(days=62)

_CLOCK = r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?(?::\d\d)?\s*(?P<half>[ap]\.?m\b)?"
_LEAD = r"(?i)(?:try again|resets?|available again|retry)\s+(?:\w+\s+)?"
_AT = re.compile(_LEAD + r"(?:at|after|on)\s+" + _CLOCK)
_ON_DATE = re.compile(
    _LEAD + r"(?:at|after|on)\s+(?P<month>[a-z]{3})[a-z]*\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?"
    r"(?:,?\s+(?P<year>\d{4}))?,?\s+(?:at\s+)?" + _CLOCK
)
_ISO = re.compile(
    _LEAD + r"(?:at|after|on)\s+(?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)"
    r"\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?"
)
_IN = re.compile(_LEAD + r"in\s+(?P<span>[^.\n]*(?:\.\d[^.\n]*)?)")
_SPAN = re.compile(
    r"(?i)(\d+(?:\.\d+)?)\s*"
    r"(weeks?|days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|[wdhms])(?![a-z])"
)
_UNDER_A_MINUTE = re.compile(r"(?i)less than (?:a|one|1) minute")
_SECONDS = re.compile(r"\bresets?_(?:in_seconds|after_seconds)\D{1,4}(\d+)")
_EPOCH = re.compile(r"\bresets?_at\D{1,4}(\d{9,11})\b")


def reset_time(text: str, now: datetime, zone: tzinfo | None = None) -> datetime | None:
    """Return when a limit ends (UTC), None if the text does not say or it is long past.

    `now` is aware; `zone` is what a moment without one is told in, by default the system's.
    """
    for read in _READERS:
        try:
            moment = read(text, now, zone)
        except (ValueError, OverflowError):
            continue  # February 30th, or a number that is no time
        if moment is not None:
            return _sensible(moment, now)
    return None


def _sensible(moment: datetime, now: datetime) -> datetime | None:
    if moment < now - _JUST_PASSED or moment > now + _LONGEST:
        return None
    return max(moment, now + _SOON).astimezone(UTC)


def _iso(text: str, _now: datetime, zone: tzinfo | None) -> datetime | None:
    found = _ISO.search(text)
    if found is None:
        return None
    told = found["zone"] or ""
    moment = datetime.fromisoformat(found["iso"] + ("Z" if told == "UTC" else told))
    return moment if moment.tzinfo else _local(moment, zone)


def _on_date(text: str, now: datetime, zone: tzinfo | None) -> datetime | None:
    found = _ON_DATE.search(text)
    if found is None or found["month"].lower() not in _MONTHS:
        return None
    month, day = _MONTHS.index(found["month"].lower()) + 1, int(found["day"])
    hour, minute = _clock(found)
    today = now.astimezone(zone)
    if found["year"]:
        return _local(datetime(int(found["year"]), month, day, hour, minute), zone)  # noqa: DTZ001
    moment = _local(datetime(today.year, month, day, hour, minute), zone)  # noqa: DTZ001
    if moment >= now - _JUST_PASSED:
        return moment
    return _local(datetime(today.year + 1, month, day, hour, minute), zone)  # noqa: DTZ001


def _at(text: str, now: datetime, zone: tzinfo | None) -> datetime | None:
    """A time of day: the next one, or the one that has just passed."""
    found = _AT.search(text)
    if found is None or not (found["minute"] or found["half"]):
        return None
    hour, minute = _clock(found)
    today = now.astimezone(zone)
    for days in (0, 1):
        day = today.date() + timedelta(days=days)
        moment = _local(datetime(day.year, day.month, day.day, hour, minute), zone)  # noqa: DTZ001
        if moment >= now - _JUST_PASSED:
            return moment
    return None


def _in(text: str, now: datetime, _zone: tzinfo | None) -> datetime | None:
    found = _IN.search(text)
    if found is None:
        return None
    if _UNDER_A_MINUTE.search(found["span"]):
        return now + _SOON
    parts = _SPAN.findall(found["span"])
    seconds = sum(float(number) * _UNITS[unit[0].lower()] for number, unit in parts)
    return now + timedelta(seconds=seconds) if parts else None


def _as_number(text: str, now: datetime, _zone: tzinfo | None) -> datetime | None:
    if found := _EPOCH.search(text):
        return datetime.fromtimestamp(int(found[1]), UTC)
    found = _SECONDS.search(text)
    return now + timedelta(seconds=int(found[1])) if found else None


def _clock(found: re.Match[str]) -> tuple[int, int]:
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    half = (found["half"] or "").lower()[:1]
    if half and not 1 <= hour <= 12:
        raise ValueError(hour)
    return (hour % 12 + (12 if half == "p" else 0) if half else hour), minute


def _local(moment: datetime, zone: tzinfo | None) -> datetime:
    return moment.replace(tzinfo=zone) if zone else moment.astimezone()


_READERS: tuple[Callable[[str, datetime, tzinfo | None], datetime | None], ...] = (
    _as_number,
    _iso,
    _on_date,
    _at,
    _in,
)
