"""A job of its own outlives its host, and the next host follows it: once, whole, to its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from foredeck.services.domain.states import JobState
from foredeck.services.jobs.processes import find_marked
from tests.support.house import PATIENCE, until
from tests.support.job_house import JobHouse, open_jobs
from tests.support.once import counted, counting
from tests.support.process_table import mentioning

S = JobState


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert mentioning(str(tmp_path)) == []


async def a_host(base: Path, text: str, *point: str) -> asyncio.subprocess.Process:
    """Start a host in a process of its own that runs a job."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.job_house", str(base), text, *point),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )


@asynccontextmanager
async def killed_host(
    base: Path, text: str, *, recover: bool = True
) -> AsyncIterator[tuple[JobHouse, str]]:
    """Run a job in a host that is killed once `effects` is there; yield the next host."""
    process = await a_host(base, text)
    assert process.stdout is not None
    job_id = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode().strip()
    await until((base / "workspaces" / "demo" / "effects").exists, "the job")
    process.kill()
    await process.wait()
    async with open_jobs(base, recover=recover) as house:
        yield house, job_id


async def hold_one_job(house: JobHouse, job_id: str) -> None:
    """Hold that the counting job ran once, and that all of its output is there."""
    done = await house.ended(job_id)
    assert (done.job.state, done.job.exit_code, done.job.attempt) == (S.COMPLETED, 0, 1)
    assert (house.workspace / "effects").read_text() == "w\n"
    last = int((house.workspace / "last").read_text())
    assert (await house.result(job_id)).output.splitlines() == counted("w", last)
    assert find_marked(job_id) == []


async def test_a_house_that_closes_leaves_its_jobs_to_the_next(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, limit=1) as house:
        works = await house.submit(counting("w", "go"))
        waits = await house.submit("true")
        await until((house.workspace / "effects").exists, "the job")
    assert find_marked(works)
    async with open_jobs(tmp_path, limit=1) as house:
        assert (house.jobs.working, await house.state(works)) == (1, S.IN_PROGRESS)
        assert await house.state(waits) is S.QUEUED
        (house.workspace / "go").touch()
        await hold_one_job(house, works)
        assert (await house.ended(waits)).job.state is S.COMPLETED


async def test_a_job_of_a_killed_host_is_followed(tmp_path: Path) -> None:
    async with killed_host(tmp_path, counting("w", "go")) as (house, job_id):
        assert await house.state(job_id) is S.IN_PROGRESS
        (house.workspace / "go").touch()
        await hold_one_job(house, job_id)


async def test_a_job_that_ended_meanwhile_is_stored(tmp_path: Path) -> None:
    async with killed_host(tmp_path, counting("w", "go"), recover=False) as (house, job_id):
        (house.workspace / "go").touch()
        await until(lambda: house.files(job_id).ending is not None, "the end of the job")
        await house.jobs.recover()
        await hold_one_job(house, job_id)


async def test_a_job_of_a_killed_host_is_cancelled(tmp_path: Path) -> None:
    text = counting("w", "go")
    for recover in (True, False):
        base = tmp_path / str(recover)
        async with killed_host(base, text, recover=recover) as (house, job_id):
            assert (await house.jobs.cancel(job_id, "enough")).state is S.CANCELLED
            assert find_marked(job_id) == []


async def test_a_job_that_vanished_with_its_shim_is_lost(tmp_path: Path) -> None:
    text = counting("w", "go")
    async with killed_host(tmp_path, text, recover=False) as (house, job_id):
        carrier = house.files(job_id).carrier
        assert carrier is not None
        os.kill(carrier.pid, signal.SIGKILL)
        await house.jobs.recover()
        assert (await house.ended(job_id)).job.state is S.LOST
        await until(lambda: any("is lost" in text for text in house.notices()), "a notice")
        assert find_marked(job_id) == []


@pytest.mark.parametrize(
    "point",
    [
        f"{when} {what}"
        for what in ("JobSaved+queued", "JobSaved/in_progress", "JobSaved/completed")
        for when in ("before", "after")
    ],
)
async def test_a_host_killed_at_any_point_leaves_a_job_that_runs_once(
    tmp_path: Path, point: str
) -> None:
    process = await a_host(tmp_path, "echo w >> effects; seq -f w-%g-end 3; echo 3 > last", point)
    async with asyncio.timeout(PATIENCE):
        said, _ = await process.communicate()
    assert process.returncode == -signal.SIGKILL
    async with open_jobs(tmp_path) as house:
        jobs = (await house.store.queries.jobs()).items
        if point == "before JobSaved+queued":
            assert (said, jobs) == (b"", ())  # nobody was told that there is a job
        else:
            await hold_one_job(house, jobs[0].id)


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_the_next_host_stores_no_secret_that_the_first_has_given_out(
    tmp_path: Path, is_cancelled: bool
) -> None:
    secret = "hunter2hunter2"
    (tmp_path / "token").write_text(secret)
    text = 'echo "no: $TOKEN" >&2; until test -e go; do sleep 0.02; done; exit 3'
    async with open_jobs(tmp_path) as house:
        token = ("TOKEN", f"file:{tmp_path / 'token'}")
        job_id = await house.submit(text, environment=(token,))
        await until(lambda: house.files(job_id).errors.exists(), "its start")
        await until(lambda: house.files(job_id).errors.stat().st_size > 0, "its word")
    async with open_jobs(tmp_path, recover=not is_cancelled) as house:
        if is_cancelled:
            await house.jobs.cancel(job_id, "enough")
        (house.workspace / "go").touch()
        done = await house.ended(job_id)
        assert done.failure is not None
        assert done.failure.detail == "no: [redacted]"
    assert secret.encode() not in (tmp_path / "data" / "foredeck.db").read_bytes()
