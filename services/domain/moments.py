"""A moment as a person types it: a date, a time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_CLOCK = re.compile(r"\d{2}:\d{2}")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment_of(text: str, now: datetime) -> datetime:
    """Return the moment in UTC; without a zone it is local. Raises `ValueError`.

    A time of the day is the latest one that is over.
    """
    text = text.strip()
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if _CLOCK.fullmatch(text):
            return _latest(time.fromisoformat(text), now)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no time: give 2026-11-28, 2026-11-28T14:30, 14:30 or 2h."
        ) from None


def _latest(clock: time, now: datetime) -> datetime:
    """Return when the local clock has shown this last."""
    today = datetime.combine(now.astimezone().date(), clock).astimezone(UTC)
    if today <= now:
        return today
    yesterday = now.astimezone().date() - timedelta(days=1)
    return datetime.combine(yesterday, clock).astimezone(UTC)
