"""The `verify` command of a step: real commands, scripted codex turns."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.agents.check_command import CheckCommand
from foredeck.services.agents.runner import AgentStageRunner
from foredeck.services.agents.stage import StageRunner
from foredeck.services.codex.supervisor import CodexRequest
from foredeck.services.departure import Departure
from foredeck.services.domain.command_rules import PolicyAction, Rule
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.records import (
    FailureClass,
    Job,
    Mode,
    ProjectSettings,
    Sandbox,
    StepKind,
)
from foredeck.services.domain.segments import SegmentKind as Kind
from foredeck.services.domain.states import JobState
from foredeck.services.domain.workflow import StepSpec, Verify
from foredeck.services.jobs.processes import find_marked, is_alive
from foredeck.services.jobs.run_dir import RunDir
from foredeck.services.settings import Settings
from foredeck.services.store.audit import AuditFilter
from foredeck.services.workflow.builtin import four_agents
from foredeck.services.workflow.codex_runs import CodexRuns
from foredeck.services.workflow.codex_step import CodexStepRunner
from foredeck.services.workflow.runs import RunService
from tests.support.agent_stage import Stage, open_stage
from tests.support.codex_desk import Turn
from tests.support.greedy import GREEDY
from tests.support.house import until
from tests.support.segments import texts

PATIENCE = 30.0
CHECK = "test -e fixed || { echo '3 tests failed'; exit 3; }"


@asynccontextmanager
async def step(tmp_path: Path, verify: Verify, **fields: object) -> AsyncIterator[Stage]:
    """Open a step of kind codex that is checked."""
    spec = StepSpec(
        "codex",
        StepKind.CODEX,
        "Codex",
        prompt="Build it.",
        verify=verify,
        **fields,  # type: ignore[arg-type]
    )
    async with open_stage(tmp_path, "builder", Mode.DIRECT, spec=spec) as stage:
        yield stage


def runner(
    stage: Stage, tmp_path: Path, departure: Departure | None = None, **fields: Any
) -> StageRunner:
    settings = Settings(data_dir=tmp_path, grace=0.5, **fields)
    runs = RunService(stage.store, lambda _project, _request: four_agents(), lambda _: Mode.DIRECT)
    files = CodexRuns(stage.store, runs, settings)
    return CodexStepRunner(
        stage.store, stage.supervisor, files, settings, departure, executor=stage.executor
    )


async def checks(stage: Stage) -> list[Job]:
    async with stage.store.transaction() as tx:
        jobs = await tx.jobs.of_step(stage.task.step.id)
    return [job for job in jobs if job.type == "shell_command"]


def working(stage: Stage, *, mends_in_turn: int) -> None:
    """Let codex's n-th turn put right what the check looks at."""

    async def work(request: CodexRequest) -> Turn:
        number = len(stage.supervisor.requests)
        if number >= mends_in_turn:
            (stage.workspace / "fixed").touch()
        return Turn(f"turn {number}")

    stage.supervisor.work = work


async def test_work_that_passes_needs_no_second_turn(tmp_path: Path) -> None:
    async with step(tmp_path, Verify(CHECK)) as stage:
        working(stage, mends_in_turn=1)
        outcome = await runner(stage, tmp_path).run(stage.task)
        assert outcome.summary == "turn 1"
        assert len(stage.supervisor.requests) == 1
        (job,) = await checks(stage)
        assert (job.state, job.exit_code, job.name) == (
            JobState.COMPLETED,
            0,
            f"verify: {CHECK}",
        )


async def test_a_check_that_the_policy_denies_fails_the_step(tmp_path: Path) -> None:
    denied: dict[str, Any] = {"command_policy": {Rule.WORLD_WRITABLE: PolicyAction.DENY}}
    async with step(tmp_path, Verify("touch made; chmod 777 made")) as stage:
        with pytest.raises(StepFailed) as failed:
            await runner(stage, tmp_path, **denied).run(stage.task)
        assert failed.value.failure.failure_class is FailureClass.REJECTED
        assert "denies this command: world_writable" in failed.value.failure.message
        assert len(stage.supervisor.requests) == 1  # codex has nothing to mend
        (job,) = await checks(stage)
        assert (job.state, job.exit_code) == (JobState.FAILED, None)
        assert not (stage.workspace / "made").exists()
        rows = (await stage.store.queries.audit(AuditFilter(action="command_policy.deny"))).items
        assert [row.resource_id for row in rows] == [job.id]


async def test_a_check_gets_the_variables_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "hunter22-hunter22")
    command = 'test "$PORT ${#API_KEY}" = "8080 17"'
    wishes = ProjectSettings(environment={"PORT": "8080", "API_KEY": "env:SHOP_KEY"})
    async with step(tmp_path, Verify(command, rounds=0)) as stage:
        task = replace(stage.task, project=replace(stage.task.project, settings=wishes))
        assert (await runner(stage, tmp_path).run(task)).summary == "Done."


