"""What finished jobs have printed goes after some days; what is stored of them stays (SPEC J7)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from foredeck.services.domain.audit import AuditRow
from foredeck.services.domain.jobs import BatchWish, JobWish
from foredeck.services.domain.states import JobState
from foredeck.services.jobs import retention
from foredeck.services.jobs.executor import Handle
from foredeck.services.jobs.job_output import batch_results_of
from foredeck.services.jobs.local_executor import LocalExecutor
from foredeck.services.jobs.retention import JobRetention
from tests.support.job_house import JobHouse, open_jobs
from tests.support.process_table import mentioning
from tests.support.still_clock import Clock

DAY = 86_400
S = JobState


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert mentioning(str(tmp_path)) == []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@dataclass
class Pauses:
    """What a retention waits for; it goes on when a test says so."""

    asked: asyncio.Queue[float] = field(default_factory=asyncio.Queue)
    over: asyncio.Queue[None] = field(default_factory=asyncio.Queue)

    async def __call__(self, seconds: float) -> None:
        self.asked.put_nowait(seconds)
        await self.over.get()

    async def next(self) -> float:
        return await asyncio.wait_for(self.asked.get(), 60)


def keeping(house: JobHouse, days: int = 7, pause: Pauses | None = None) -> JobRetention:
    return JobRetention(house.store, house.bus, house.executor, days, pause or Pauses())


async def entries(house: JobHouse) -> list[AuditRow]:
    found = await house.store.queries.audit_after(0, 10_000)
    return [row for row in found if row.action == "job.remove_output"]


async def test_only_what_ended_long_ago_goes_and_its_record_stays(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_jobs(tmp_path) as house:
        old = await house.ran("echo old; echo no >&2; exit 3")
        works = await house.submit("until test -e go; do sleep 0.02; done; echo late")
        held = await house.submit("true", hold=True)
        never = await house.submit("true", hold=True)
        await house.jobs.cancel(never, "it never ran, so there is nothing to be removed")
        await house.comes_to(works, S.IN_PROGRESS)
        clock.pass_(6.9 * DAY)
        young = await house.ran("echo young")
        assert not await keeping(house).tidy()
        assert house.files(old.job.id).log.exists()
        clock.pass_(0.2 * DAY)
        assert not await keeping(house).tidy()

        assert not house.files(old.job.id).path.exists()
        shown = await house.detail(old.job.id)
        assert (shown.job.state, shown.job.exit_code) == (S.FAILED, 3)
        assert shown.failure is not None
        assert shown.failure.message == "no"
        result = await house.result(old.job.id)
        assert (result.output, result.errors, result.removed_at) == ("", "", clock.now)
        assert (await house.result(young.job.id)).output == "young\n"
        assert (await house.detail(held)).job.state is S.PENDING
        assert (await house.result(never)).removed_at is None
        (house.workspace / "go").touch()
        await house.ended(works)
        assert (await house.result(works)).output == "late\n"
        (entry,) = await entries(house)
        assert entry.after == '{"jobs": 1, "days": 7}'
        assert entry.description == "removed the output of 1 job that ended 7 days ago"
        assert not await keeping(house).tidy()
        assert len(await entries(house)) == 1


async def test_the_output_of_all_attempts_goes_and_that_of_a_later_one_is_kept(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_jobs(tmp_path) as house:
        job_id = (await house.ran("echo out; exit 1")).job.id
        await house.jobs.retry(job_id)
        await house.ended(job_id)
        clock.pass_(8 * DAY)
        await keeping(house).tidy()
        assert await house.executor.kept() == ()
        await house.jobs.retry(job_id)
        await house.ended(job_id)
        await keeping(house).tidy()
        result = await house.result(job_id)
        assert (result.output, result.removed_at) == ("out\n", None)
        assert await house.executor.kept() == (Handle(job_id, 3),)
        clock.pass_(8 * DAY)
        await keeping(house).tidy()
        assert await house.executor.kept() == ()


async def test_the_jobs_of_a_batch_lose_their_output_too(tmp_path: Path, clock: Clock) -> None:
    async with open_jobs(tmp_path) as house:
        wish = BatchWish(JobWish("many", project="demo"), ("echo 1", "echo 2; exit 1"))
        batch = await house.jobs.submit_batch(wish)
        await house.ended(batch.id)
        clock.pass_(8 * DAY)
        await keeping(house).tidy()
        assert await house.executor.kept() == ()
        async with house.store.transaction() as tx:
            ids = await tx.job_orders.children(batch.id, set(S))
        results = batch_results_of([await house.detail(one) for one in ids], house.executor)
        assert [(one.output, one.removed_at) for one in results] == [("", clock.now)] * 2
        assert (await house.detail(batch.id)).job.state is S.FAILED
        assert (await entries(house))[0].after == '{"jobs": 2, "days": 7}'


async def test_a_job_that_is_tried_again_meanwhile_keeps_its_new_output(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_jobs(tmp_path) as house:
        job_id = (await house.ran("echo out; exit 1")).job.id
        clock.pass_(8 * DAY)
        real = LocalExecutor.discard

        async def discard(self: LocalExecutor, handle: Handle) -> None:
            await real(self, handle)
            await house.jobs.retry(job_id)
            await house.ended(job_id)

        monkeypatch.setattr(LocalExecutor, "discard", discard)
        await keeping(house).tidy()
        result = await house.result(job_id)
        assert (result.output, result.removed_at) == ("out\n", None)


async def test_it_is_looked_at_once_and_then_daily_and_little_at_once(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    async with open_jobs(tmp_path) as house:
        for _ in range(3):
            await house.ran("echo out")
        clock.pass_(2 * DAY)
        pauses = Pauses()
        work = asyncio.create_task(keeping(house, 1, pauses).keep_up())
        assert await pauses.next() < 60
        assert len(await house.executor.kept()) == 1
        pauses.over.put_nowait(None)
        assert await pauses.next() == DAY
        assert await house.executor.kept() == ()
        await house.ran("echo out")
        clock.pass_(2 * DAY)
        pauses.over.put_nowait(None)
        assert await pauses.next() == DAY
        assert await house.executor.kept() == ()
        assert [row.after for row in await entries(house)] == [
            '{"jobs": 2, "days": 1}',
            '{"jobs": 1, "days": 1}',
            '{"jobs": 1, "days": 1}',
        ]
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


async def test_what_cannot_be_removed_is_told_and_tried_again(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_jobs(tmp_path) as house:
        stays, goes = (await house.ran("echo out")).job.id, (await house.ran("echo out")).job.id
        clock.pass_(8 * DAY)
        real = LocalExecutor.discard

        async def discard(self: LocalExecutor, handle: Handle) -> None:
            if handle.job_id != stays:  # as a directory without the right to write is passed over
                await real(self, handle)

        with monkeypatch.context() as patched:
            patched.setattr(LocalExecutor, "discard", discard)
            await keeping(house).tidy()
        assert [handle.job_id for handle in await house.executor.kept()] == [stays]
        assert any("1 old jobs cannot be removed" in text for text in house.notices())
        assert (await house.result(stays)).removed_at is None
        assert (await house.result(goes)).removed_at is not None
        await keeping(house).tidy()
        assert await house.executor.kept() == ()


async def test_what_cannot_be_removed_holds_up_nobody(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 1)
    async with open_jobs(tmp_path) as house:
        stays, _goes = sorted([(await house.ran("echo out")).job.id for _ in range(2)])
        clock.pass_(8 * DAY)
        real = LocalExecutor.discard

        async def discard(self: LocalExecutor, handle: Handle) -> None:
            if handle.job_id != stays:
                await real(self, handle)

        monkeypatch.setattr(LocalExecutor, "discard", discard)
        keeper = keeping(house)
        assert [await keeper.tidy() for _ in range(3)] == [True, True, False]
        assert [handle.job_id for handle in await house.executor.kept()] == [stays]
        assert await keeper.tidy()  # from the beginning: that one is tried again


async def test_a_failure_is_told_and_not_the_last_try(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_jobs(tmp_path) as house:
        await house.ran("echo out")
        clock.pass_(8 * DAY)

        async def discard(_self: LocalExecutor, _handle: Handle) -> None:
            raise OSError("broken")

        pauses = Pauses()
        with monkeypatch.context() as patched:
            patched.setattr(LocalExecutor, "discard", discard)
            work = asyncio.create_task(keeping(house, 7, pauses).keep_up())
            assert await pauses.next() == DAY
        assert any("could not be removed: broken" in text for text in house.notices())
        pauses.over.put_nowait(None)
        assert await pauses.next() == DAY
        assert await house.executor.kept() == ()
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
