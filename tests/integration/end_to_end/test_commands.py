"""Commands as steps of a run, in the whole house."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from foredeck.services.domain.records import Mode, Run
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.domain.workflow import StepSpec, WorkflowSpec
from foredeck.services.host.commands import CancelRun
from foredeck.services.jobs.processes import find_marked
from foredeck.services.workflow.builtin import four_agents
from foredeck.services.workflow.runs import RunService, RunWish
from tests.support.command_house import command
from tests.support.house import House, OpenHouse


async def start(home: OpenHouse, *steps: StepSpec) -> Run:
    project = await home.project("one")
    runs = RunService(
        home.services.store, lambda _project, _request: four_agents(), lambda _: Mode.DIRECT
    )
    wish = RunWish(project.id, "Do it", workflow=WorkflowSpec("commands", steps))
    run = await runs.create(wish)
    return await home.services.orchestrator.start(run.id)


async def test_the_house_runs_commands_longer_than_its_stages(house: House) -> None:
    async with house.open() as home:
        run = await start(
            home,
            command("one", "echo one > made"),
            command("two", "cat made; echo two", "one", timeout=30.0),
        )
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert [step.summary for step in detail.steps] == ["", "two"]
        assert "one\ntwo\n" in Path(detail.steps[1].output_path or "").read_text()


async def test_a_run_that_was_left_takes_its_command_along_when_it_is_cancelled(
    house: House,
) -> None:
    async with house.open() as home:
        run = await start(home, command("one", "echo up-$((40 + 2)); sleep 300; :"))
        await home.prints(run.id, "one", "up-42")
        (job,) = await home.jobs(run.id)
        home.services.departure.leaving = True
    assert find_marked(job.id)
    async with house.open(recover=False) as home:
        await home.host.do(CancelRun(run.id))
        assert find_marked(job.id) == []
        (job,) = await home.jobs(run.id)
        assert job.state is JobState.LOST
        detail = await home.detail(run.id)
        assert [step.state for step in detail.steps] == [StepState.CANCELLED]


async def test_the_limit_of_the_settings_holds(house: House) -> None:
    house.settings = replace(house.settings, command_limit=1)
    async with house.open() as home:
        one_alone = "mkdir lock && sleep 0.1 && rmdir lock"
        run = await start(home, *(command(f"s{number}", one_alone) for number in range(3)))
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
