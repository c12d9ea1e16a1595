"""What happened while no dashboard was open, as the store tells it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foredeck.services.domain import clock
from foredeck.services.domain.away import AwayKind
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.schedules import FireState
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.store import mapping
from foredeck.services.store.away import MOST_ITEMS
from foredeck.services.store.codecs import to_microseconds
from foredeck.services.store.store import Store, Transaction
from tests.support.newsroom import Newsroom
from tests.support.still_clock import Clock


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def fire(tx: Transaction, task_id: str, state: str, reason: str = "") -> None:
    now = to_microseconds(clock.now())
    minutes = list(FireState).index(FireState(state))
    await tx._unit.link.rows(
        "INSERT INTO fire (id, task_id, due_at, at, state, reason) VALUES (?, ?, ?, ?, ?, ?)",
        (new_id(), task_id, now - minutes * 60_000_000, now, state, reason),
    )


async def report(tx: Transaction, run_id: str, title: str) -> None:
    row = (new_id(), run_id, "html", 1, 10, to_microseconds(clock.now()), "0" * 64, "/x", title)
    names = mapping.REPORTS.table.columns.keys()
    marks = ", ".join("?" * len(names))
    await tx._unit.link.rows(f"INSERT INTO report ({', '.join(names)}) VALUES ({marks})", row)


async def test_nobody_was_away_before_the_first_dashboard(store: Store, room: Newsroom) -> None:
    await room.ended("a run", RunState.SUCCESS)
    away = await store.news.away()
    assert away.since is None
    assert away.total == 0


async def test_the_first_dashboard_tells_what_the_clock_has_done(
    store: Store, room: Newsroom, time: Clock
) -> None:
    by_hand = await room.ended("by hand", RunState.SUCCESS)
    task = await room.of_task(by_hand, None)
    time.pass_(60)
    async with store.transaction() as tx:
        await fire(tx, task.id, "started")
    await room.ended("by the clock", RunState.FAILED)

    away = await store.news.away()

    assert away.since is not None
    assert [item.what for item in away.items] == ["by the clock"]


async def test_it_counts_from_when_a_dashboard_was_last_open(
    store: Store, room: Newsroom, time: Clock
) -> None:
    await room.ended("seen", RunState.SUCCESS)
    time.pass_(60)
    seen = time.now
    async with store.transaction() as tx:
        await tx.attention.seen(seen)
        await tx.attention.seen(seen - timedelta(hours=1))  # a second dashboard was slower
    time.pass_(60)
    assert (await store.news.away()).total == 0
    await room.ended("new", RunState.SUCCESS)
    away = await store.news.away()
    assert (away.since, away.until) == (seen, time.now)
    assert [item.what for item in away.items] == ["new"]
    earlier = await store.news.away(seen - timedelta(hours=1))
    assert [item.what for item in earlier.items] == ["new", "seen"]


async def test_what_matters_most_comes_first(store: Store, room: Newsroom, time: Clock) -> None:
    since = time.now
    time.pass_(60)
    asking = await room.run("asks")
    step = await room.step(asking)
    await room.ask(asking, step, "Which port?")
    failed = await room.ended("breaks", RunState.FAILED, "no compiler")
    time.pass_(60)
    await room.ended("half", RunState.PARTIAL_SUCCESS, "no review")
    good = await room.ended("works", RunState.SUCCESS)
    await room.ended("unwanted", RunState.CANCELLED)
    task = await room.of_task(good, None)
    async with store.transaction() as tx:
        await fire(tx, task.id, "missed", "no host was there")
        await fire(tx, task.id, "failed", "no project")
        await fire(tx, task.id, "skipped")
        await fire(tx, task.id, "started")
        await report(tx, failed.id, "What broke")
    away = await store.news.away(since)
    assert dict(away.counts) == {
        AwayKind.WAITING: 1,
        AwayKind.FAILED: 2,
        AwayKind.DUE_FAILED: 1,
        AwayKind.MISSED: 1,
        AwayKind.SKIPPED: 1,
        AwayKind.SUCCEEDED: 1,
        AwayKind.CANCELLED: 1,
        AwayKind.REPORT: 1,
    }
    assert away.total == 9
    kinds = [item.kind for item in away.items]
    due_times = [AwayKind.DUE_FAILED, AwayKind.MISSED, AwayKind.SKIPPED]
    assert kinds[:6] == [AwayKind.WAITING, *[AwayKind.FAILED] * 2, *due_times]
    first = away.items[0]
    assert (first.what, first.detail, first.run_id) == ("asks", "Which port?", asking.id)
    assert [item.what for item in away.items[1:3]] == ["half", "breaks"]
    assert away.items[4].detail.startswith("due ")
    assert away.items[4].detail.endswith(": no host was there")
    assert {item.project_name for item in away.items} == {"demo"}


async def test_what_a_task_did_all_night_is_one_line_and_hides_nothing(
    store: Store, room: Newsroom, time: Clock
) -> None:
    since = time.now
    time.pass_(60)
    task = await room.of_task(await room.ended("first", RunState.SUCCESS), None)
    for number in range(MOST_ITEMS + 5):
        time.pass_(60)
        run = await room.executed(task, RunState.SUCCESS)
        broken = await room.executed(task, RunState.FAILED, "no compiler")
        async with store.transaction() as tx:
            await report(tx, run.id, "Night")
            await fire(tx, task.id, "missed", f"{number} s late")
    time.pass_(60)
    await room.executed(task, RunState.FAILED, "no network")
    other = await room.ended("by hand", RunState.SUCCESS)
    many = MOST_ITEMS + 5

    away = await store.news.away(since)

    said = [(item.kind, item.times, item.reports, item.detail[-10:]) for item in away.items]
    assert said == [
        (AwayKind.FAILED, 1, 0, "no network"),
        (AwayKind.FAILED, many, 0, "o compiler"),
        (AwayKind.MISSED, many, 0, f" {many - 1} s late"),
        (AwayKind.SUCCEEDED, 1, 0, ""),
        (AwayKind.SUCCEEDED, many + 1, many, ""),
    ]
    assert [item.run_id for item in away.items][1::2] == [broken.id, other.id]
    assert away.items[-1].run_id == run.id
    assert away.items[-1].title == f"{many + 1} × {task.name}"
    assert away.items[-1].more == f"{many} reports"
    assert away.items[2].detail.startswith("the last due ")
    assert away.unlisted == 0


async def test_a_report_about_what_had_ended_before_has_its_own_line(
    store: Store, room: Newsroom, time: Clock
) -> None:
    old, working = await room.ended("old", RunState.SUCCESS), await room.run("at work")
    time.pass_(60)
    since = time.now
    time.pass_(60)
    async with store.transaction() as tx:
        await report(tx, old.id, "Old")
        await report(tx, working.id, "So far")
    away = await store.news.away(since)
    assert {(item.kind, item.what) for item in away.items} == {
        (AwayKind.REPORT, "Old"),
        (AwayKind.REPORT, "So far"),
    }


async def test_what_waited_before_or_waits_for_a_time_is_no_news(
    store: Store, room: Newsroom, time: Clock
) -> None:
    asking = await room.run("asks")
    await room.ask(asking, await room.step(asking))
    time.pass_(60)
    since = time.now
    time.pass_(60)
    limited = await room.run("limited")
    step = await room.step(limited)
    async with store.transaction() as tx:
        await tx.move_step(step.id, StepState.WAITING, reason="limit", retry_at=time.now)
        await tx.move_run(limited.id, RunState.WAITING)
    assert (await store.news.away(since)).total == 0


async def test_the_list_is_bounded_and_the_counts_are_not(
    store: Store, room: Newsroom, time: Clock
) -> None:
    since = time.now
    time.pass_(1)
    for number in range(MOST_ITEMS + 10):
        await room.ended(f"run {number}", RunState.SUCCESS)
    away = await store.news.away(since)
    assert dict(away.counts) == {AwayKind.SUCCEEDED: MOST_ITEMS + 10}
    assert len(away.items) == MOST_ITEMS
    assert away.unlisted == 10
