"""Rows of tasks: what gives way in which width, and the words for what is due."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from foredeck.services.domain.schedules import Schedule, ScheduleBoard
from foredeck.services.domain.states import RunState
from foredeck.widgets.painting import Cells, width_of
from foredeck.widgets.schedule_header import board_row
from foredeck.widgets.task_cells import next_words, task_cells, task_heading
from tests.support.fake_host import NOW
from tests.support.fake_tasks import task_row

DAILY = Schedule("0 2 * * *")
SOON = NOW + timedelta(minutes=12)


def text_of(cells: Cells) -> str:
    return "".join(text for text, _ in cells)


def full_row(**changes: Any) -> Any:
    fields: dict[str, Any] = {
        "name": "a long name " * 5,
        "tags": ("upkeep", "database"),
        "public": True,
        "executions": 100_000,
        "successes": 98_765,
        "failures": 1_234,
        "last_state": RunState.PARTIAL_SUCCESS,
        "schedule": DAILY,
        "next_at": SOON,
    }
    return task_row("t", **{**fields, **changes})


@pytest.mark.parametrize("width", range(24, 201, 8))
def test_a_row_and_its_heading_are_exactly_as_wide_as_there_is_room(width: int) -> None:
    assert width_of(task_cells(full_row(), width, NOW)) == width - 1
    assert width_of(task_cells(task_row("t"), width, NOW)) == width - 1
    assert width_of(task_heading(width)) == width


def test_the_next_moment_and_the_last_result_stay_where_it_is_narrow() -> None:
    text = text_of(task_cells(full_row(), 44, NOW))
    assert "in 12 min" in text
    assert "◐" in text
    assert "upkeep" not in text
    assert "#upkeep" in text_of(task_cells(full_row(), 120, NOW))


def test_a_public_task_is_marked_with_and_without_a_column_of_tags() -> None:
    row = full_row(name="short")
    assert "public" in text_of(task_cells(row, 120, NOW))
    assert "short  public" in text_of(task_cells(row, 60, NOW))


@pytest.mark.parametrize(
    ("changes", "paused", "words"),
    [
        ({"schedule": None, "next_at": None}, False, "–"),
        ({"schedule": DAILY, "next_at": SOON}, False, "in 12 min"),
        ({"schedule": DAILY, "next_at": NOW}, False, "due"),
        ({"schedule": DAILY, "next_at": SOON}, True, "paused"),
        ({"schedule": Schedule("0 2 * * *", enabled=False)}, True, "off"),
        ({"schedule": DAILY, "next_at": SOON, "active": False}, False, "off"),
        ({"schedule": DAILY, "next_at": None}, False, "–"),
        ({"schedule": DAILY, "next_at": SOON, "deleted_at": NOW}, False, "–"),
    ],
)
def test_what_is_due_next_is_said_in_words(
    changes: dict[str, Any], paused: bool, words: str
) -> None:
    assert next_words(task_row("t", **changes), NOW, paused=paused) == words


def test_every_sign_has_a_plain_one_where_only_ascii_is_shown() -> None:
    for row in (full_row(name="x", tags=("a",)), task_row("t"), task_row("t", active=False)):
        assert text_of(task_cells(row, 120, NOW, ascii_only=True)).isascii()


def test_the_header_says_what_keeps_schedules_from_starting() -> None:
    board = ScheduleBoard(None, 2, "t", "nightly", SOON, missed=3, queued=1, runs=True)
    assert text_of(board_row(board, 5, NOW)) == (
        " 5 tasks  2 scheduled  3 missed  1 queued  next: nightly in 12 min"
    )
    failed = ScheduleBoard(None, 2, missed=3, failed=1, runs=True)
    assert text_of(board_row(failed, 5, NOW)) == (
        " 5 tasks  2 scheduled  3 missed, 1 due time failed"
    )
    alone = ScheduleBoard(None, 1, runs=False)
    assert "no host is there to start them: foredeck serve" in text_of(board_row(alone, 1, NOW))
    assert text_of(board_row(ScheduleBoard(None, 0), 1, NOW)) == " 1 task  0 scheduled"
