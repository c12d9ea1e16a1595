"""All jobs at one glance, on a real database: in which order they stand, and what is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.events import JobQueueChanged
from foredeck.services.domain.job_board import JobBoard
from foredeck.services.domain.jobs import BatchWish, JobWish, Priority
from foredeck.services.domain.states import JobState
from foredeck.services.jobs.job_board import board_of_all, board_of_batch
from tests.support.job_house import JobHouse, open_jobs


async def look(house: JobHouse, ended: int = 50) -> JobBoard:
    queries = house.store.queries
    return await board_of_all(queries, await queries.job_queue(1), ended, 600)


async def test_jobs_stand_as_their_turn_comes_and_the_ended_come_last(tmp_path: Path) -> None:
    wait = "until test -e go; do sleep 0.02; done"
    async with open_jobs(tmp_path, limit=1) as house:
        await house.ran("exit 3", name="first")
        await house.ran("true", name="second")
        at_work = await house.submit(wait, name="at work")
        await house.comes_to(at_work, JobState.IN_PROGRESS)
        for name, priority in (("low", "low"), ("normal", "normal"), ("critical", "critical")):
            await house.submit("true", name=name, priority=Priority(priority))
        await house.submit("true", name="held", hold=True, priority=Priority.CRITICAL)
        found = await look(house)
        assert [row.name for row in found.rows] == [
            *("at work", "critical", "normal", "low", "held", "second", "first")
        ]
        assert found.total == 7
        assert (found.queue.working, found.queue.queued) == (1, 3)
        # Of those that have ended, only the latest are there; of the others, all.
        assert [row.name for row in (await look(house, ended=1)).rows][-1] == "held"
        (house.workspace / "go").touch()
        await house.ended(at_work)
        for row in found.rows[1:4]:
            await house.ended(row.id)


async def test_what_people_decide_for_the_queue_is_told(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        events = house.bus.subscribe()
        await house.jobs.pause(paused=True)
        assert isinstance(await anext(events), JobQueueChanged)
        await house.jobs.limit(7)
        assert isinstance(await anext(events), JobQueueChanged)
        found = (await look(house)).queue
        assert found.limit == 7
        assert found.paused_at is not None


async def test_a_batch_stands_in_one_row_and_its_jobs_are_asked_for(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, limit=1) as house:
        await house.jobs.pause(paused=True)
        await house.submit("true", name="before")
        job = JobWish("many", project="demo", priority=Priority.HIGH)
        batch = await house.jobs.submit_batch(BatchWish(job, commands=("exit 1", "true")))
        found = await look(house)
        assert [row.name for row in found.rows] == ["many", "before"]
        assert found.rows[0].children == 2
        queries = house.store.queries
        inside = await board_of_batch(queries, found.queue, batch.id[:6], 600)
        assert sorted(row.name for row in inside.rows) == ["many (1/2)", "many (2/2)"]
        assert inside.batch is not None
        assert (inside.batch.pending, inside.total) == (2, 2)
        with pytest.raises(Conflict, match="no batch"):
            await board_of_batch(queries, found.queue, found.rows[1].id, 600)
        await house.jobs.pause(paused=False)
        await house.ended(batch.id)
        inside = await board_of_batch(queries, found.queue, batch.id, 600)
        assert {row.state for row in inside.rows} == {JobState.FAILED, JobState.COMPLETED}
        await house.ended(found.rows[1].id)
