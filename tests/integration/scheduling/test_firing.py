"""A due time is answered exactly once, whatever else goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.domain import clock as clock_module
from foredeck.services.domain.audit import Severity
from foredeck.services.domain.errors import CodexMissing, StorageFull
from foredeck.services.domain.events import NoticeRaised
from foredeck.services.domain.notices import Cause, Channel, DeliveryState
from foredeck.services.domain.records import Trigger
from foredeck.services.domain.schedules import FireState, Misfire, Overlap
from foredeck.services.domain.states import RunState
from foredeck.services.domain.tasks import wish_of
from foredeck.services.scheduling import zones
from foredeck.services.scheduling.plan import starts_at
from foredeck.services.scheduling.policy import MOST_QUEUED
from tests.support.schedule_house import at, open_schedules
from tests.support.still_clock import Clock

HOUR = 3600


async def test_a_due_moment_makes_one_run(tmp_path: Path, clock: Clock) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", prompt="Look at {{what}}", name="look")
        await house.change(task, variables=(("what", "the sea"),))
        await house.settle()
        assert await house.fires() == []
        clock.pass_(HOUR // 2)
        await house.settle()
        await house.settle()
        (run,) = await house.runs(task)
        assert (run.due_at, run.variables) == (at("20 14:00"), (("what", "the sea"),))
        assert house.starts.started == [run.id]
        async with house.store.transaction() as tx:
            stored = await tx.runs.get(run.id)
        assert (stored.trigger, stored.request) == (Trigger.SCHEDULE, "Look at the sea")
        (fire,) = await house.fires()
        assert (fire.state, fire.run_id, fire.reason) == (FireState.STARTED, run.id, "")
        assert (fire.task_name, fire.at) == ("look", clock.now)
        again = await house.again(task)
        assert (again.next_at, again.executions) == (at("20 15:00"), 1)
        page = await house.store.queries.fires(None, odd=True)
        assert page.total == 0


async def test_skip_leaves_out_what_finds_a_run_at_work(tmp_path: Path, clock: Clock) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *")
        clock.pass_(HOUR // 2)
        await house.settle()
        clock.pass_(HOUR)
        await house.settle()
        (first,) = await house.runs(task)
        (_, skipped) = await house.fires()
        assert (skipped.state, skipped.run_id) == (FireState.SKIPPED, None)
        assert skipped.reason == f"Run {first.id} was not over."
        assert (await house.audited("schedule.skipped"))[0].severity is Severity.INFO
        await house.end(first.id)
        clock.pass_(HOUR)
        await house.settle()
        assert [state for _, state in await house.told()] == ["started", "skipped", "started"]


async def test_allow_starts_beside_what_is_at_work(tmp_path: Path, clock: Clock) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", overlap=Overlap.ALLOW)
        for _ in range(3):
            clock.pass_(HOUR)
            await house.settle()
        assert len(await house.runs(task)) == 3


async def test_queue_starts_in_order_and_takes_no_more_than_some(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("30 * * * *", overlap=Overlap.QUEUE)
        for _ in range(MOST_QUEUED + 2):
            clock.pass_(HOUR)
            await house.settle()
        states = [state for _, state in await house.told()]
        assert states == ["started"] + ["queued"] * MOST_QUEUED + ["skipped"]
        assert (await house.fires())[-1].reason == "10 others were waiting already."
        board = await house.store.queries.schedule_board(clock.now)
        assert board.queued == MOST_QUEUED
    # Also for the next host, and only one after the other.
    async with open_schedules(tmp_path, clock) as house:
        await house.settle()
        assert len(await house.runs(task)) == 1
        for count in range(2, MOST_QUEUED + 2):
            await house.end((await house.runs(task))[-1].id)
            await house.settle()
            assert len(await house.runs(task)) == count
        dues = [run.due_at for run in await house.runs(task)]
        assert dues == sorted(dues, key=str)
        states = [state for _, state in await house.told()]
        assert states == ["started"] * (MOST_QUEUED + 1) + ["skipped"]
        assert "It had waited" in (await house.fires())[1].reason
        page = await house.store.queries.fires(task.id, odd=True)
        assert page.total == MOST_QUEUED + 1


async def test_what_waits_is_let_go_when_its_task_is_switched_off(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", overlap=Overlap.QUEUE)
        for _ in range(2):
            clock.pass_(HOUR)
            await house.settle()
        await house.pause()
        await house.end((await house.runs(task))[0].id)
        await house.settle()
        assert [state for _, state in await house.told()] == ["started", "queued"]
        await house.pause(paused=False)
        await house.change(task, active=False)
        await house.settle()
        assert [state for _, state in await house.told()] == ["started", "skipped"]
        assert house.scheduler.expects is False


async def test_a_change_that_is_none_of_the_schedule_loses_no_moment(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", name="look")
        other = await house.task("0 * * * *", name="see")
        assert other.schedule is not None
        clock.pass_(HOUR // 2 + 1)  # it has come, and nobody has looked yet
        await house.tasks.update("look", replace(wish_of(task), description="another"))
        rare = replace(other.schedule, cron="0 0 * * *")
        await house.tasks.update("see", replace(wish_of(other), schedule=rare))
        await house.settle()
        assert await house.told(task) == [("20 14:00", "started")]
        assert await house.told(other) == []
        assert (await house.again(other)).next_at == at("21 00:00")
        # A task that rests has no moments; they do not come later, either.
        await house.tasks.activate("look", active=False)
        clock.pass_(3 * HOUR)
        await house.tasks.activate("look", active=True)
        await house.settle()
        assert len(await house.told(task)) == 1
        assert (await house.again(task)).next_at == at("20 18:00")


async def test_another_overlap_or_misfire_loses_no_due_time(tmp_path: Path, clock: Clock) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", name="look")
        assert task.schedule is not None
        clock.pass_(HOUR // 2 + 1)  # it has come, and nobody has looked yet
        other = replace(task.schedule, overlap=Overlap.QUEUE, misfire=Misfire.SKIP, jitter=1.0)
        await house.tasks.update("look", replace(wish_of(task), schedule=other))
        clock.pass_(1)
        await house.settle()
        assert await house.told(task) == [("20 14:00", "started")]
        elsewhere = replace(other, timezone="Asia/Kolkata")
        clock.pass_(HOUR)
        await house.tasks.update("look", replace(wish_of(task), schedule=elsewhere))
        assert (await house.again(task)).next_at == at("20 15:30")


async def test_a_deleted_task_is_not_started_though_its_moment_is_stored(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *")
        await house.change(task, deleted_at=clock.now, next_at=at("20 14:00"))
        clock.pass_(HOUR)
        await house.settle()
        assert (await house.again(task)).next_at is None
        assert await house.fires() == []


async def test_a_run_that_cannot_be_made_is_a_failed_moment_and_holds_up_no_other(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        bad = await house.task("0 * * * *", prompt="Look at {{what}}")
        good = await house.task("0 * * * *")
        clock.pass_(HOUR // 2)
        await house.settle()
        (fire,) = await house.fires(bad)
        assert fire.state is FireState.FAILED
        said = f"Give it a default: foredeck tasks update {bad.id} --variable NAME=VALUE"
        assert fire.reason == f"No run could be made: what has no value. {said}"
        assert (await house.again(bad)).next_at == at("20 15:00")
        assert (await house.audited("schedule.failed"))[0].severity is Severity.WARNING
        assert len(await house.runs(good)) == 1
        board = await house.store.queries.schedule_board(clock.now)
        assert (board.missed, board.failed) == (0, 1)


async def test_people_are_told_of_the_first_of_several_failed_moments(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        await house.task("0 * * * *", name="nightly", prompt="Look at {{what}}")
        for _ in range(3):
            clock.pass_(HOUR)
            await house.settle()
        events = house.bus.subscribe(0)
        told = [await anext(events) for _ in range(house.bus.seq)]
        said = [event.message for event in told if isinstance(event, NoticeRaised)]

        assert len(await house.fires()) == 3
        assert len(said) == 1
        assert said[0].startswith("The task nightly was due. No run could be made: what has no")
        (row,) = (await house.store.news.notifications()).items
        assert (row.run_id, row.cause, row.state) == ("", Cause.FAILURE, RunState.FAILED)
        assert (row.title, row.task_name, row.project_name) == ("nightly", "nightly", "demo")
        assert row.text.startswith(
            "demo: was due at 2026-11-20 14:00 UTC. No run could be made: what has no value."
        )
        (delivery,) = row.deliveries
        assert (delivery.channel, delivery.state) == (Channel.WEBHOOK, DeliveryState.PENDING)


async def test_a_task_that_wants_nothing_told_is_quiet_about_failed_due_times(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", prompt="Look at {{what}}")
        async with house.store.transaction() as tx:
            await tx.tasks.save(replace(await tx.tasks.get(task.id), notify=(Cause.FINISH,)))
        clock.pass_(HOUR)
        await house.settle()
        assert len(await house.fires(task)) == 1
        assert (await house.store.news.notifications()).total == 0


async def test_an_error_within_is_a_failed_moment_too(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *")

        async def breaks(*given: object) -> None:
            raise ZeroDivisionError("division by zero")

        monkeypatch.setattr(house.executions, "prepare", breaks)
        clock.pass_(HOUR // 2)
        await house.settle()
        (fire,) = await house.fires(task)
        assert (fire.state, fire.run_id) == (FireState.FAILED, None)
        assert "division by zero" in fire.reason


async def test_a_run_that_cannot_be_stored_leaves_nothing_behind(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *")
        real = house.executions.add

        async def refuses(*given: object) -> None:
            await real(*given)  # type: ignore[arg-type]
            raise CodexMissing("There is no codex.", "Install it.")

        monkeypatch.setattr(house.executions, "add", refuses)
        clock.pass_(HOUR // 2)
        await house.settle()
        assert await house.runs(task) == []
        (fire,) = await house.fires(task)
        assert fire.reason == "No run could be made: There is no codex. Install it."
        assert (await house.again(task)).executions == 0


async def test_a_full_disk_answers_nothing_and_is_tried_again(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *")

        async def full(*given: object) -> None:
            raise StorageFull("The disk is full.")

        with monkeypatch.context() as patch:
            patch.setattr(house.executions, "add", full)
            clock.pass_(HOUR // 2)
            with pytest.raises(StorageFull):
                await house.scheduler.look()
        assert (await house.again(task)).next_at == at("20 14:00")
        await house.settle()
        assert await house.told() == [("20 14:00", "started")]


async def test_what_was_stored_and_not_started_the_next_host_starts(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *")
        house.starts.refuses = CodexMissing("There is no codex.")
        events = house.bus.subscribe()
        clock.pass_(HOUR // 2)
        await house.settle()
        await events.aclose()
        (run,) = await house.runs(task)
        assert await house.told() == [("20 14:00", "started")]
        notice = house.bus.subscribe(0)
        told = [await anext(notice) for _ in range(house.bus.seq)]
        assert any(isinstance(e, NoticeRaised) and run.id in e.message for e in told)
    async with open_schedules(tmp_path, clock) as house:
        await house.executions.recover()
        await house.settle()
        assert house.starts.started == [run.id]
        assert await house.told() == [("20 14:00", "started")]


async def test_what_could_not_be_started_is_tried_again_and_told_once(
    tmp_path: Path, clock: Clock
) -> None:
    """Else it would be in the way of all that come behind it, as long as the host is there."""
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *")
        house.starts.refuses = StorageFull("The disk is full.")
        clock.pass_(HOUR // 2)
        await house.settle()
        await house.scheduler.look()
        (run,) = await house.runs(task)
        notices = [event for event in house.bus._recent if isinstance(event, NoticeRaised)]
        assert [run.id in notice.message for notice in notices] == [True]

        house.starts.refuses = None
        await house.scheduler.look()
        assert house.starts.started == [run.id]
        await house.end(run.id)
        clock.pass_(HOUR)
        await house.settle()
        assert [state for _, state in await house.told()] == ["started", "started"]


async def test_a_clock_that_is_set_back_fires_nothing_twice(tmp_path: Path, clock: Clock) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("*/10 * * * *", overlap=Overlap.ALLOW)
        clock.pass_(600)
        await house.settle()
        clock.pass_(-300)
        await house.settle()
        # What is changed now reckons anew, and comes to the moment that was answered.
        await house.change(task, description="another")
        assert (await house.again(task)).next_at == at("20 13:40")
        for _ in range(4):
            clock.pass_(300)
            await house.settle()
        assert await house.told() == [("20 13:40", "started"), ("20 13:50", "started")]
        assert len(await house.runs(task)) == 2


async def test_a_clock_that_was_years_ahead_stops_no_schedule(tmp_path: Path, clock: Clock) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", overlap=Overlap.ALLOW)
        clock.pass_(10 * 365 * 86_400)
        await house.settle()
        again = (await house.again(task)).next_at
        assert again is not None
        assert again.year == 2036
        clock.pass_(-10 * 365 * 86_400)
        await house.settle()
        assert (await house.again(task)).next_at == at("20 14:00")
        clock.pass_(HOUR // 2)
        await house.settle()
        assert ("20 14:00", "started") in await house.told()
    # The same for one that is down meanwhile.
    async with open_schedules(tmp_path, clock) as house:
        await house.change(task, next_at=at("20 14:00").replace(year=2040))
        await house.settle()
        assert (await house.again(task)).next_at == at("20 15:00")


async def test_a_clock_that_leapt_ahead_twice_stops_no_schedule(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", overlap=Overlap.ALLOW)
        clock.pass_(2 * HOUR)  # 13:30 to 15:30
        await house.settle()
        clock.pass_(10 * 365 * 86_400)
        await house.settle()
        clock.pass_(-10 * 365 * 86_400 - 2 * HOUR)
        await house.settle()
        # 14:00 and 15:00 are answered already; 16:00 is not.
        assert (await house.again(task)).next_at == at("20 16:00")


async def test_a_zone_that_is_none_any_more_ends_the_schedule_and_says_so(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", timezone="Europe/Berlin")
        clock.pass_(HOUR // 2)
        zones.zone_of.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(zones, "_names", lambda: frozenset({"UTC"}))
            await house.settle()
        (fire,) = await house.fires(task)
        assert fire.state is FireState.FAILED
        assert "There is no time zone 'Europe/Berlin'" in fire.reason
        assert (await house.again(task)).next_at is None
    async with open_schedules(tmp_path, clock) as house:  # which knows it again
        await house.settle()
        assert (await house.again(task)).next_at == at("20 15:00")


async def test_jitter_puts_a_start_off_and_always_by_the_same(tmp_path: Path, clock: Clock) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *", jitter=600.0, misfire=Misfire.SKIP)
        assert task.schedule is not None
        due = at("20 14:00")
        start = starts_at(task.id, task.schedule, due)
        assert start == starts_at(task.id, task.schedule, due)
        assert 0 < (start - due).total_seconds() < 600
        clock.now = due
        seconds = await house.scheduler.look()
        assert await house.fires() == []
        assert seconds == min(30.0, (start - due).total_seconds())
        clock.now = start
        await house.settle()
        assert await house.told() == [("20 14:00", "started")]
        # A longer one reaches no further than to the next moment.
        far = replace(task.schedule, cron="* * * * *", jitter=3600.0)
        assert all(
            0 <= (starts_at(f"t{n}", far, due) - due).total_seconds() < 60 for n in range(50)
        )


async def test_a_task_that_is_executed_by_hand_meanwhile_is_not_miscounted(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_schedules(tmp_path, clock) as house:
        task = await house.task("0 * * * *")
        real = house.executions.prepare
        by_hand: list[str] = []

        async def interferes(*given: object) -> object:
            prepared = await real(*given)  # type: ignore[arg-type]
            if not by_hand:
                by_hand.append("")
                by_hand[0] = (await house.executions.execute(task.id, {})).id
            return prepared

        monkeypatch.setattr(house.executions, "prepare", interferes)
        clock.pass_(HOUR // 2)
        await house.settle()
        (fire,) = await house.fires()
        assert (fire.state, fire.reason) == (FireState.SKIPPED, f"Run {by_hand[0]} was not over.")
        assert (await house.again(task)).executions == 1
        async with house.store.transaction() as tx:
            assert (await tx.runs.get(by_hand[0])).state is RunState.RUNNING


def test_the_clock_of_these_tests_is_that_of_the_house(clock: Clock) -> None:
    assert clock_module.now() == clock.now == at("20 13:30")
