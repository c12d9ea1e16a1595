"""The cap on a job's memory: whose it is, what becomes of a job that needs more, what is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.jobs import BatchWish, JobWish
from foredeck.services.domain.records import FailureClass, ProjectSettings
from foredeck.services.domain.states import JobState
from foredeck.services.jobs.processes import find_marked
from tests.support.greedy import GREEDY
from tests.support.job_house import JobHouse, open_jobs
from tests.support.process_table import mentioning

S = JobState
MIB = 1 << 20


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert mentioning(str(tmp_path)) == []


async def cap_the_project(house: JobHouse, mebibytes: int | None) -> None:
    async with house.store.transaction() as tx:
        project = await tx.projects.find("demo")
        await tx.projects.save(replace(project, settings=ProjectSettings(memory_cap=mebibytes)))


async def test_a_job_that_holds_more_than_it_may_is_ended_and_says_so(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        done = await house.ran(f"echo begun; echo words >&2; {GREEDY} & wait", memory=64 * MIB)
        assert (done.job.state, done.job.exit_code) == (S.FAILED, 137)
        assert done.failure is not None
        assert done.failure.failure_class is FailureClass.COMMAND
        assert done.failure.message == "Command used more than 64 MiB of memory and was stopped."
        assert "--memory" in done.failure.advice
        assert done.failure.detail == "words"
        assert (await house.result(done.job.id)).output == "begun\n"
        assert find_marked(done.job.id) == []


async def test_the_cap_of_the_project_holds_for_what_says_nothing_else(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        await cap_the_project(house, 64)
        done = await house.ran(GREEDY)
        assert done.job.state is S.FAILED
        assert done.order is not None
        assert done.order.memory == 64 * MIB
        enough = f"{GREEDY.replace('time.sleep(300)', '')}; echo whole"
        done = await house.ran(enough, memory=1 << 30)
        assert (done.job.state, (await house.result(done.job.id)).output) == (
            S.COMPLETED,
            "whole\n",
        )
        await cap_the_project(house, None)
        done = await house.ran(enough)
        assert done.order is not None
        assert (done.job.state, done.order.memory) == (S.COMPLETED, None)


async def test_the_jobs_of_a_batch_and_a_retry_keep_the_cap(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        wish = JobWish("greedy", project="demo", memory=64 * MIB)
        batch = await house.jobs.submit_batch(BatchWish(wish, ("true", GREEDY)))
        assert (await house.ended(batch.id)).job.state is S.FAILED
        await house.jobs.retry(batch.id)
        assert (await house.ended(batch.id)).job.state is S.FAILED
        async with house.store.transaction() as tx:
            (child,) = await tx.job_orders.children(batch.id, {S.FAILED})
        detail = await house.detail(child)
        assert detail.failure is not None
        assert (detail.job.attempt, detail.failure.message) == (
            2,
            "Command used more than 64 MiB of memory and was stopped.",
        )


async def test_a_cap_that_no_command_could_keep_is_refused(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        for memory in (1, 64 * MIB - 1, (16 << 40) + 1):
            with pytest.raises(InvalidInput, match="between 64M"):
                await house.submit("true", memory=memory)