async def test_a_check_whose_secret_is_gone_says_so(tmp_path: Path) -> None:
    wishes = ProjectSettings(environment={"API_KEY": "env:NO_SUCH_VARIABLE"})
    async with step(tmp_path, Verify(CHECK)) as stage:
        task = replace(stage.task, project=replace(stage.task.project, settings=wishes))
        with pytest.raises(StepFailed, match="API_KEY has no value"):
            await runner(stage, tmp_path).run(task)
        assert [job.state for job in await checks(stage)] == [JobState.FAILED]


async def test_codex_mends_it_in_the_same_conversation(tmp_path: Path) -> None:
    async with step(tmp_path, Verify(CHECK), model="m-1", sandbox=Sandbox.READ_ONLY) as stage:
        working(stage, mends_in_turn=3)
        outcome = await runner(stage, tmp_path).run(stage.task)
        assert outcome.summary == "turn 3"
        first, second, third = stage.supervisor.requests
        assert first.prompt == "Build it."
        assert (second.thread_id, third.thread_id) == ("thread-1", "thread-1")
        assert CHECK in second.prompt
        assert "ended with exit code 3" in second.prompt
        assert "3 tests failed" in second.prompt
        assert {(r.model, r.sandbox) for r in (first, second)} == {("m-1", Sandbox.READ_ONLY)}
        assert [job.state for job in await checks(stage)] == [
            JobState.FAILED,
            JobState.FAILED,
            JobState.COMPLETED,
        ]
        stage.task.output.flush()
        path = stage.task.output.path
        assert texts(path, Kind.COMMAND).count(f"$ {CHECK}\n") == 3
        assert texts(path, Kind.OUTPUT) == ["3 tests failed\n", "3 tests failed\n"]


async def test_after_the_last_round_the_attempt_fails(tmp_path: Path) -> None:
    async with step(tmp_path, Verify("echo no; exit 7", rounds=1)) as stage:
        with pytest.raises(StepFailed) as failed:
            await runner(stage, tmp_path).run(stage.task)
        assert failed.value.failure.failure_class is FailureClass.VERDICT
        assert "`echo no; exit 7` ended with exit code 7" in failed.value.message
        assert "1 round of repair" in failed.value.message
        assert failed.value.failure.detail == "no"
        assert len(stage.supervisor.requests) == 2


async def test_a_check_that_does_not_end_is_ended(tmp_path: Path) -> None:
    command = "(setsid sleep 300 &); echo waiting; sleep 300"
    async with step(tmp_path, Verify(command, rounds=0, timeout=1.0)) as stage:
        with pytest.raises(StepFailed) as failed:
            await runner(stage, tmp_path).run(stage.task)
        assert "did not end within 1 s" in failed.value.message
        (job,) = await checks(stage)
        assert (job.state, job.exit_code) == (JobState.TIMEOUT, 124)
        assert find_marked(job.id) == []


async def test_what_a_check_leaves_running_is_ended(tmp_path: Path) -> None:
    async with step(tmp_path, Verify("setsid sleep 300 & touch fixed")) as stage:
        async with asyncio.timeout(PATIENCE):
            await runner(stage, tmp_path).run(stage.task)
        (job,) = await checks(stage)
        assert job.state is JobState.COMPLETED
        assert find_marked(job.id) == []


async def test_a_check_is_held_to_the_memory_of_its_project(tmp_path: Path) -> None:
    async with step(tmp_path, Verify(f"echo begun; {GREEDY}")) as stage:
        wishes = ProjectSettings(memory_cap=64)
        task = replace(stage.task, project=replace(stage.task.project, settings=wishes))
        with pytest.raises(StepFailed) as failed:
            await runner(stage, tmp_path).run(task)
        assert "used more than 64 MiB of memory and was stopped" in failed.value.message
        assert "used more than 64 MiB of memory" in stage.supervisor.requests[1].prompt
        assert {job.exit_code for job in await checks(stage)} == {137}
        assert await stage.executor.kept() == ()


async def test_a_check_that_nobody_watches_over_any_more_fails_the_attempt(
    tmp_path: Path,
) -> None:
    async with step(tmp_path, Verify("touch up; sleep 300")) as stage:
        work = asyncio.create_task(runner(stage, tmp_path).run(stage.task))
        async with asyncio.timeout(PATIENCE):
            while not (stage.workspace / "up").exists():
                await asyncio.sleep(0.02)
        (handle,) = await stage.executor.kept()
        carrier = RunDir(Path(stage.executor.path(handle)).parent).carrier
        assert carrier is not None
        os.kill(carrier.pid, signal.SIGKILL)
        with pytest.raises(StepFailed, match="Nobody knows how the check ended"):
            await work
        (job,) = await checks(stage)
        assert (job.state, job.exit_code) == (JobState.LOST, None)
        assert find_marked(job.id) == []


