"""Cron arithmetic against a walk through every minute, which knows only sets and the rule."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.scheduling import cron

MINUTE = timedelta(minutes=1)

# Each with moments around which its clocks are changed, or nothing happens at all.
CHANGES = {
    "Europe/Berlin": ["2026-03-29T01:00", "2026-10-25T01:00"],
    "America/New_York": ["2026-03-08T07:00", "2026-11-01T06:00"],
    "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30"],
    "America/Santiago": ["2026-04-05T03:00", "2026-09-06T04:00"],
    "Africa/Cairo": ["2026-04-23T22:00", "2026-10-29T21:00"],
    "Africa/Casablanca": ["2026-02-15T02:00", "2026-03-22T02:00"],
    "America/St_Johns": ["2010-03-14T03:31", "2010-11-07T02:31"],  # one minute after midnight
    "Pacific/Apia": ["2011-12-30T10:00", "2010-09-26T11:00"],  # a whole day is leapt over
    "Asia/Kathmandu": ["2026-07-01T00:00", "1985-12-31T18:30"],
    "UTC": ["2026-12-31T23:00", "2028-02-29T00:00"],
}
SPANS = [(zone, moment) for zone, moments in CHANGES.items() for moment in moments]


class Reference:
    """The rule by its definition: every minute is looked at, and nothing is computed."""

    def __init__(self, expression: str) -> None:
        texts = expression.split()
        self.wild = texts[0].startswith("*") or texts[1].startswith("*")
        ranges = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
        self.sets = [_set(text, *range_) for text, range_ in zip(texts, ranges, strict=True)]
        # What takes every day is as good as none given.
        self.either = len(self.sets[2]) < 31 and len(self.sets[4]) < 7

    def fits(self, wall: datetime) -> bool:
        minutes, hours, days, months, weekdays = self.sets
        if wall.minute not in minutes or wall.hour not in hours or wall.month not in months:
            return False
        in_month, in_week = wall.day in days, (wall.weekday() + 1) % 7 in weekdays
        return in_month or in_week if self.either else in_month and in_week

    def moments(self, zone: str, after: datetime, until: datetime) -> list[datetime]:
        found, seen = [], set()
        # No zone has shown again what was longer ago.
        walk = _walls(zone, after - timedelta(days=1), until)
        before = walk[0][1] - MINUTE
        for moment, wall in walk:
            due = self.fits(wall) and (self.wild or wall not in seen)
            if not self.wild:
                while (before := before + MINUTE) < wall:  # what the clock leaps over
                    due = due or self.fits(before)
            if due and moment > after:
                found.append(moment)
            seen.add(wall)
            before = wall
        return found


def _walls(zone: str, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return each minute of the span with what the wall clock shows."""
    first = start.replace(hour=0, minute=0)
    days = (first + timedelta(days=number) for number in range((end - first).days + 1))
    minutes = [minute for day in days for minute in _day(zone, day)]
    skipped = (start - first) // MINUTE
    return minutes[skipped : skipped + (end - start) // MINUTE + 1]


@cache
def _day(zone: str, day: datetime) -> list[tuple[datetime, datetime]]:
    """Return the minutes of a day; the same few days come again and again."""
    place = ZoneInfo(zone)
    moments = [day + number * MINUTE for number in range(24 * 60)]
    return [(moment, moment.astimezone(place).replace(tzinfo=None, fold=0)) for moment in moments]


def _set(text: str, least: int, most: int) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        body, _, step = part.partition("/")
        low, _, high = body.partition("-")
        first, last = (least, most) if body == "*" else (int(low), int(high or low))
        values |= set(range(first, last + 1, int(step or 1)))
    return values


def _field(least: int, most: int) -> st.SearchStrategy[str]:
    value = st.integers(least, most)
    pair = st.tuples(value, value).map(sorted)
    step = st.integers(1, most - least + 1)
    return st.one_of(
        value.map(str),
        st.just("*"),
        st.lists(value, min_size=2, max_size=4).map(lambda many: ",".join(map(str, many))),
        pair.map(lambda ends: f"{ends[0]}-{ends[1]}"),
        step.map(lambda size: f"*/{size}"),
        st.tuples(pair, step).map(lambda both: f"{both[0][0]}-{both[0][1]}/{both[1]}"),
    )


# Most are due often: what is never due in three days shows little.
EXPRESSIONS = st.tuples(
    _field(0, 59),
    st.one_of(_field(0, 4), _field(0, 23)),
    st.one_of(st.just("*"), st.just("*"), _field(1, 31)),
    st.one_of(st.just("*"), st.just("*"), st.just("1-12/2")),
    st.one_of(st.just("*"), st.just("*"), _field(0, 6)),
).map(" ".join)


@given(EXPRESSIONS, st.sampled_from(SPANS), st.integers(-1500, 200))
@example("30 2 * * *", ("Europe/Berlin", "2026-03-29T01:00"), -60)
@example("0,30 2 * * *", ("Europe/Berlin", "2026-03-29T01:00"), -60)
@example("0 2,3 * * *", ("Europe/Berlin", "2026-03-29T01:00"), -60)
@example("30 2 * * *", ("Europe/Berlin", "2026-10-25T01:00"), -90)
@example("30 2 * * *", ("Europe/Berlin", "2026-10-25T01:00"), 5)
@example("*/30 * * * *", ("Australia/Lord_Howe", "2026-10-03T15:30"), -120)
@example("15 2 * * *", ("Australia/Lord_Howe", "2026-10-03T15:30"), -120)
@example("0 12 30 12 *", ("Pacific/Apia", "2011-12-30T10:00"), -600)
@example("0 0 * * *", ("Africa/Cairo", "2026-04-23T22:00"), -600)
@example("30 0 * * *", ("America/Santiago", "2026-09-06T04:00"), -600)
@settings(max_examples=400, deadline=None)
def test_the_moments_are_those_of_a_walk_through_every_minute(
    expression: str, span: tuple[str, str], minutes: int
) -> None:
    zone, change = span
    after = datetime.fromisoformat(f"{change}+00:00") + minutes * MINUTE
    until = after + timedelta(days=2)
    wanted = Reference(expression).moments(zone, after, until)
    assert list(cron.between(expression, zone, after, until)) == wanted
    if wanted:
        assert cron.next_after(expression, zone, after) == wanted[0]
    for one, next_one in pairwise(wanted[:5]):  # as the loop asks
        assert cron.next_after(expression, zone, one) == next_one


@given(EXPRESSIONS, st.integers(0, 5_000_000))
@settings(max_examples=200, deadline=None)
def test_without_changed_clocks_it_is_what_croniter_says(expression: str, minutes: int) -> None:
    moment = datetime.fromisoformat("2020-01-01") + minutes * MINUTE
    assume(not cron.check(expression, "UTC"))
    assume(not re.search(r"\b(\d+)-\1\b", expression))  # of these it says
    _minute, _hour, day, _month, week = expression.split()
    # something odd, and of all days that are spelt out: there cron takes `*/1` for `*`
    assume(day == "*" or len(_set(day, 1, 31)) < 31)
    assume(week == "*" or len(_set(week, 0, 6)) < 7)
    wanted = croniter(expression, moment).get_next(datetime)
    found = cron.next_after(expression, "UTC", moment.replace(tzinfo=UTC))
    assert found == wanted.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 L * *",
        "0 0 * * fri#2",
        "0 0 * * L5",
        "0 0 1,L 2 *",
        "0 0 * * 7#1",
        "0 0 * * 0#1,1#1,2#1,3#1,4#1,5#1,6#2",
        "0 22-2 * * fri-mon",
        "5/15 9 * jan-mar mon",
        "0 0 29 2 *",
        "@weekly",
        "@YEARLY",
        "0 0 ? * 1",
    ],
)
def test_names_last_days_and_aliases_are_what_croniter_says(expression: str) -> None:
    moment = datetime.fromisoformat("2025-01-31T12:07")
    walk = croniter(expression, moment)
    wanted = [walk.get_next(datetime).replace(tzinfo=UTC) for _ in range(8)]
    assert list(cron.preview(expression, "UTC", moment.replace(tzinfo=UTC), 8)) == wanted


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("60 * * * *", ["The minute '60'"]),
        (
            "60 24 0 13 8",
            ["The minute", "The hour", "The day of the month", "The month '13'", "week '8'"],
        ),
        ("* * * * * *", ["seconds and years are not taken. This one has 6."]),
        ("* * * *", ["This one has 4."]),
        ("", ["This one has 0."]),
        ("@reboot", ["There is no '@reboot'"]),
        ("@every 5m", ["There is no '@every 5m'"]),
        ("R * * * *", ["The minute 'r'"]),
        ("H H * * *", ["The minute 'h'", "The hour 'h'"]),
        ("*/90 * * * *", ["at most */60"]),
        ("*/0 * * * *", ["The minute '*/0'"]),
        ("1,,2 * * * *", ["The minute '1,,2'"]),
        ("0 0 15W * *", ["The day of the month '15w'"]),
        ("0 0 ² * *", ["The day of the month"]),
        ("0 0 30 2 *", ["It never comes: no month 2 has a day 30."]),
        ("61 25 30 2 *", ["The minute", "The hour", "It never comes"]),
        ("0 0 31 4,6,9,11 *", ["It never comes"]),
        ("0 0 * * fri#2,mon", ["do not go together with others"]),
        ("0 0 13 * fri#2", ["and not with a day of the month"]),
        ("\x1b[31m * * * *", ["The minute"]),
        ("1" * 300, ["at most 200 characters; this one has 300"]),
    ],
)
def test_every_mistake_is_named(expression: str, said: list[str]) -> None:
    found = cron.check(expression, "UTC")
    assert len(found) == len(said)
    for sentence, part in zip(found, said, strict=True):
        assert part in sentence
        assert "\x1b" not in sentence
    with pytest.raises(InvalidInput):
        cron.next_after(expression, "UTC", datetime(2026, 1, 1, tzinfo=UTC))


