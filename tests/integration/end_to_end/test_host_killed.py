"""The host dies, or leaves, in the middle of a turn; the next one takes the turn up."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from foredeck.services.domain.errors import HostBusy
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Mode, TokenUsage
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.host.commands import CancelRun
from foredeck.services.host.queries import GetHistory, GetTranscript
from tests.integration.end_to_end.test_cancel import stubborn
from tests.support.app_server import kill_app_server
from tests.support.crew_script import CrewScript, commands
from tests.support.house import House, OpenHouse, has_line, until
from tests.support.once import counted, counting, lines_of
from tests.support.process_table import mentioning

pytestmark = pytest.mark.codex

BOTH = pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])


@BOTH
async def test_a_living_turn_is_followed_from_where_it_is(
    house: House, script: CrewScript, mode: Mode
) -> None:
    script.crew("one").codex["builder"] = commands(counting("builder", "go"))
    async with another_host(house, mode) as (process, run_id):
        output = house.settings.data_dir / "output" / run_id / "builder.1.log"
        await until(lambda: bool(lines_of(output, "builder")), "the command of the builder")
        with pytest.raises(HostBusy):
            async with house.open():
                pass
        await kill(process)
    written = len(lines_of(output, "builder"))
    async with house.open() as home:
        await until(
            lambda: len(lines_of(output, "builder")) > written, "live output in the next host"
        )
        detail = await home.detail(run_id)
        assert detail.run.state is RunState.RUNNING
        (Path(detail.workspace) / "go").touch()
        await _hold_one_turn(home, run_id, output)


@BOTH
async def test_a_turn_that_ended_meanwhile_is_stored(
    house: House, script: CrewScript, mode: Mode
) -> None:
    script.crew("one").codex["builder"] = commands(counting("builder", "go"))
    async with another_host(house, mode) as (process, run_id):
        output = house.settings.data_dir / "output" / run_id / "builder.1.log"
        await until(lambda: bool(lines_of(output, "builder")), "the command of the builder")
        await kill(process)
    workspace = house.settings.workspaces_root / "one"
    (workspace / "go").touch()
    await until((workspace / "last").exists, "the end of the command")
    async with house.open() as home:
        await _hold_one_turn(home, run_id, output)


async def test_a_house_that_departs_leaves_the_turn_to_the_next(
    house: House, script: CrewScript
) -> None:
    script.crew("one").codex["builder"] = commands(counting("builder", "go"))
    async with house.open() as home:
        row = await home.begin("one", Mode.AGENT)
        output = await home.output(row.id, "builder")
        await until(lambda: bool(lines_of(output, "builder")), "the command of the builder")
        home.services.departure.leaving = True
    assert mentioning("app-server") != []
    async with house.open() as home:
        (house.settings.workspaces_root / "one" / "go").touch()
        await _hold_one_turn(home, row.id, output)


async def _hold_one_turn(home: OpenHouse, run_id: str, output: Path) -> None:
    detail = await home.rest(run_id)
    assert detail.run.state is RunState.SUCCESS, detail.error
    assert [step.attempt for step in detail.steps] == [1, 1, 1, 1]
    workspace = Path(detail.workspace)
    assert (workspace / "effects").read_text() == "builder\n"
    last = int((workspace / "last").read_text())
    assert lines_of(output, "builder") == counted("builder", last)
    jobs = [job for job in await home.jobs(run_id) if job.name.startswith("builder")]
    assert [job.state for job in jobs] == [JobState.COMPLETED]
    assert jobs[0].usage.total > 0
    assert {change.path for change in jobs[0].files_changed} >= {"effects", "last"}
    assert all(entry.complete for entry in await home.host.ask(GetTranscript(run_id)))
    spent = sum((step.usage for step in detail.steps), TokenUsage())
    assert detail.run.usage == spent
    assert not list(output.parent.glob("*.before.json"))


@BOTH
@pytest.mark.parametrize("host_dies", [True, False], ids=["with-its-host", "alone"])
async def test_a_turn_that_died_with_its_app_server_waits_for_a_person(
    house: House, script: CrewScript, mode: Mode, host_dies: bool
) -> None:
    token = f"orphan{new_id()}"
    script.crew("one").codex["builder"] = commands(stubborn(token))
    if host_dies:
        async with another_host(house, mode) as (process, run_id):
            output = house.settings.data_dir / "output" / run_id / "builder.1.log"
            await until(lambda: has_line(output, "ready-42"), "the command of the builder")
            await kill(process)
            assert kill_app_server(house.settings.data_dir)
        script.crew("one").codex["builder"] = commands("echo built > built.txt")
        async with house.open() as home:
            await _hold_the_loss(home, run_id, token, mode)
    else:
        async with house.open() as home:
            run_id = (await home.begin("one", mode)).id
            await home.prints(run_id, "builder", "ready-42")
            script.crew("one").codex["builder"] = commands("echo built > built.txt")
            assert kill_app_server(house.settings.data_dir)
            await _hold_the_loss(home, run_id, token, mode)


@BOTH
async def test_a_turn_that_codex_has_forgotten_is_not_begun_again(
    house: House, script: CrewScript, mode: Mode
) -> None:
    script.crew("one").codex["builder"] = commands(counting("builder", "go"))
    async with another_host(house, mode) as (process, run_id):
        output = house.settings.data_dir / "output" / run_id / "builder.1.log"
        await until(lambda: bool(lines_of(output, "builder")), "the command of the builder")
        await kill(process)
        assert kill_app_server(house.settings.data_dir)
    shutil.rmtree(house.base / "codex-home" / "sessions")
    async with house.open() as home:
        detail = await home.rest(run_id)
        assert detail.steps[1].state is StepState.WAITING
        assert [job.state for job in await home.jobs(run_id)][-1] is JobState.LOST
        assert (Path(detail.workspace) / "effects").read_text() == "builder\n"
        await home.host.do(CancelRun(run_id))


async def _hold_the_loss(home: OpenHouse, run_id: str, token: str, mode: Mode) -> None:
    detail = await home.rest(run_id)
    builder = detail.steps[1]
    assert detail.run.state is RunState.WAITING
    assert builder.state is StepState.WAITING
    assert builder.failure is not None
    assert "resume" in builder.failure.advice
    (job,) = [job for job in await home.jobs(run_id) if job.state is not JobState.COMPLETED]
    assert job.state is JobState.LOST
    assert mentioning(token, job.id) == []

    await home.services.orchestrator.resume(run_id)
    detail = await home.rest(run_id)
    assert detail.run.state is RunState.SUCCESS, detail.error
    assert [step.attempt for step in detail.steps] == [1, 2, 1, 1]
    transcript = await home.host.ask(GetTranscript(run_id))
    # An agent hears that its turn was lost, and decides; codex alone is asked to go on.
    answers = [entry.content for entry in transcript if entry.tool == "run_codex"]
    built = (Path(detail.workspace) / "built.txt").exists()
    assert built if mode is Mode.DIRECT else "ended in the middle" in answers[0]
    assert all(entry.complete for entry in transcript)
    history = await home.host.ask(GetHistory(run_id))
    builder_states = [entry.new for entry in history if entry.subject == "builder"]
    assert builder_states == ["pending", "running", "waiting", "running", "success"]


async def test_a_run_that_a_killed_host_left_can_be_cancelled_without_taking_it_up(
    house: House, script: CrewScript
) -> None:
    token = f"orphan{new_id()}"
    script.crew("one").codex["builder"] = commands(stubborn(token))
    async with another_host(house, Mode.DIRECT) as (process, run_id):
        output = house.settings.data_dir / "output" / run_id / "builder.1.log"
        await until(lambda: has_line(output, "ready-42"), "the command of the builder")
        await kill(process)
    async with house.open(recover=False) as home:
        await home.host.do(CancelRun(run_id))
        assert (await home.detail(run_id)).run.state is RunState.CANCELLED
        assert mentioning(token) == []


async def kill(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGKILL)
    await process.wait()


@asynccontextmanager
async def another_host(
    house: House, mode: Mode
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Host the run `[run one]` in a process of its own; yields it and the run's id."""
    arguments = [str(house.base), str(house.settings.base_url), "one", mode.value]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.host_program", *arguments),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        env={**os.environ},
    )
    assert process.stdout is not None
    try:
        run_id = (await process.stdout.readline()).decode().strip()
        assert run_id
        yield process, run_id
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
