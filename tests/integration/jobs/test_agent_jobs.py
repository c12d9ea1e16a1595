"""Jobs as agents submit them: once for each call, waited for, and ended with their run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.ids import id_of
from foredeck.services.domain.jobs import BatchWish, JobWish
from foredeck.services.domain.records import Mode, Run, Trigger
from foredeck.services.domain.states import FINAL_JOBS, JobState, RunState
from foredeck.services.jobs.agent_jobs import AgentJobs
from foredeck.services.jobs.job_moves import JobMoves
from foredeck.services.jobs.job_records import JobRecords
from foredeck.services.store.audit import TRACE, Trace
from tests.support.house import PATIENCE, until
from tests.support.job_house import JobHouse, open_jobs

S = JobState
RUN = "therun000000"
AGENT = Trace(RUN, "agent builder")


def agent_jobs(house: JobHouse) -> AgentJobs:
    records = JobRecords(house.store, JobMoves(house.executor), 4, 600)
    return AgentJobs(house.store, house.bus, house.jobs, records, house.executor)


def wish(command: str, name: str = "a task") -> JobWish:
    return JobWish(name, command, project="demo")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[JobHouse]:
    """Yield a host that was not opened to stay: it starts only what is to start now."""
    async with open_jobs(tmp_path, recover=False) as house:
        yield house


async def test_what_is_asked_for_twice_is_one_job(house: JobHouse) -> None:
    jobs, job_id = agent_jobs(house), id_of("step:1:call")
    first = await jobs.submit(wish("echo w >> effects"), job_id, AGENT)
    again = await jobs.submit(wish("echo w >> effects"), job_id, AGENT)
    assert first.job.id == again.job.id == job_id
    assert (await jobs.wait(job_id)).job.state is S.COMPLETED
    late = await jobs.submit(wish("echo w >> effects"), job_id, AGENT)
    assert late.job.state is S.COMPLETED
    assert (house.workspace / "effects").read_text() == "w\n"
    assert TRACE.get() is None
    assert first.order is not None
    assert (first.order.trace_id, first.order.created_by[-14:]) == (RUN, "/agent builder")


async def test_a_batch_that_is_asked_for_twice_is_one(house: JobHouse) -> None:
    jobs, batch_id = agent_jobs(house), id_of("step:1:batch")
    batch = BatchWish(wish(""), ("echo w >> effects", "exit 1"))
    for _ in range(2):
        assert (await jobs.submit_batch(batch, batch_id, AGENT)).id == batch_id
    assert (await jobs.wait(batch_id)).job.state is S.FAILED
    children = await jobs.children(batch_id)
    assert [job.state for job in children] == [S.COMPLETED, S.FAILED]
    assert [job.batch_index for job in children] == [1, 2]
    assert (house.workspace / "effects").read_text() == "w\n"
    project = children[0].project_name
    listed = await jobs.listed(project, None, None, 10)
    assert [job.id for job in listed.items] == [batch_id]
    assert (await jobs.listed(project, "completed", None, 10)).items == ()


async def test_who_stops_waiting_lets_the_job_go_on(house: JobHouse) -> None:
    jobs, job_id = agent_jobs(house), id_of("call")
    await jobs.submit(wish("touch begun; while [ ! -e go ]; do sleep 0.02; done"), job_id, AGENT)
    waiting = asyncio.create_task(jobs.wait(job_id))
    await until((house.workspace / "begun").exists, "the job")
    waiting.cancel()
    await asyncio.wait({waiting})
    assert (await jobs.get(job_id)).job.state is S.IN_PROGRESS
    (house.workspace / "go").touch()
    assert (await asyncio.wait_for(jobs.wait(job_id), PATIENCE)).job.state is S.COMPLETED


async def test_a_model_sees_no_secrets(house: JobHouse) -> None:
    secret = "hunter2hunter2"
    jobs, job_id = agent_jobs(house), id_of("call")
    house.store.redactor.learn([secret])
    half = 'p=hunter2; echo "it is $p$p"; echo "$p$p" >&2'
    await jobs.submit(wish(half), job_id, AGENT)
    await jobs.wait(job_id)
    found = await jobs.result(job_id)
    assert found.output.startswith("it is ")
    told = (found.output, found.errors, str(found.data))
    parts = [await jobs.printed(job_id, 100, errors=errors) for errors in (False, True)]
    assert all(parts)
    assert not [text for text in (*told, *parts) if secret in text]


async def test_a_model_sees_no_secrets_of_a_job_of_an_earlier_host(tmp_path: Path) -> None:
    secret = "hunter2hunter2"
    (tmp_path / "token").write_text(secret)
    token = ("TOKEN", f"file:{tmp_path / 'token'}")
    async with open_jobs(tmp_path) as house:
        done = await house.ran('echo "it is $TOKEN"', environment=(token,))
    async with open_jobs(tmp_path) as house:
        jobs = agent_jobs(house)
        assert (await jobs.result(done.job.id)).output == "it is [redacted]\n"
        assert await jobs.printed(done.job.id, 100, errors=False) == "it is [redacted]\n"


async def test_output_that_is_gone_is_empty(house: JobHouse) -> None:
    jobs, job_id = agent_jobs(house), id_of("call")
    await jobs.submit(wish("echo said"), job_id, AGENT)
    await jobs.wait(job_id)
    assert await jobs.printed(job_id, 2, errors=False) == "sa"
    Path((await jobs.result(job_id)).output_path).unlink()
    assert await jobs.printed(job_id, 2, errors=False) == ""


async def a_run(house: JobHouse, state: RunState) -> None:
    """Store a run of the project, as it may stand while its agents' jobs work."""
    async with house.store.transaction() as tx:
        project = await tx.projects.by_name("demo")
        assert project is not None
        run = Run(
            id=RUN,
            project_id=project.id,
            workflow="four-agents",
            definition="{}",
            request="Do it",
            title="it",
            trigger=Trigger.MANUAL,
            mode=Mode.AGENT,
            state=RunState.CREATED,
            created_at=clock.now(),
        )
        await tx.runs.add(run)
        await tx.move_run(RUN, RunState.RUNNING)
        if state is not RunState.RUNNING:
            await tx.move_run(RUN, state)


