"""A command outlives its host, and the next host follows it: once, whole, and to its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from foredeck.services.domain.records import FailureClass
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.domain.workflow import RetryPolicy
from foredeck.services.jobs.processes import find_marked
from foredeck.services.jobs.run_dir import RunDir
from tests.support.command_house import CommandHouse, command, open_commands
from tests.support.house import PATIENCE, until
from tests.support.once import counted, counting, lines_of
from tests.support.process_table import mentioning
from tests.support.segments import texts


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert mentioning(str(tmp_path)) == []


@asynccontextmanager
async def killed_host(base: Path, text: str) -> AsyncIterator[tuple[CommandHouse, str]]:
    """Run that command in a host that is killed once it prints; yield the next host."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.command_host", str(base), text),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    run_id = (await process.stdout.readline()).decode().strip()
    output = base / "data" / "output" / run_id / "one.1.log"
    await until(lambda: bool(lines_of(output, "w")), "the command")
    process.kill()
    await process.wait()
    async with open_commands(base) as house:
        yield house, run_id


async def hold_one_command(house: CommandHouse, run_id: str) -> None:
    """Hold that it ran once, and that every line stands in the output once."""
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.SUCCESS, detail.error
    assert detail.steps[0].attempt == 1
    assert (house.workspace / "effects").read_text() == "w\n"
    last = int((house.workspace / "last").read_text())
    output = house.output(run_id, "one")
    assert lines_of(output, "w") == counted("w", last), output.read_text()
    assert len(texts(output, SegmentKind.COMMAND)) == 1
    (job,) = await house.jobs(run_id)
    assert job.state is JobState.COMPLETED
    assert house.left() == []


async def test_a_house_that_departs_lets_the_command_go_on(tmp_path: Path) -> None:
    async with open_commands(tmp_path) as house:
        run_id = await house.start(command("one", counting("w", "go")))
        await until(lambda: bool(lines_of(house.output(run_id, "one"), "w")), "the command")
        await house.depart()
    written = len(lines_of(house.output(run_id, "one"), "w"))
    async with open_commands(tmp_path) as house:
        await house.orchestrator.recover()
        output = house.output(run_id, "one")
        await until(lambda: len(lines_of(output, "w")) > written, "live output in the next house")
        assert (await house.step(run_id, "one")).state is StepState.RUNNING
        (house.workspace / "go").touch()
        await hold_one_command(house, run_id)


async def test_a_command_of_a_killed_host_is_followed(tmp_path: Path) -> None:
    async with killed_host(tmp_path, counting("w", "go")) as (house, run_id):
        output = house.output(run_id, "one")
        written = len(lines_of(output, "w"))
        await house.orchestrator.recover()
        await until(lambda: len(lines_of(output, "w")) > written, "live output in the next host")
        (house.workspace / "go").touch()
        await hold_one_command(house, run_id)


async def test_a_command_that_ended_meanwhile_is_stored(tmp_path: Path) -> None:
    async with killed_host(tmp_path, counting("w", "go")) as (house, run_id):
        (house.workspace / "go").touch()
        await until((house.workspace / "last").exists, "the end of the command")
        await house.orchestrator.recover()
        await hold_one_command(house, run_id)


@pytest.mark.parametrize(
    "point",
    [
        f"{when} {what}"
        for what in (
            "JobSaved+in_progress",
            "JobSaved/completed",
            "StepSaved/success",
        )
        for when in ("before", "after")
    ],
)
async def test_a_host_killed_at_any_point_leaves_a_command_that_runs_once(
    tmp_path: Path, point: str
) -> None:
    text = "echo w >> effects; seq -f w-%g-end 3; echo 3 > last"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.command_host", str(tmp_path), text, point),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    async with asyncio.timeout(PATIENCE):
        said, _ = await process.communicate()
    assert process.returncode == -signal.SIGKILL
    async with open_commands(tmp_path) as house:
        await house.orchestrator.recover()
        await hold_one_command(house, said.decode().strip())


async def test_a_run_of_a_killed_host_that_is_cancelled_before_it_was_taken_up(
    tmp_path: Path,
) -> None:
    async with killed_host(tmp_path, counting("w", "go")) as (house, run_id):
        (job,) = await house.jobs(run_id)
        assert find_marked(job.id)
        await house.orchestrator.cancel(run_id, "enough")
        assert find_marked(job.id) == []
        (job,) = await house.jobs(run_id)
        assert job.state is JobState.LOST
        assert (await house.step(run_id, "one")).state is StepState.CANCELLED
        assert house.left() == []


