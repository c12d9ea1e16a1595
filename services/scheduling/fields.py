"""Cron expressions: which are taken, what is wrong with others, and the days they fit.

Five fields are taken: minute, hour, day of the month, month, day of the week; each `*`, a value,
a range (`1-5`; one that runs backwards, as `22-2`, goes on at the beginning), a step (`*/5`,
`10-40/5`, `5/15` from 5 on) or a list of these. Months and days of the week have names, too.
`L` is the last day of the month, `fri#2` the second Friday, `L5` the last one. If the day of the
month and the day of the week are both given (and neither takes every day), a day that fits either
is one; days with `#` or `L5` do not go together with others. `@hourly`, `@daily`, `@midnight`,
`@weekly`, `@monthly`, `@yearly` and `@annually` stand for what they say.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.safe_text import safe_line

_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAY = timedelta(days=1)
# Whatever comes at all comes within these: the calendar begins anew after 28 years.
_ALL_CALENDARS = (date(2000, 1, 1), date(2028, 12, 31))
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class _Field:
    """What one of the five takes; `special` are forms that only it has."""

    name: str
    least: int
    most: int
    takes: str
    names: tuple[str, ...] = ()
    special: str = ""

    def fits(self, text: str) -> bool:
        """Whether the field takes this text."""
        return all(self._fits_part(part) for part in text.split(","))

    def _fits_part(self, part: str) -> bool:
        if self.special and re.fullmatch(self.special, part):
            return True
        found = re.fullmatch(r"(\*|(\w+)(?:-(\w+))?)(?:/([0-9]{1,3}))?", part)
        if found is None:
            return False
        values = [value for value in found.group(2, 3) if value is not None]
        step = found[4]
        return all(map(self._is_value, values)) and (step is None or 1 <= int(step) <= self.count)

    def _is_value(self, text: str) -> bool:
        if re.fullmatch("[0-9]{1,2}", text):
            return self.least <= int(text) <= self.most
        return text in self.names

    @property
    def count(self) -> int:
        """How many values there are; a longer step would mean the first one only."""
        return len(self.names) or self.most - self.least + 1


_DAY_NAMES = "|".join(_WEEKDAYS)
_FIELDS = (
    _Field("minute", 0, 59, "0 to 59"),
    _Field("hour", 0, 23, "0 to 23"),
    _Field("day of the month", 1, 31, "1 to 31, or L for the last", special=r"\?|l"),
    _Field("month", 1, 12, "1 to 12, or jan to dec", _MONTHS),
    _Field(
        "day of the week",
        0,
        7,
        "0 to 7 (0 and 7 are Sunday), or sun to sat; fri#2 is the second Friday, L5 the last",
        _WEEKDAYS,
        special=rf"\?|l[0-7]|(?:[0-7]|{_DAY_NAMES})#[1-5]",
    ),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression that was understood; it knows wall clocks, and nothing of zones.

    `wild` says that its minute or hour begins with `*`. `days` and `weekdays` (0 is Sunday) are
    None for all; `nth` are those of a weekday in the month, -1 for the last, if not every one.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int] | None
    last_day: bool
    months: frozenset[int]
    weekdays: frozenset[int] | None
    nth: Mapping[int, frozenset[int]]
    wild: bool

    def on(self, day: date) -> bool:
        """Whether anything is due on that day."""
        if day.month not in self.months:
            return False
        if self.days is None or self.weekdays is None:
            return self._in_month(day) and self._in_week(day)
        return self._in_month(day) or self._in_week(day)

    def walls(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the times from `start` on and before `end`, all of them without a zone."""
        day = start.date()
        while (midnight := datetime(day.year, day.month, day.day)) < end:  # noqa: DTZ001
            if self.on(day):
                yield from self._of_day(midnight, start, end)
            day += _DAY

    def _of_day(self, midnight: datetime, start: datetime, end: datetime) -> Iterator[datetime]:
        first = start.hour if start > midnight else 0
        for hour in self.hours:
            if hour < first:
                continue
            for minute in self.minutes:
                wall = midnight.replace(hour=hour, minute=minute)
                if wall >= end:
                    return
                if wall >= start:
                    yield wall

    def _in_month(self, day: date) -> bool:
        if self.days is None or day.day in self.days:
            return True
        return self.last_day and day.day == monthrange(day.year, day.month)[1]

    def _in_week(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        if self.weekdays is None:
            return True
        if weekday not in self.weekdays:
            return False
        wanted = self.nth.get(weekday)
        if wanted is None or (day.day - 1) // 7 + 1 in wanted:
            return True
        return -1 in wanted and day.day + 7 > monthrange(day.year, day.month)[1]


def load() -> None:
    """Import what expressions are read with; takes a moment, so not on an event loop."""
    import croniter  # noqa: F401


def mistakes(text: str) -> list[str]:
    """Return a sentence for each thing that is wrong with an expression; none if it is right."""
    fields = _split(text)
    if len(fields) != len(_FIELDS):
        return [_wrong_count(text, len(fields))]
    bad = [field for field, given in zip(_FIELDS, fields, strict=True) if not field.fits(given)]
    wrong = [_wrong_field(field, fields[_FIELDS.index(field)]) for field in bad]
    if not set(bad) & set(_FIELDS[2:]):
        wrong += _impossible(fields[2:])
    return wrong


def _wrong_field(field: _Field, given: str) -> str:
    return (
        f"The {field.name} {safe_line(given, limit=40)!r} cannot be: it takes {field.takes}, "
        f"*, ranges (2-5), steps (*/2, at most */{field.count}) and lists of these (1,4)."
    )


@lru_cache(maxsize=256)
def parse(text: str) -> Cron:
    """Return what an expression says; raises `InvalidInput` that names every mistake."""
    if wrong := mistakes(text):
        raise InvalidInput(" ".join(wrong), "`foredeck tasks schedule CRON` shows what one means.")
    return _understood(_split(text))


def _split(text: str) -> list[str]:
    given = text.strip().lower() if len(text) <= _LONGEST else ""
    return _ALIASES.get(given, given).split()


def _wrong_count(text: str, count: int) -> str:
    if len(text) > _LONGEST:
        return f"A cron expression has at most {_LONGEST} characters; this one has {len(text)}."
    if text.strip().startswith("@"):
        return f"There is no {safe_line(text.strip(), limit=40)!r}: take {', '.join(_ALIASES)}."
    names = ", ".join(field.name for field in _FIELDS)
    more = "; seconds and years are not taken" if count > len(_FIELDS) else ""
    return f"A cron expression has five fields: {names}{more}. This one has {count}."


def _impossible(days: list[str]) -> list[str]:
    """Return what is wrong with day of the month, month and day of the week together."""
    try:
        cron = _understood(["0", "0", *days])
        ambiguous = bool(cron.nth) and cron.days is not None
    except ValueError:  # croniter's errors are such
        ambiguous = True
    if ambiguous:
        return [
            f"The day of the week {safe_line(days[2], limit=40)!r} cannot be: days with # or L "
            "do not go together with others, and not with a day of the month."
        ]
    day, last = _ALL_CALENDARS
    while day <= last:
        if cron.on(day):
            return []
        day += _DAY
    which, month = safe_line(days[0], limit=40), safe_line(days[1], limit=40)
    return [f"It never comes: no month {month} has a day {which}."]


def _understood(fields: list[str]) -> Cron:
    """Return the values of fields that are taken; croniter knows names, ranges and steps."""
    from croniter import croniter

    # croniter takes a range of one value, such as 5-5, for all of them.
    plain = re.sub(r"\b(\w+)-\1(/[0-9]+)?(?=[,\s]|$)", r"\1", " ".join(fields))
    (minutes, hours, days, months, weekdays), nth = croniter.expand(plain)
    return Cron(
        minutes=_values(minutes, range(60)),
        hours=_values(hours, range(24)),
        days=_some(frozenset(_values([day for day in days if day != "l"], range(1, 32))), 31),
        last_day="l" in days,
        months=frozenset(_values(months, range(1, 13))),
        weekdays=_some(frozenset(_values(weekdays, range(7))), 8 if nth else 7),
        nth={
            int(day): frozenset(-1 if number == "l" else int(number) for number in numbers)
            for day, numbers in nth.items()
        },
        wild=fields[0].startswith("*") or fields[1].startswith("*"),
    )


def _some(values: frozenset[int], count: int) -> frozenset[int] | None:
    """Return the values, None if they are all there are: then nothing was asked for."""
    return None if len(values) == count else values


def _values(found: Sequence[int | str], every: range) -> tuple[int, ...]:
    return tuple(every) if "*" in found else tuple(sorted(int(value) for value in found))
