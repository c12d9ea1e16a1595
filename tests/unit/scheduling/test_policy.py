"""The rules for due times, by themselves: nothing is silent, and nothing is without a bound."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foredeck.services.domain.schedules import (
    FireState,
    Misfire,
    Overlap,
    Schedule,
    count_more_missed,
)
from foredeck.services.scheduling import plan
from foredeck.services.scheduling.plan import MOST_TOLD, Come, come
from foredeck.services.scheduling.policy import MOST_QUEUED, Standing, decide

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

SCHEDULES = st.builds(
    Schedule,
    cron=st.sampled_from(["* * * * *", "*/7 * * * *", "0 * * * *"]),
    timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
    overlap=st.sampled_from(Overlap),
    misfire=st.sampled_from(Misfire),
    catch_up=st.integers(1, 100),
    jitter=st.sampled_from([0.0, 45.0, 3600.0]),
)


@given(
    SCHEDULES,
    st.integers(1, 3000),
    st.sampled_from([1, 60, 3600]),
    st.builds(Standing, st.sampled_from(["", "run"]), st.integers(0, MOST_QUEUED)),
)
@settings(max_examples=300, deadline=None)
def test_every_moment_that_has_come_is_answered_once_and_the_others_are_not(
    schedule: Schedule, minutes: int, grace: int, standing: Standing
) -> None:
    first = NOW.replace(second=0) - minutes * MINUTE
    found = come("task", schedule, first, NOW, NOW - timedelta(seconds=grace))
    answers = decide(schedule, found, standing, NOW)
    dues = [answer.due_at for answer in answers]

    assert dues == sorted(set(dues))
    assert all(first <= due < found.next_at for due in dues)
    total = len(found.missed) + len(found.on_time) + found.before
    told = sum(count_more_missed(answer.reason) for answer in answers)
    assert len(answers) + told == total
    assert len(answers) <= MOST_TOLD + max(schedule.catch_up, 1) + len(found.on_time)
    states = [answer.state for answer in answers]
    assert states.count(FireState.QUEUED) + standing.queued <= max(MOST_QUEUED, standing.queued)
    if schedule.overlap is not Overlap.ALLOW:
        assert states.count(FireState.STARTED) <= (0 if standing.run_id else 1)
    assert all(answer.reason for answer in answers if answer.state is not FireState.STARTED)


def test_when_a_rare_one_starts_is_reckoned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def after(*given: object) -> datetime:
        asked.append(given)
        return NOW + timedelta(days=1461)

    monkeypatch.setattr(plan, "next_after", after)
    schedule = Schedule("0 3 29 2 *", jitter=60.0)
    plan.starts_at.cache_clear()
    assert len({plan.starts_at("rare", schedule, NOW) for _ in range(3)}) == 1
    assert len(asked) == 1
    plan.starts_at.cache_clear()


def test_the_latest_are_made_up_for_in_their_order() -> None:
    schedule = Schedule("0 * * * *", misfire=Misfire.CATCH_UP, catch_up=2, overlap=Overlap.ALLOW)
    missed = tuple(NOW.replace(hour=hour, minute=0, second=0) for hour in (8, 9, 10, 11))
    answers = decide(schedule, Come(missed, (), NOW), Standing(), NOW)
    assert [(a.due_at.hour, a.state.value) for a in answers] == [
        (8, "missed"),
        (9, "missed"),
        (10, "started"),
        (11, "started"),
    ]
    assert answers[2].reason == "Made up for, 2 hours late."
    assert answers[0].reason == "Seen 4 hours late; only the latest 2 are made up for."


def test_what_is_not_counted_to_the_end_is_said_to_be_more() -> None:
    schedule = Schedule("* * * * *", misfire=Misfire.SKIP)
    since = NOW - timedelta(days=900)
    found = Come((NOW - MINUTE,), (), NOW, before=500_000, since=since, counted=False)
    (answer,) = decide(schedule, found, Standing(), NOW)
    assert f"More than 500,000 before it were missed, too, since {since:%Y}" in answer.reason