async def test_commands_that_are_taken_up_keep_their_places(tmp_path: Path) -> None:
    wait = "until test -e go; do sleep 0.02; done"
    async with open_commands(tmp_path, limit=2) as house:
        run_id = await house.start(*(command(f"s{number}", wait) for number in range(4)))
        running = [StepState.RUNNING, StepState.RUNNING, StepState.PENDING, StepState.PENDING]
        async with asyncio.timeout(PATIENCE):
            while len(await house.jobs(run_id)) < 2:
                await asyncio.sleep(0.02)
        await house.depart()
    async with open_commands(tmp_path, limit=2) as house:
        await house.orchestrator.recover()
        output = house.output(run_id, "s1")
        await until(lambda: "Taken up again" in output.read_text(), "the next host")
        assert await house.states(run_id) == running
        assert len(await house.jobs(run_id)) == 2
        (house.workspace / "go").touch()
        assert (await house.finished(run_id)).run.state is RunState.SUCCESS


async def test_a_command_is_not_cut_off_in_the_middle_of_a_line(tmp_path: Path) -> None:
    text = "printf w-1a; until test -e go; do sleep 0.02; done; printf 'end\\nw-2-end\\n'"
    async with killed_host(tmp_path, text) as (house, run_id):
        await house.orchestrator.recover()
        output = house.output(run_id, "one")
        await until(lambda: "Taken up again" in output.read_text(), "the next host")
        (house.workspace / "go").touch()
        detail = await house.finished(run_id)
        assert detail.run.state is RunState.SUCCESS
        # What goes on in the middle of a line begins a part, and so a line, of its own.
        first, second = texts(output, SegmentKind.OUTPUT)
        assert first.endswith("\n")
        assert first[:-1] + second == "w-1aend\nw-2-end\n"
        assert detail.steps[0].summary == "w-2-end"


@pytest.mark.parametrize("repeatable", [False, True])
async def test_a_lost_command_waits_for_a_person_unless_it_is_repeatable(
    tmp_path: Path, repeatable: bool
) -> None:
    async with open_commands(tmp_path) as house:
        run_id = await house.start(
            command(
                "one",
                "echo w >> tries; echo w-up; until test -e go; do sleep 0.02; done",
                repeatable=repeatable,
                retries=RetryPolicy(max=1, delay=0),
            )
        )
        await until(lambda: bool(lines_of(house.output(run_id, "one"), "w")), "the command")
        (job,) = await house.jobs(run_id)
        carrier = RunDir(tmp_path / "data" / "jobs" / f"{job.id}.1").carrier
        assert carrier is not None
        os.kill(carrier.pid, signal.SIGKILL)
        if repeatable:
            await until((house.output(run_id, "one", 2)).exists, "the second attempt")
            (house.workspace / "go").touch()
            assert (await house.finished(run_id)).run.state is RunState.SUCCESS
        else:
            detail = await house.finished(run_id)
            step = detail.steps[0]
            assert (detail.run.state, step.state) == (RunState.WAITING, StepState.WAITING)
            assert step.was_lost
            assert step.failure is not None
            assert step.failure.failure_class is FailureClass.CRASH
        assert find_marked(job.id) == []
        assert (await house.jobs(run_id))[0].state is JobState.LOST
        tries = (house.workspace / "tries").read_text().split()
        assert len(tries) == (2 if repeatable else 1)


async def test_a_command_that_waited_for_a_place_is_started_once(tmp_path: Path) -> None:
    async with open_commands(tmp_path, limit=1) as house:
        run_id = await house.start(
            command("one", "until test -e go; do sleep 0.02; done"),
            command("two", "echo w >> effects"),
        )
        async with asyncio.timeout(PATIENCE):
            while not await house.jobs(run_id):
                await asyncio.sleep(0.02)
        await house.depart()
    async with open_commands(tmp_path, limit=1) as house:
        (house.workspace / "go").touch()
        await house.orchestrator.recover()
        assert (await house.finished(run_id)).run.state is RunState.SUCCESS
        assert (house.workspace / "effects").read_text() == "w\n"
        assert len(await house.jobs(run_id)) == 2