LONG = "touch begun; sleep 600"


async def test_a_run_that_is_stopped_takes_its_jobs_along(house: JobHouse) -> None:
    await a_run(house, RunState.RUNNING)
    jobs = agent_jobs(house)
    ids = [id_of(f"call {number}") for number in range(3)]
    await jobs.submit(wish(LONG), ids[0], AGENT)
    await jobs.submit_batch(BatchWish(wish(""), (LONG, "sleep 600")), ids[1], AGENT)
    await jobs.submit(wish(LONG), ids[2], Trace("another00000", "agent builder"))
    person = await house.submit(LONG, now=True)
    await until((house.workspace / "begun").exists, "a job")
    await jobs.stop(RUN)
    states = [(await jobs.get(job_id)).job.state for job_id in (*ids, person)]
    assert states[:2] == [S.CANCELLED] * 2
    assert [job.state for job in await jobs.children(ids[1])] == [S.CANCELLED] * 2
    assert not FINAL_JOBS & set(states[2:])
    await jobs.stop(RUN)  # nothing is left to be stopped
    for job_id in (ids[2], person):
        await jobs.cancel(job_id, "enough", AGENT)


@pytest.mark.parametrize("state", [RunState.SUCCESS, RunState.FAILED])
async def test_a_run_that_has_ended_leaves_its_jobs_alone(house: JobHouse, state: RunState) -> None:
    await a_run(house, state)
    jobs, job_id = agent_jobs(house), id_of("call")
    await jobs.submit(wish(LONG), job_id, AGENT)
    await jobs.stop(RUN)
    assert (await jobs.get(job_id)).job.state not in FINAL_JOBS
    assert (await jobs.cancel(job_id, "enough", AGENT)).job.state is S.CANCELLED
    with pytest.raises(Conflict, match="nothing to cancel"):
        await jobs.cancel(job_id, "again", AGENT)
