"""The loop sleeps as long as it may, and is woken by what matters; time is the test's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from foredeck.services.domain.errors import StorageFull
from foredeck.services.domain.events import Event, NoticeRaised
from foredeck.services.event_bus import EventBus
from foredeck.services.scheduling.scheduler import LONGEST_WAIT, wait_for
from tests.support.schedule_house import ScheduleHouse, open_schedules
from tests.support.still_clock import Clock

PATIENCE = 60


@dataclass
class Waits:
    """What the loop waits for: it is over when the test says so, or when something wakes it."""

    asked: asyncio.Queue[float] = field(default_factory=asyncio.Queue)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, wake: asyncio.Event, seconds: float) -> None:
        self.asked.put_nowait(seconds)
        ways = {asyncio.create_task(wake.wait()), asyncio.create_task(self.over.wait())}
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        self.over.clear()

    async def until(self, seconds: float) -> None:
        """Wait until the loop waits for so long."""
        async with asyncio.timeout(PATIENCE):
            while await self.asked.get() != seconds:
                pass


async def answered(house: ScheduleHouse, count: int) -> None:
    events = house.bus.subscribe()
    async with asyncio.timeout(PATIENCE):
        while len(await house.fires()) < count:
            await anext(events)
    await events.aclose()


async def test_it_sleeps_until_the_next_moment_and_never_for_long(
    tmp_path: Path, clock: Clock
) -> None:
    waits = Waits()
    async with open_schedules(tmp_path, clock, wait=waits) as house:
        await house.task("0 * * * *")
        house.scheduler.start()
        await waits.until(LONGEST_WAIT)
        clock.pass_(1800 - 7)
        waits.over.set()
        await waits.until(7.0)
        clock.pass_(7)
        waits.over.set()
        await answered(house, 1)
        await waits.until(LONGEST_WAIT)
        assert await house.told() == [("20 14:00", "started")]


async def test_a_leap_of_the_clock_is_seen_with_the_next_look(tmp_path: Path, clock: Clock) -> None:
    waits = Waits()
    async with open_schedules(tmp_path, clock, wait=waits) as house:
        await house.task("0 0 * * *")
        house.scheduler.start()
        await waits.until(LONGEST_WAIT)
        clock.pass_(86_400)  # a laptop has slept
        waits.over.set()
        await answered(house, 1)
        assert await house.told() == [("21 00:00", "started")]


async def test_a_new_task_a_resume_and_the_end_of_a_run_wake_it(
    tmp_path: Path, clock: Clock
) -> None:
    waits = Waits()
    async with open_schedules(tmp_path, clock, wait=waits) as house:
        house.scheduler.start()
        await waits.until(LONGEST_WAIT)
        clock.pass_(1800 - 5)
        await house.task("0 * * * *", overlap="queue")
        await waits.until(5.0)
        await house.pause()
        await waits.until(LONGEST_WAIT)
        clock.pass_(6)
        await house.pause(paused=False)
        await answered(house, 1)
        clock.pass_(3600)
        waits.over.set()
        await answered(house, 2)
        assert [state for _, state in await house.told()] == ["started", "queued"]
        events = house.bus.subscribe()
        await house.end(house.starts.started[0])
        async with asyncio.timeout(PATIENCE):
            while [state for _, state in await house.told()] != ["started", "started"]:
                await anext(events)


async def test_trouble_is_told_once_and_tried_again(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = Waits()
    async with open_schedules(tmp_path, clock, wait=waits) as house:
        await house.task("0 * * * *")
        clock.pass_(1800)

        async def full(*given: object) -> None:
            raise StorageFull("The disk is full.")

        with monkeypatch.context() as patch:
            patch.setattr(house.executions, "prepare", full)
            house.scheduler.start()
            for _ in range(3):
                await waits.until(LONGEST_WAIT)
                waits.over.set()
            await waits.until(LONGEST_WAIT)
        notices = [event for event in recent(house.bus) if isinstance(event, NoticeRaised)]
        assert len(notices) == 1
        assert "The disk is full. It is tried again." in notices[0].message
        waits.over.set()
        await answered(house, 1)
        assert await house.told() == [("20 14:00", "started")]


def recent(bus: EventBus) -> list[Event]:
    return list(bus._recent)


async def test_to_wait_ends_with_the_time_or_with_the_event() -> None:
    wake = asyncio.Event()
    await wait_for(wake, 0.0)
    wake.set()
    await asyncio.wait_for(wait_for(wake, 3600.0), PATIENCE)


async def test_closing_lets_the_start_under_way_come_to_its_end(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = Waits()
    async with open_schedules(tmp_path, clock, wait=waits) as house:
        task = await house.task("0 * * * *")
        clock.pass_(1800)
        reached, go = asyncio.Event(), asyncio.Event()
        real = house.executions.start

        async def slow(run_id: str) -> None:
            reached.set()
            await go.wait()
            await real(run_id)

        monkeypatch.setattr(house.executions, "start", slow)
        house.scheduler.start()
        await asyncio.wait_for(reached.wait(), PATIENCE)
        closing = asyncio.create_task(house.scheduler.close())
        await asyncio.sleep(0)
        go.set()
        await closing
        assert house.starts.started == [run.id for run in await house.runs(task)]
