"""Batches stand where their jobs stand: counts, ends, stops, retries, with real processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.domain.errors import Conflict, InvalidInput
from foredeck.services.domain.job_views import BatchStatus
from foredeck.services.domain.jobs import BatchWish, JobWish, Priority
from foredeck.services.domain.states import JobState
from foredeck.services.jobs.job_output import batch_results_of
from foredeck.services.store.jobs import JobFilter
from foredeck.services.store.unit import Unit
from tests.support.house import PATIENCE, until
from tests.support.job_house import JobHouse, open_jobs
from tests.support.process_table import mentioning

S = JobState
WAIT = "until test -e go; do sleep 0.02; done"


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert mentioning(str(tmp_path)) == []


async def submit(
    house: JobHouse, *commands: str, stop_after: int | None = None, hold: bool = False, **job: Any
) -> str:
    """Submit a batch in the project `demo` and return its id."""
    wish = BatchWish(JobWish("work", project="demo", **job), commands, stop_after=stop_after)
    return (await house.jobs.submit_batch(wish, hold=hold)).id


async def children(house: JobHouse, batch: str) -> list[str]:
    return [row.id for row in (await house.store.queries.jobs(JobFilter(batch=batch), 1000)).items]


async def states(house: JobHouse, batch: str) -> list[JobState]:
    rows = (await house.store.queries.jobs(JobFilter(batch=batch), 1000)).items
    return [row.state for row in rows]


async def until_attempt(house: JobHouse, job: str, attempt: int) -> None:
    """Wait until that attempt of a job has ended."""
    events = house.bus.subscribe()
    async with asyncio.timeout(PATIENCE):
        while True:
            row = (await house.detail(job)).job
            if row.attempt == attempt and row.ended_at:
                return
            await anext(events)


async def ended(house: JobHouse, batch: str) -> BatchStatus:
    await house.ended(batch)
    return await house.store.queries.batch(batch)


async def test_a_batch_is_completed_when_all_of_its_jobs_are(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, limit=2) as house:
        wish = BatchWish(
            JobWish("work", project="demo", type="export_data", priority=Priority.HIGH),
            ("echo one", f"echo two; {WAIT}"),
            (("echo", "three; four"),),
        )
        batch = (await house.jobs.submit_batch(wish)).id
        first, second, third = await children(house, batch)
        await house.ended(first)
        await house.ended(third)
        status = await house.store.queries.batch(batch)
        assert (status.state, status.total, status.completed, status.running, status.pending) == (
            (S.IN_PROGRESS, 3, 2, 1, 0)
        )
        assert round(status.progress) == 67
        assert not status.is_complete
        (house.workspace / "go").touch()
        status = await ended(house, batch)
        assert (status.state, status.completed, status.progress) == (S.COMPLETED, 3, 100)
        assert status.is_complete
        assert not status.has_failures
        assert None not in (status.started_at, status.ended_at)

        details = [await house.detail(one) for one in (first, second, third)]
        assert [one.job.name for one in details] == ["work (1/3)", "work (2/3)", "work (3/3)"]
        assert {one.job.type for one in details} == {"export_data"}
        results = batch_results_of(details, house.executor)
        assert [(one.index, one.output) for one in results] == [
            (1, "one\n"),
            (2, "two\n"),
            (3, "three; four\n"),
        ]
        page = await house.store.queries.jobs()
        assert [(row.id, row.children) for row in page.items] == [(batch, 3)]


async def test_failures_fail_the_batch_and_can_be_tried_again(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        batch = await submit(house, "true", "test -e fixed", "exit 3", "sleep 60", timeout=1.0)
        status = await ended(house, batch)
        assert (status.state, status.completed, status.failed, status.timeout) == (
            S.FAILED,
            1,
            2,
            1,
        )
        assert status.has_failures
        failure = (await house.detail(batch)).failure
        assert failure is not None
        assert f"retry-failed {batch}" not in failure.message
        (house.workspace / "fixed").touch()
        again = await house.jobs.retry(batch)
        assert (again.state, again.ended_at) == (S.QUEUED, None)
        status = await ended(house, batch)
        assert (status.completed, status.failed, status.timeout) == (2, 1, 1)
        attempts = [(await house.detail(one)).job.attempt for one in await children(house, batch)]
        assert attempts == [1, 2, 2, 2]

        (second,) = (await children(house, batch))[2:3]
        await house.jobs.retry(second)  # one alone takes its batch along
        assert (await ended(house, batch)).state is S.FAILED
        assert (await house.detail(second)).job.attempt == 3


async def test_a_batch_without_failures_has_nothing_to_try_again(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        fine = await submit(house, "true")
        await ended(house, fine)
        with pytest.raises(Conflict, match="No job of batch"):
            await house.jobs.retry(fine)
        spent = await submit(house, "false", max_retries=0)
        await ended(house, spent)
        with pytest.raises(Conflict, match="no retries left"):
            await house.jobs.retry(spent)


async def test_after_so_many_failures_no_more_begin(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, limit=1) as house:
        batch = await submit(house, "true", "false", "false", *["touch never"] * 5, stop_after=2)
        status = await ended(house, batch)
        assert (status.state, status.completed, status.failed) == (S.FAILED, 1, 2)
        assert status.cancelled == 5
        assert not (house.workspace / "never").exists()
        last = await house.job((await children(house, batch))[-1])
        assert last.state is S.CANCELLED


async def test_a_failure_counts_once_it_has_no_retry_left_and_then_nothing_is_tried_again(
    tmp_path: Path,
) -> None:
    async with open_jobs(tmp_path, limit=2) as house:
        batch = await submit(
            house,
            "false",
            f"{WAIT}; false",
            "true",
            stop_after=1,
            auto_retry=True,
            max_retries=1,
        )
        first, second, third = await children(house, batch)
        await until_attempt(house, first, 2)
        assert (await house.ended(first)).job.state is S.FAILED
        (house.workspace / "go").touch()
        status = await ended(house, batch)
        assert (status.completed, status.failed, status.cancelled) == (1, 2, 0)
        assert [(await house.job(one)).attempt for one in (first, second, third)] == [2, 1, 1]


async def test_cancelling_ends_what_works_and_what_waits(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, limit=2) as house:
        deaf = f"trap '' TERM; touch up; {WAIT}"
        batch = await submit(house, "true", deaf, deaf, "touch never", auto_retry=True)
        await until((house.workspace / "up").exists, "they work")
        cancelled = await house.jobs.cancel(batch, "not now")
        assert cancelled.state is S.CANCELLED
        status = await house.store.queries.batch(batch)
        assert (status.state, status.reason, status.cancelled) == (S.CANCELLED, "not now", 3)
        assert not (house.workspace / "never").exists()
        with pytest.raises(Conflict, match="cancelled already"):
            await house.jobs.cancel(batch, "again")
        with pytest.raises(Conflict, match="was cancelled"):
            await house.jobs.retry(batch)


async def test_a_held_batch_waits_until_it_is_executed(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        batch = await submit(house, "echo a >> made", "echo b >> made", hold=True)
        assert await states(house, batch) == [S.PENDING] * 2
        assert await house.state(batch) is S.PENDING
        await house.jobs.execute((await children(house, batch))[0])  # one of it
        assert await house.state(batch) in {S.QUEUED, S.IN_PROGRESS}
        await house.ended((await children(house, batch))[0])
        assert await house.state(batch) is S.IN_PROGRESS
        for held in (await children(house, batch))[1:]:
            await house.jobs.execute(held)
        assert (await ended(house, batch)).state is S.COMPLETED

        other = await submit(house, "true", "true", hold=True)
        await house.jobs.execute(other)
        assert (await ended(house, other)).completed == 2


async def test_a_batch_whose_jobs_were_all_cancelled_is_cancelled(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        await house.jobs.pause(paused=True)
        batch = await submit(house, "true", "true")
        for one in await children(house, batch):
            await house.jobs.cancel(one, "no")
        assert (await ended(house, batch)).state is S.CANCELLED


async def test_the_priority_of_a_batch_is_that_of_what_waits_of_it(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        await house.jobs.pause(paused=True)
        batch = await submit(house, "true", "true")
        await house.jobs.prioritise(batch, Priority.CRITICAL)
        rows = (await house.store.queries.jobs(JobFilter(batch=batch))).items
        assert {row.priority for row in rows} == {Priority.CRITICAL}
        assert (await house.store.queries.batch(batch)).priority is Priority.CRITICAL
        await house.jobs.pause(paused=False)
        await ended(house, batch)
        with pytest.raises(Conflict, match="changes nothing now"):
            await house.jobs.prioritise(batch, Priority.LOW)


async def test_nothing_of_a_batch_with_a_mistake_is_stored(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        job = JobWish("work", project="demo")
        for wish, words in (
            (BatchWish(job), "at least one command"),
            (BatchWish(job, ("true",) * 1001), "1,001 commands; 1,000 are possible"),
            (BatchWish(job, ("true", " ", " ")), "Command 2 and 1 others: There is no command"),
            (BatchWish(replace(job, timeout=0), ("a", "b")), "^The timeout has to be"),
            (BatchWish(replace(job, name="x" * 255), ("a",)), "249 are possible"),
            (BatchWish(job, ("true",), stop_after=0), "not after 0"),
        ):
            with pytest.raises(InvalidInput, match=words):
                await house.jobs.submit_batch(wish)
        assert (await house.store.queries.jobs()).total == 0


async def test_a_job_of_a_batch_is_no_batch(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        alone = await house.submit("true")
        with pytest.raises(Conflict, match="is no batch"):
            await house.store.queries.batch(alone)
        await house.ended(alone)


async def test_the_next_host_goes_on_with_a_batch(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, limit=1) as house:
        batch = await submit(house, f"touch up; {WAIT}; echo 1 >> made", "echo 2 >> made")
        await until((house.workspace / "up").exists, "it works")
    async with open_jobs(tmp_path, limit=1) as house:
        assert await states(house, batch) == [S.IN_PROGRESS, S.QUEUED]
        (house.workspace / "go").touch()
        assert (await ended(house, batch)).state is S.COMPLETED
        assert (house.workspace / "made").read_text() == "1\n2\n"


async def test_a_host_that_died_while_it_cancelled_is_followed_by_one_that_does(
    tmp_path: Path,
) -> None:
    async with open_jobs(tmp_path, limit=2) as house:
        batch = await submit(house, f"touch up; {WAIT}", f"touch up; {WAIT}", "touch never")
        await until((house.workspace / "up").exists, "they work")
        await house.jobs._records.cancel_waiting(batch, "no more")  # and not a step further
    async with open_jobs(tmp_path, limit=2) as house:
        status = await ended(house, batch)
        assert (status.state, status.reason, status.cancelled) == (S.CANCELLED, "no more", 3)
        assert not (house.workspace / "never").exists()


async def test_many_jobs_end_while_the_batch_is_cancelled(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, limit=8) as house:
        batch = await submit(house, *("echo x >> effects",) * 60)
        await asyncio.sleep(0)
        outcome = await asyncio.gather(house.jobs.cancel(batch, "race"), return_exceptions=True)
        assert not [one for one in outcome if isinstance(one, BaseException)]
        status = await ended(house, batch)
        assert status.state is S.CANCELLED
        assert status.completed + status.cancelled == 60
        effects = house.workspace / "effects"
        lines = effects.read_text().splitlines() if effects.exists() else []
        assert len(lines) >= status.completed


async def test_a_large_batch_lets_the_others_on_the_loop_have_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn, seen, record = 0, set[int](), Unit.record

    async def noted(self: Unit, *of: Any) -> None:
        seen.add(turn)
        await record(self, *of)

    async def turns_of(work: Awaitable[object]) -> int:
        """Count the turns of the loop over which the rows of a thousand jobs are written."""
        nonlocal turn
        seen.clear()
        task = asyncio.ensure_future(work)
        while not task.done():
            turn += 1
            await asyncio.sleep(0)
        await task
        return len(seen)

    monkeypatch.setattr(Unit, "record", noted)
    async with open_jobs(tmp_path, recover=False) as house:
        jobs, wish = house.jobs, BatchWish(JobWish("work", project="demo"), ("true",) * 1000)
        assert await turns_of(jobs.submit_batch(wish, hold=True)) >= 50
        (batch,) = (await house.store.queries.jobs()).items
        assert await turns_of(jobs.execute(batch.id)) >= 50
        assert await turns_of(jobs.cancel(batch.id, "enough")) >= 50
        assert set(await states(house, batch.id)) == {S.CANCELLED}


async def test_a_held_retry_holds_its_batch_until_it_is_queued_or_cancelled(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        batch = await submit(house, "true", "false", "false")
        await ended(house, batch)
        _, second, third = await children(house, batch)
        await house.jobs.retry(second, hold=True)
        assert (await house.detail(batch)).job.state is S.PENDING
        await house.jobs.cancel(second, "no more of that")
        status = await ended(house, batch)
        assert (status.state, status.failed, status.cancelled) == (S.FAILED, 1, 1)

        await house.jobs.retry(batch, hold=True)
        assert await states(house, batch) == [S.COMPLETED, S.CANCELLED, S.PENDING]
        assert await house.state(batch) is S.PENDING
        await house.jobs.execute(third)
        assert (await ended(house, batch)).state is S.FAILED
        assert (await house.job(third)).attempt == 2
