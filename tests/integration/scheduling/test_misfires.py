"""The host is down, or the schedules are paused: what becomes of the moments that were missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from foredeck.services.domain.audit import Severity
from foredeck.services.domain.away import AwayKind
from foredeck.services.domain.schedules import FireState, Misfire, Overlap
from tests.support.schedule_house import at, open_schedules
from tests.support.still_clock import Clock

HOUR, DAY = 3600, 86_400


async def test_after_a_day_run_once_makes_up_for_all_with_one_run(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *")
        await house.settle()
    clock.pass_(DAY)
    async with open_schedules(tmp_path, clock) as house:
        await house.settle()
        told = await house.told(task)
        assert told[-1] == ("21 13:00", "started")
        assert [state for _, state in told[:-1]] == ["missed"] * 20
        (run,) = await house.runs(task)
        assert run.due_at == at("21 13:00")
        assert house.starts.started == [run.id]
        rows = await house.fires(task)
        assert rows[-1].reason == "Made up for, 30 minutes late."
        # Nothing is silent: 24 moments have come, 20 are told one by one, one has started.
        assert rows[0].reason == (
            "Seen 20 hours late; one run makes up for all that were missed. "
            "3 before it were missed, too, since 2026-11-20 14:00 UTC."
        )
        again = await house.again(task)
        assert (again.next_at, again.executions) == (at("21 14:00"), 1)
        warned = await house.audited("schedule.missed")
        assert {row.severity for row in warned} == {Severity.WARNING}
        assert len(warned) == 20
        # The counts are of all, also of those without a row of their own.
        away = await house.store.news.away(at("20 13:00"))
        assert dict(away.counts) == {AwayKind.MISSED: 23}
        assert (await house.store.queries.schedule_board(clock.now)).missed == 23


async def test_after_a_day_catch_up_makes_up_for_the_latest_ones_in_their_order(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        policy = {"misfire": Misfire.CATCH_UP, "catch_up": 3}
        queued = await house.task("0 */4 * * *", overlap=Overlap.QUEUE, **policy)
        together = await house.task("0 */4 * * *", overlap=Overlap.ALLOW, **policy)
        skipped = await house.task("0 */4 * * *", overlap=Overlap.SKIP, **policy)
    clock.pass_(DAY)
    missed = [("20 16:00", "missed"), ("20 20:00", "missed"), ("21 00:00", "missed")]
    async with open_schedules(tmp_path, clock) as house:
        await house.settle()
        later = [("21 04:00", "started"), ("21 08:00", "queued"), ("21 12:00", "queued")]
        assert await house.told(queued) == missed + later
        assert [state for _, state in await house.told(together)] == ["missed"] * 3 + [
            "started"
        ] * 3
        assert [state for _, state in await house.told(skipped)] == ["missed"] * 3 + [
            "started",
            "skipped",
            "skipped",
        ]
        assert "only the latest 3 are made up for" in (await house.fires(queued))[0].reason
        dues = [run.due_at for run in await house.runs(together)]
        assert dues == [at("21 04:00"), at("21 08:00"), at("21 12:00")]
        for expected in (at("21 04:00"), at("21 08:00"), at("21 12:00")):
            run = (await house.runs(queued))[-1]
            assert run.due_at == expected
            await house.end(run.id)
            await house.settle()
        assert [state for _, state in await house.told(queued)][3:] == ["started"] * 3


async def test_after_a_day_skip_starts_nothing_but_what_is_on_time(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 */12 * * *", misfire=Misfire.SKIP)
        other = await house.task("30 */12 * * *", misfire=Misfire.SKIP)
    clock.pass_(DAY - 3599 - 1800)  # 12:00:01 on the next day
    async with open_schedules(tmp_path, clock) as house:
        await house.settle()
        assert await house.told(task) == [("21 00:00", "missed"), ("21 12:00", "started")]
        assert await house.told(other) == [("21 00:30", "missed")]
        assert (await house.fires(task))[0].reason == (
            "Seen 12 hours late; missed due times are left out."
        )
        assert await house.runs(other) == []
        assert (await house.again(other)).next_at == at("21 12:30")


async def test_what_is_on_time_makes_up_for_what_was_missed(tmp_path: Path, clock: Clock) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", overlap=Overlap.ALLOW)
        clock.pass_(3 * HOUR - 1800 + 20)  # 16:00:20
        await house.settle()
        states = [("20 14:00", "missed"), ("20 15:00", "missed"), ("20 16:00", "started")]
        assert await house.told(task) == states
        assert (await house.fires(task))[-1].reason == ""


@pytest.mark.parametrize(("seconds", "state"), [(1860, "started"), (1861, "missed")])
async def test_late_by_more_than_the_grace_is_missed(
    tmp_path: Path, clock: Clock, seconds: int, state: str
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", misfire=Misfire.SKIP)
        clock.pass_(seconds)
        await house.settle()
        assert await house.told(task) == [("20 14:00", state)]


async def test_of_ten_thousand_missed_ones_few_rows_tell_all(tmp_path: Path, clock: Clock) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("* * * * *")
        clock.pass_(7 * DAY + 30)
        await house.settle()
        rows = await house.fires(task)
        assert [row.state for row in rows] == [FireState.MISSED] * 20 + [FireState.STARTED]
        assert "10,059 before it were missed, too, since 2026-11-20 13:31 UTC." in rows[0].reason
        assert rows[-1].due_at == at("27 13:30")
        assert (await house.again(task)).next_at == at("27 13:31")


@pytest.mark.parametrize("misfire", [Misfire.RUN_ONCE, Misfire.SKIP])
async def test_what_comes_while_they_are_paused_is_missed_when_they_go_on(
    tmp_path: Path, clock: Clock, misfire: Misfire
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", misfire=misfire)
        await house.settle()
        await house.pause()
        clock.pass_(HOUR // 2 + 1)
        await house.settle()
        expects = house.scheduler.expects
        assert expects is False
        assert await house.fires(task) == []
        clock.pass_(20)  # so little that a host which had not been paused would be on time
        await house.pause(paused=False)
        await house.settle()
        states = {Misfire.RUN_ONCE: "started", Misfire.SKIP: "missed"}
        assert await house.told(task) == [("20 14:00", states[misfire])]
        assert house.scheduler.expects is True
        assert len(await house.audited("scheduler.pause")) == 1
        assert len(await house.audited("scheduler.resume")) == 1


async def test_a_pause_outlasts_the_host(tmp_path: Path, clock: Clock) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", misfire=Misfire.SKIP)
        await house.pause()
    clock.pass_(HOUR)
    async with open_schedules(tmp_path, clock) as house:
        await house.settle()
        assert await house.fires(task) == []
    clock.pass_(HOUR)
    async with open_schedules(tmp_path, clock) as house:
        await house.pause(paused=False)
        await house.settle()
        assert await house.told(task) == [("20 14:00", "missed"), ("20 15:00", "missed")]
        board = await house.store.queries.schedule_board(clock.now)
        assert (board.paused_at, board.scheduled) == (None, 1)
        assert (board.missed, board.failed) == (2, 0)
        assert (board.next_task_id, board.next_at) == (task.id, at("20 16:00"))


async def test_nothing_is_made_up_for_that_a_change_of_the_schedule_has_left_behind(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *")
        clock.pass_(DAY)
        assert task.schedule is not None
        await house.change(task, schedule=None)
        await house.settle()
        assert await house.fires(task) == []
        assert (await house.again(task)).next_at is None