@given(st.text(alphabet="0123456789*/-,#?Llwfri@ \t", max_size=20))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_mistake_or_comes_again(expression: str) -> None:
    if not cron.check(expression, "Europe/Berlin"):
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        assert cron.next_after(expression, "Europe/Berlin", moment) > moment


def test_an_unknown_zone_is_a_mistake_that_names_the_one_that_may_be_meant() -> None:
    assert cron.check("* * * * *", "UTC") == []
    (said,) = cron.check("* * * * *", "berlin")
    assert said == "There is no time zone 'berlin'. Did you mean Europe/Berlin?"
    for name in ("../../etc/passwd", "", "/etc/localtime", "right/UTC"):
        assert len(cron.check("* * * * *", name)) == 1
    assert len(cron.check("60 * * * *", "nowhere")) == 2


def test_what_came_is_counted_and_the_latest_are_kept() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    due = cron.due_between("* * * * *", "UTC", begin, begin + timedelta(days=7), 3)
    assert due.latest == tuple(begin + timedelta(days=7, minutes=-n) for n in (2, 1, 0))
    assert (due.before, due.first, due.counted) == (7 * 1440 - 3, begin + MINUTE, True)
    none = cron.due_between("0 0 1 1 *", "UTC", begin, begin + timedelta(days=7), 3)
    assert (none.latest, none.before, none.first) == ((), 0, None)


def test_a_clock_that_is_decades_ahead_costs_no_minutes() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    end = begin.replace(year=2060)
    due = cron.due_between("* * * * *", "Europe/Berlin", begin, end, 3)
    assert due.latest[-1] == end
    assert (due.before, due.counted) == (400 * 1440 - 3, False)
    rare = cron.due_between("0 0 1 1 *", "UTC", begin, end, 3)
    assert [one.year for one in rare.latest] == [2058, 2059, 2060]
    assert (rare.before, rare.counted) == (31, True)


def test_a_moment_within_a_minute_is_followed_by_the_next_minute() -> None:
    moment = datetime(2026, 1, 1, 12, 0, 30, 5, tzinfo=UTC)
    assert cron.next_after("* * * * *", "UTC", moment) == datetime(2026, 1, 1, 12, 1, tzinfo=UTC)
    whole = moment.replace(second=0, microsecond=0)
    assert cron.next_after("* * * * *", "UTC", whole - timedelta(microseconds=1)) == whole
    assert cron.next_after("* * * * *", "UTC", whole) == whole + MINUTE