async def test_cancelled_in_a_check_nothing_of_it_is_left(tmp_path: Path) -> None:
    async with step(tmp_path, Verify("touch up; trap '' TERM; sleep 300")) as stage:
        work = asyncio.create_task(runner(stage, tmp_path).run(stage.task))
        async with asyncio.timeout(PATIENCE):
            while not (stage.workspace / "up").exists():
                await asyncio.sleep(0.02)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        (job,) = await checks(stage)
        assert (job.state, job.exit_code) == (JobState.CANCELLED, 130)
        assert find_marked(job.id) == []


async def test_a_check_sees_no_keys_and_its_output_is_kept_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "CODEX_API_KEY", "MY_SECRET"):
        monkeypatch.setenv(name, "sk-very-secret")
    command = r"env; printf '\033[31mred\033[0m \377 [/]\n'; exit 1"
    async with step(tmp_path, Verify(command, rounds=0)) as stage:
        with pytest.raises(StepFailed) as failed:
            await runner(stage, tmp_path).run(stage.task)
        stage.task.output.flush()
        printed = stage.task.output.path.read_bytes()
        assert b"sk-very-secret" not in printed
        assert b"\x1b[31mred\x1b[0m \xff [/]\n" in printed
        assert "\x1b" not in failed.value.failure.detail
        assert "red � [/]" in failed.value.failure.detail


async def test_a_stage_in_direct_mode_is_checked_too(tmp_path: Path) -> None:
    spec = StepSpec("builder", StepKind.AGENT, "Builder", verify=Verify(CHECK))
    async with open_stage(tmp_path, "builder", Mode.DIRECT, spec=spec) as stage:

        async def work(request: CodexRequest) -> Turn:
            if "3 tests failed" in request.prompt:
                (stage.workspace / "fixed").touch()
            return Turn('{"summary": "built"}')

        stage.supervisor.work = work
        settings = Settings(data_dir=tmp_path)
        agents = AgentStageRunner(stage.store, stage.supervisor, settings, executor=stage.executor)
        outcome = await agents.run(stage.task)
        assert outcome.summary == "built"
        assert len(stage.supervisor.requests) == 2
        said = [message.content for message in await stage.messages()]
        assert any("3 tests failed" in text for text in said)


async def test_taken_up_again_no_turn_and_no_finished_check_is_repeated(tmp_path: Path) -> None:
    command = f"echo x >> ../checks; {CHECK}"
    async with step(tmp_path, Verify(command)) as stage:
        working(stage, mends_in_turn=2)
        first = await runner(stage, tmp_path).run(stage.task)
        again = await runner(stage, tmp_path).run(replace(stage.task, resumed=True))
        assert again.summary == first.summary == "turn 2"
        assert len(await checks(stage)) == 2
        assert (tmp_path / "checks").read_text() == "x\nx\n"


async def test_a_check_that_a_departing_house_leaves_is_run_again_by_the_next(
    tmp_path: Path,
) -> None:
    command = "touch up; while [ ! -e fixed ]; do sleep 0.05; done"
    async with step(tmp_path, Verify(command)) as stage:
        departure = Departure()
        work = asyncio.create_task(runner(stage, tmp_path, departure).run(stage.task))
        async with asyncio.timeout(PATIENCE):
            while not (stage.workspace / "up").exists():
                await asyncio.sleep(0.02)
        departure.leaving = True
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        (left,) = await checks(stage)
        assert left.state is JobState.IN_PROGRESS
        assert find_marked(left.id) == []

        (stage.workspace / "fixed").touch()
        await runner(stage, tmp_path).run(replace(stage.task, resumed=True))
        (job,) = await checks(stage)
        assert (job.id, job.state) == (left.id, JobState.COMPLETED)


async def test_a_check_that_a_killed_house_left_running_is_ended_and_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = "echo x >> ../checks; while [ ! -e fixed ]; do sleep 0.05; done"
    ran = tmp_path / "checks"
    async with step(tmp_path, Verify(command)) as stage:
        with monkeypatch.context() as killed:  # who is killed tidies nothing up

            async def nothing(*_: object) -> None: ...

            killed.setattr(CheckCommand, "_tidy_up", nothing)
            departure = Departure()
            work = asyncio.create_task(runner(stage, tmp_path, departure).run(stage.task))
            await until(ran.exists, "the check")
            departure.leaving = True
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
        (left,) = await checks(stage)
        (process, *_) = find_marked(left.id)

        task = replace(stage.task, resumed=True)
        again = asyncio.create_task(runner(stage, tmp_path).run(task))
        await until(lambda: ran.read_text() == "x\nx\n", "the check of the next house")
        assert not is_alive(process)
        (stage.workspace / "fixed").touch()
        await again
        (job,) = await checks(stage)
        assert (job.id, job.state) == (left.id, JobState.COMPLETED)
        assert find_marked(job.id) == []
        assert await stage.executor.kept() == ()
