"""A person intervenes in a run of the real codex."""

from __future__ import annotations

from pathlib import Path

import pytest

from foredeck.services.domain.records import Mode, Role
from foredeck.services.domain.states import JobState, RunState
from foredeck.services.host.commands import (
    CreateRun,
    PauseRun,
    RerunFrom,
    ResumeRun,
    SetBudget,
    SetPrompt,
    StartRun,
)
from foredeck.services.host.queries import GetPrompt, GetTranscript
from tests.support.crew_script import CrewScript, commands
from tests.support.house import House, until
from tests.support.once import counting, lines_of

pytestmark = pytest.mark.codex

BOTH = pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])


@BOTH
async def test_a_pause_outlasts_the_host_and_the_run_goes_on(
    house: House, script: CrewScript, mode: Mode
) -> None:
    script.crew("one").codex["builder"] = commands(counting("builder", "go"))
    async with house.open() as home:
        one = await home.begin("one", mode)
        output = await home.output(one.id, "builder")
        await until(lambda: bool(lines_of(output, "builder")), "the command of the builder")
        await home.host.do(PauseRun(one.id))
        workspace = Path((await home.detail(one.id)).workspace)
        (workspace / "go").touch()
        detail = await home.rest(one.id)
        assert detail.run.state is RunState.WAITING
        assert [s.state.value for s in detail.steps] == ["success"] * 2 + ["pending"] * 2
    async with house.open() as home:
        detail = await home.rest(one.id)
        assert detail.run.state is RunState.WAITING
        assert detail.paused_at is not None
        await home.host.do(ResumeRun(one.id))
        detail = await home.rest(one.id)
        assert detail.run.state is RunState.SUCCESS
        assert [s.attempt for s in detail.steps] == [1, 1, 1, 1]
        built = [job for job in await home.jobs(one.id) if job.name.startswith("builder")]
        assert [job.state for job in built] == [JobState.COMPLETED]


@BOTH
async def test_an_edited_prompt_reaches_the_stage_and_stands_in_its_conversation(
    house: House, script: CrewScript, mode: Mode
) -> None:
    script.crew("one")
    async with house.open() as home:
        project = await home.project("one")
        run = await home.host.do(
            CreateRun(project.id, "Build it. [run one]", mode=mode, start=False)
        )
        own = await home.host.ask(GetPrompt(run.id, "builder"))
        await home.host.do(SetPrompt(run.id, "builder", f"{own.text}\nMind the tabs."))
        await home.host.do(StartRun(run.id))
        assert (await home.rest(run.id)).run.state is RunState.SUCCESS
        said = await home.host.ask(GetTranscript(run.id, "builder"))
        told = next(e.content for e in said if e.role is Role.USER)
        assert told.endswith("Mind the tabs.")
        noted = next(e.content for e in said if e.role is Role.SYSTEM)
        assert noted.startswith("A person has changed the prompt of this stage:")
        assert "+Mind the tabs." in noted


async def test_a_run_goes_back_to_a_stage_and_repeats_what_follows(
    house: House, script: CrewScript
) -> None:
    script.crew("one")
    async with house.open() as home:
        one = await home.begin("one", Mode.DIRECT)
        assert (await home.rest(one.id)).run.state is RunState.SUCCESS
        await home.host.do(RerunFrom(one.id, "qa_qc"))
        detail = await home.rest(one.id)
        assert detail.run.state is RunState.SUCCESS
        assert [s.attempt for s in detail.steps] == [1, 1, 2, 2]
        assert {job.state for job in await home.jobs(one.id)} == {JobState.COMPLETED}


async def test_a_spent_budget_holds_the_run_until_it_is_raised(
    house: House, script: CrewScript
) -> None:
    script.crew("one")
    async with house.open() as home:
        project = await home.project("one")
        wish = CreateRun(project.id, "Build it. [run one]", mode=Mode.DIRECT, budget_tokens=1)
        run = await home.host.do(wish)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.WAITING
        assert [s.state.value for s in detail.steps] == ["success", "waiting", "pending", "pending"]
        assert "of 1 tokens used: raise it to go on" in detail.steps[1].reason
    async with house.open() as home:
        assert (await home.rest(run.id)).run.state is RunState.WAITING
        await home.host.do(SetBudget(run.id, tokens=10_000_000))
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS
        assert [s.attempt for s in detail.steps] == [1, 1, 1, 1]
