"""A job is cancelled, retried, paused … at the very moment at which something else becomes of it.

Where it matters who is first, the executor is held up there. However it ends: one end is stored,
everybody is told the same, and no process is left.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.jobs import Priority
from foredeck.services.domain.records import Job
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.jobs.job_moves import JobMoves
from foredeck.services.jobs.processes import find_marked
from foredeck.services.store.store import Store
from tests.support import gated_executor as at
from tests.support.gated_executor import GatedExecutor
from tests.support.house import until
from tests.support.job_house import JobHouse, open_jobs
from tests.support.process_table import mentioning

S = JobState
PATIENCE = 60.0
WAIT = "until test -e go; do sleep 0.02; done"
STUBBORN = "trap '' TERM; touch up; sleep 300; :"


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert mentioning(str(tmp_path)) == []


@asynccontextmanager
async def gated(base: Path, **fields: float) -> AsyncIterator[tuple[JobHouse, GatedExecutor]]:
    limit = int(fields.get("limit", 4))
    async with open_jobs(base, limit=limit, grace=0.2, executes=GatedExecutor) as house:
        assert isinstance(house.executor, GatedExecutor)
        yield house, house.executor


async def endings(store: Store, job_id: str) -> list[str]:
    """Return the final states that a job has come to, in their order."""
    async with store.transaction() as tx:
        rows = await tx._unit.link.rows(
            "SELECT new FROM transition WHERE entity_id = ? ORDER BY rowid", (job_id,)
        )
    return [row[0] for row in rows if row[0] in FINAL_JOBS]


async def under_way(work: Awaitable[Job]) -> asyncio.Task[Job]:
    """Let something begin, as far as it comes without anybody else."""
    task = asyncio.ensure_future(work)
    for _ in range(50):
        await asyncio.sleep(0)
    assert isinstance(task, asyncio.Task)
    return task


async def come_to(gate: at.Gate) -> None:
    await asyncio.wait_for(gate.reached.wait(), PATIENCE)


async def asked_to_end(house: JobHouse, job_id: str) -> None:
    """Wait until whoever cancels a job has told it so."""
    await until(lambda: house.jobs._work[job_id].reason is not None, "the cancellation")


@pytest.mark.parametrize("place", [at.BEFORE_START, at.AFTER_START])
async def test_cancelled_while_it_is_started(tmp_path: Path, place: str) -> None:
    async with gated(tmp_path) as (house, executor), executor.held(place) as gate:
        job_id = await house.submit(STUBBORN)
        await come_to(gate)
        cancelling = await under_way(house.jobs.cancel(job_id, "race"))
        await asked_to_end(house, job_id)
        assert not cancelling.done()
        gate.open.set()
        assert (await cancelling).state is S.CANCELLED
        assert await endings(house.store, job_id) == ["cancelled"]
        assert find_marked(job_id) == []


@pytest.mark.parametrize(
    ("command", "fields", "state"),
    [
        ("true", {}, S.COMPLETED),
        ("exit 3", {}, S.FAILED),
        ("sleep 300", {"timeout": 1}, S.TIMEOUT),
    ],
)
async def test_cancelled_when_its_end_was_seen_and_not_stored(
    tmp_path: Path, command: str, fields: dict[str, float], state: JobState
) -> None:
    async with gated(tmp_path) as (house, executor), executor.held(at.AFTER_END) as gate:
        job_id = await house.submit(command, **fields)
        await come_to(gate)
        with pytest.raises(Conflict, match=f"is {state} already"):
            await house.jobs.cancel(job_id, "too late")
        assert await endings(house.store, job_id) == [state.value]


async def test_cancelled_while_its_end_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, real = at.Gate(), Store.durably

    async def durably(self: Store, write: Callable[[], Awaitable[object]]) -> object:
        if house.jobs._endings._waiting or any(work.ending for work in house.jobs._work.values()):
            await gate.pass_()
        return await real(self, write)

    async with gated(tmp_path) as (house, _executor):
        monkeypatch.setattr(Store, "durably", durably)
        job_id = await house.submit("true")
        await come_to(gate)
        cancelling = await under_way(house.jobs.cancel(job_id, "too late"))
        assert not cancelling.done()
        gate.open.set()
        with pytest.raises(Conflict, match="is completed already"):
            await cancelling
        assert await endings(house.store, job_id) == ["completed"]


@pytest.mark.parametrize("dies", ["before", "meanwhile"])
async def test_cancelled_while_what_watches_over_it_dies(tmp_path: Path, dies: str) -> None:
    place = at.AFTER_END if dies == "before" else at.BEFORE_CANCEL
    async with gated(tmp_path) as (house, executor):
        job_id = await house.submit(f"(setsid sleep 300 &); {STUBBORN}")
        await until((house.workspace / "up").exists, "the job")
        async with executor.held(place) as gate:
            if dies == "before":
                kill_what_watches(house, job_id)
                await come_to(gate)
                cancelling = await under_way(house.jobs.cancel(job_id, "race"))
            else:
                cancelling = await under_way(house.jobs.cancel(job_id, "race"))
                await come_to(gate)
                kill_what_watches(house, job_id)
            gate.open.set()
            with suppress(Conflict):  # it was lost before
                await cancelling
        (ending,) = await endings(house.store, job_id)
        assert ending in {"cancelled", "lost"}
        assert cancelling.exception() is None or ending == "lost"
        assert find_marked(job_id) == []


def kill_what_watches(house: JobHouse, job_id: str) -> None:
    carrier = house.files(job_id).carrier
    if carrier is not None:
        with suppress(ProcessLookupError):
            os.kill(carrier.pid, signal.SIGKILL)


async def test_two_cancel_it_and_the_reason_is_that_of_the_first(tmp_path: Path) -> None:
    async with gated(tmp_path) as (house, executor), executor.held(at.BEFORE_CANCEL) as gate:
        job_id = await house.submit(STUBBORN)
        await until((house.workspace / "up").exists, "the job")
        one = await under_way(house.jobs.cancel(job_id, "one"))
        await come_to(gate)
        two = await under_way(house.jobs.cancel(job_id, "two"))
        gate.open.set()
        assert [(await one).state, (await two).state] == [S.CANCELLED] * 2
        assert await endings(house.store, job_id) == ["cancelled"]
        async with house.store.transaction() as tx:
            rows = await tx._unit.link.rows(
                "SELECT reason FROM transition WHERE entity_id = ? AND new = 'cancelled'", (job_id,)
            )
            assert (await tx.job_orders.get(job_id)).cancel_reason == "one"
        assert rows == [("one",)]


async def test_cancelled_and_retried_at_once(tmp_path: Path) -> None:
    async with gated(tmp_path) as (house, _executor):
        command = f"echo w >> tries; test $(wc -l < tries) = 1 && exit 1; {WAIT}"
        job_id = (await house.ran(command)).job.id
        retry, cancel = await asyncio.gather(
            house.jobs.retry(job_id), house.jobs.cancel(job_id, "race"), return_exceptions=True
        )
        (house.workspace / "go").touch()
        done = await house.ended(job_id)
        assert isinstance(retry, Job)
        assert done.job.attempt == 2
        assert done.job.state is (S.CANCELLED if isinstance(cancel, Job) else S.COMPLETED)
        assert isinstance(cancel, (Job, Conflict))
        assert await endings(house.store, job_id) == ["failed", done.job.state.value]


async def test_cancelled_when_it_would_be_tried_again_by_itself(tmp_path: Path) -> None:
    async with gated(tmp_path) as (house, executor), executor.held(at.AFTER_END) as gate:
        job_id = await house.submit("exit 1", auto_retry=True, max_retries=10)
        await come_to(gate)
        with suppress(Conflict):  # it has failed for the last time
            await house.jobs.cancel(job_id, "enough")
        state = (await house.ended(job_id)).job.state
        assert state in {S.CANCELLED, S.FAILED}
        ended = await endings(house.store, job_id)
        assert ended[:-1] == ["failed"] * (len(ended) - 1)
        assert ended[-1] == state.value


async def test_what_is_being_started_keeps_its_priority_and_is_not_stopped_by_a_pause(
    tmp_path: Path,
) -> None:
    async with gated(tmp_path, limit=1) as (house, executor):
        async with executor.held(at.BEFORE_START) as gate:
            job_id = await house.submit("echo w")
            waits = await house.submit("true")
            await come_to(gate)
            with pytest.raises(Conflict, match="its priority changes nothing now"):
                await house.jobs.prioritise(job_id, Priority.CRITICAL)
            await house.jobs.pause(paused=True)
        # Its end and the next start are one decision, so that is settled when it has ended.
        assert (await house.ended(job_id)).job.state is S.COMPLETED
        assert await house.state(waits) is S.QUEUED
        await house.jobs.pause(paused=False)
        assert (await house.ended(waits)).job.state is S.COMPLETED


@pytest.mark.parametrize("yields", [0, 1, 3, 8, 20])
async def test_raised_paused_and_resumed_around_its_start_it_runs_once(
    tmp_path: Path, yields: int
) -> None:
    async with gated(tmp_path) as (house, _executor):
        low = {"priority": Priority.LOW}
        ids = [await house.submit(f"echo w >> effects-{n}", **low) for n in range(4)]
        for _ in range(yields):
            await asyncio.sleep(0)
        await asyncio.gather(
            house.jobs.pause(paused=True),
            *(house.jobs.prioritise(one, Priority.CRITICAL) for one in ids),
            house.jobs.pause(paused=False),
            return_exceptions=True,
        )
        for number, job_id in enumerate(ids):
            assert (await house.ended(job_id)).job.state is S.COMPLETED
            assert (house.workspace / f"effects-{number}").read_text() == "w\n"


async def test_cancelled_before_anything_of_it_was_started_nothing_of_it_runs(
    tmp_path: Path,
) -> None:
    async with open_jobs(tmp_path, recover=False) as house:
        job_id = await house.submit("touch ran")
        async with house.store.transaction() as tx:  # as a host leaves it that dies right then
            await JobMoves(house.executor).begin(tx, job_id)
        assert (await house.jobs.cancel(job_id, "too late")).state is S.CANCELLED
        assert not house.files(job_id).path.exists()
        assert await endings(house.store, job_id) == ["cancelled"]


async def test_what_was_begun_before_the_others_are_taken_up_is_followed_once(
    tmp_path: Path,
) -> None:
    async with open_jobs(tmp_path, recover=False) as house:
        job_id = await house.submit(WAIT, now=True)
        await until(lambda: house.files(job_id).was_started, "its start")
        await house.jobs.recover()
        (house.workspace / "go").touch()
        await house.ended(job_id)
        assert (await house.ran("true")).job.state is S.COMPLETED
        assert await endings(house.store, job_id) == ["completed"]
        assert house.notices() == []


async def test_what_is_begun_while_the_house_closes_is_let_go_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, real = at.Gate(), Store.durably

    async def durably(self: Store, write: Callable[[], Awaitable[object]]) -> object:
        found = await real(self, write)
        await gate.pass_()
        return found

    async with gated(tmp_path) as (house, executor), executor.held(at.BEFORE_START) as start:
        one = await house.submit("sleep 300")
        await come_to(start)
        monkeypatch.setattr(Store, "durably", durably)
        two = await house.submit("sleep 300")
        await come_to(gate)
        closing = asyncio.create_task(house.jobs.close())
        gate.open.set()
        await until(lambda: two in house.jobs._work, "the next one")
        start.open.set()
        await asyncio.wait_for(closing, PATIENCE)
        assert house.jobs.working == 0
    async with open_jobs(tmp_path, grace=0.2) as house:
        for job_id in (one, two):
            assert (await house.jobs.cancel(job_id, "enough")).state is S.CANCELLED


COMMANDS = ("true", "exit 1", "sleep 0.05", "sleep 300", STUBBORN, "(setsid sleep 300 &); exit 2")


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_is_done_to_jobs_at_whatever_moment(tmp_path: Path, seed: int) -> None:
    """Many hands at once, each with its own order; what holds in the end is always the same."""
    dice = random.Random(seed)
    async with gated(tmp_path, limit=3) as (house, _executor):
        ids = []
        for number in range(8):
            command = f"echo w | tee -a effects-{number}; {dice.choice(COMMANDS)}"
            chance = {"auto_retry": dice.random() < 0.3, "timeout": dice.choice([1, 3600])}
            ids.append(await house.submit(command, max_retries=2, **chance))
        await asyncio.gather(*(_meddle(house, ids, random.Random(f"{seed} {n}")) for n in range(5)))
        await house.jobs.pause(paused=False)
        await house.jobs.limit(8)
        for job_id in ids:
            with suppress(Conflict):
                await house.jobs.cancel(job_id, "the end")
        await until(lambda: house.jobs.working == 0, "the end of all work")
        for number, job_id in enumerate(ids):
            job = await house.job(job_id)
            ended = await endings(house.store, job_id)
            assert job.state in FINAL_JOBS
            assert (len(ended), ended[-1]) == (job.attempt, job.state.value)
            effects = house.workspace / f"effects-{number}"
            assert len(effects.read_text().splitlines() if effects.exists() else []) <= job.attempt
            assert find_marked(job_id) == []
        assert (await house.store.queries.job_queue(3)).queued == 0
        assert house.notices() == [text for text in house.notices() if "is lost" in text]


async def _meddle(house: JobHouse, ids: list[str], dice: random.Random) -> None:
    jobs = house.jobs
    for _ in range(12):
        for _ in range(dice.randrange(200)):
            await asyncio.sleep(0)
        job_id = dice.choice(ids)
        does: list[Callable[[], Awaitable[object]]] = [
            lambda job_id=job_id: jobs.cancel(job_id, "meddled with"),  # type: ignore[misc]
            lambda job_id=job_id: jobs.retry(job_id),  # type: ignore[misc]
            lambda job_id=job_id: jobs.prioritise(job_id, dice.choice(list(Priority))),  # type: ignore[misc]
            lambda: jobs.pause(paused=dice.random() < 0.3),
            lambda: jobs.limit(dice.randint(1, 8)),
            lambda job_id=job_id: _crash(house, job_id),  # type: ignore[misc]
        ]
        with suppress(Conflict):  # it stands elsewhere by now
            await dice.choice(does)()


async def _crash(house: JobHouse, job_id: str) -> None:
    """Kill -9 what watches over a job that has begun."""
    if (job := await house.job(job_id)).state is S.IN_PROGRESS:
        files = house.files(job_id, job.attempt)
        # Killed before it has said that it has begun, it would be waited for in vain for long.
        if files.carrier is not None and files.log.stat().st_size:
            with suppress(ProcessLookupError):
                os.kill(files.carrier.pid, signal.SIGKILL)
