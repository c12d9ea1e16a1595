"""What a client may ask and do about schedules."""

from __future__ import annotations

from pathlib import Path

import pytest

from foredeck.services.domain.errors import InvalidInput, NotFound
from foredeck.services.host.schedule_handlers import ScheduleCommands, ScheduleQueries
from foredeck.services.host.task_requests import (
    GetScheduleBoard,
    ListFires,
    PauseSchedules,
    PreviewSchedule,
)
from tests.support.schedule_house import ScheduleHouse, at, open_schedules
from tests.support.still_clock import Clock


def _queries(house: ScheduleHouse) -> ScheduleQueries:
    return ScheduleQueries(house.store, runs=True)


async def test_a_preview_counts_in_the_zone_and_names_every_mistake(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    async with open_schedules(tmp_path, clock) as house:
        queries = _queries(house)
        found = await queries.preview(PreviewSchedule("0 9 * * *", "Europe/Berlin", 2))
        assert found == ("2026-11-21T09:00:00+01:00", "2026-11-22T09:00:00+01:00")
        here = await queries.preview(PreviewSchedule("0 9 * * *", count=1))
        assert here == ("2026-11-21T09:00:00+05:45",)
        with pytest.raises(InvalidInput, match=r"minute '60'.*There is no time zone 'nowhere'"):
            await queries.preview(PreviewSchedule("60 * * * *", "nowhere"))
        for count in (0, 1001):
            with pytest.raises(InvalidInput, match="1 to 1000 due times"):
                await queries.preview(PreviewSchedule("@daily", "UTC", count))


async def test_the_board_and_the_pages(tmp_path: Path, clock: Clock) -> None:
    async with open_schedules(tmp_path, clock) as house:
        queries = _queries(house)
        assert (await queries.board(GetScheduleBoard())).next_at is None
        late = await house.task("0 * * * *", name="late")
        soon = await house.task("45 13 * * *", name="soon")
        board = await queries.board(GetScheduleBoard())
        assert (board.next_task_id, board.next_task_name) == (soon.id, "soon")
        assert (board.next_at, board.scheduled, board.runs) == (at("20 13:45"), 2, True)
        for _ in range(3):
            clock.pass_(3600)
            await house.settle()
        page = await queries.fires(ListFires(limit=2))
        assert (len(page.items), page.total) == (2, 4)
        mine = await queries.fires(ListFires("late"))
        assert {row.task_id for row in mine.items} == {late.id}
        assert [row.due_at.hour for row in mine.items] == [16, 15, 14]
        rest = await queries.fires(ListFires("late", limit=2, offset=2))
        assert [row.due_at.hour for row in rest.items] == [14]
        with pytest.raises(NotFound):
            await queries.fires(ListFires("nobody"))
        with pytest.raises(InvalidInput):
            await queries.fires(ListFires(limit=0))


async def test_to_pause_what_is_paused_changes_nothing(tmp_path: Path, clock: Clock) -> None:
    async with open_schedules(tmp_path, clock) as house:
        commands = ScheduleCommands(house.store, _queries(house))
        first = await commands.pause(PauseSchedules())
        clock.pass_(60)
        assert await commands.pause(PauseSchedules()) == first
        assert (await commands.pause(PauseSchedules(paused=False))).paused_at is None
        await commands.pause(PauseSchedules(paused=False))
        assert len(await house.audited("scheduler.pause")) == 1
        assert len(await house.audited("scheduler.resume")) == 1
