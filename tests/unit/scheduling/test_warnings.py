"""What people are told is odd about a schedule that they may have all the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from foredeck.services.domain.schedules import Misfire, Overlap, Schedule
from foredeck.services.domain.tasks import Task
from foredeck.services.scheduling.warnings import warnings_of

NOW = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)
HOURLY = Schedule("0 * * * *")


def scheduled(schedule: Schedule | None, prompt: str = "Look.", **defaults: str) -> Task:
    task = Task("t1", "nightly", "p1", NOW, NOW, prompt=prompt, schedule=schedule)
    return replace(task, variables=tuple(defaults.items()))


@pytest.mark.parametrize(
    ("overlap", "catch_up", "odd"),
    [
        ("skip", 5, True),
        ("skip", 1, False),
        ("queue", 12, True),
        ("queue", 11, False),
        ("allow", 100, False),
    ],
)
def test_a_catch_up_that_cannot_be_is_warned_of(overlap: str, catch_up: int, odd: bool) -> None:
    schedule = replace(
        HOURLY, misfire=Misfire.CATCH_UP, catch_up=catch_up, overlap=Overlap(overlap)
    )
    assert bool(warnings_of(scheduled(schedule))) is odd
    assert warnings_of(scheduled(replace(HOURLY, catch_up=50))) == ()


def test_what_the_clock_can_give_no_value_for_is_named() -> None:
    (said,) = warnings_of(scheduled(HOURLY, "{{file}} for {{goal}} in {{file}}", goal="bugs"))
    assert said == (
        "The clock can give no value for file: no run is made until there is a default."
    )
    assert warnings_of(scheduled(HOURLY, "{{goal}}", goal="")) == ()


@pytest.mark.parametrize("schedule", [None, replace(HOURLY, enabled=False)])
def test_without_a_clock_everything_is_asked_for(schedule: Schedule | None) -> None:
    assert warnings_of(scheduled(schedule, "{{file}}")) == ()


def test_a_task_that_rests_is_not_warned_of() -> None:
    assert warnings_of(replace(scheduled(HOURLY, "{{file}}"), active=False)) == ()
