"""One run at a time works in a workspace; the others wait, and say for whom (SPEC P2)."""

import asyncio
from pathlib import Path

from foredeck.services.domain.records import Run
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import StepRow
from foredeck.services.workflow.runs import RunWish
from tests.integration.workflow.conftest import House, build
from tests.support.stages import FakeStages, Hold

PATIENCE = 10


async def first_step(house: House, run: Run) -> StepRow:
    return (await house.store.queries.run(run.id)).steps[0]


async def says_why(house: House, run: Run) -> StepRow:
    async with asyncio.timeout(PATIENCE):
        while not (step := await first_step(house, run)).reason:
            await asyncio.sleep(0.01)
    return step


async def working(house: House) -> tuple[Run, Hold]:
    hold = Hold()
    house.stages.behaviours["planner"] = hold
    run = await house.new_run("Build the first thing")
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(hold.started.wait(), PATIENCE)
    del house.stages.behaviours["planner"]
    return run, hold


async def test_a_second_run_waits_for_the_first_and_says_so(house: House) -> None:
    first, hold = await working(house)
    second = await house.new_run("Build another thing")
    await house.orchestrator.start(second.id)
    step = await says_why(house, second)
    assert step.state is StepState.PENDING
    assert "Build the first thing" in step.reason
    hold.release.set()
    detail = await house.finished(second.id)
    assert detail.run.state is RunState.SUCCESS
    assert detail.steps[0].reason == ""
    assert (await house.finished(first.id)).run.state is RunState.SUCCESS
    ran = [task.run.id for task in house.stages.tasks]
    assert ran == [first.id] * 4 + [second.id] * 4


async def test_a_run_in_another_workspace_does_not_wait(house: House) -> None:
    _, hold = await working(house)
    await house.projects.create("elsewhere")
    other = await house.runs.create(RunWish("elsewhere", "Build it there"))
    await house.orchestrator.start(other.id)
    assert (await house.finished(other.id)).run.state is RunState.SUCCESS
    hold.release.set()


async def test_a_run_that_waits_for_another_can_be_cancelled(house: House) -> None:
    first, hold = await working(house)
    second = await house.new_run("Build another thing")
    await house.orchestrator.start(second.id)
    await says_why(house, second)
    await asyncio.wait_for(house.orchestrator.cancel(second.id, "not needed"), PATIENCE)
    detail = await house.store.queries.run(second.id)
    assert detail.run.state is RunState.CANCELLED
    assert detail.steps[0].reason == "not needed"
    hold.release.set()
    assert (await house.finished(first.id)).run.state is RunState.SUCCESS
    await house.orchestrator.retry(second.id)
    assert (await house.finished(second.id)).run.state is RunState.SUCCESS


async def test_a_run_that_is_stopped_lets_the_next_one_in(house: House) -> None:
    first, _ = await working(house)
    second = await house.new_run("Build another thing")
    await house.orchestrator.start(second.id)
    await says_why(house, second)
    await house.orchestrator.cancel(first.id, "enough")
    assert (await house.finished(second.id)).run.state is RunState.SUCCESS


async def test_closing_does_not_wait_for_those_that_wait(house: House) -> None:
    first, hold = await working(house)
    second = await house.new_run("Build another thing")
    await house.orchestrator.start(second.id)
    await says_why(house, second)
    await asyncio.wait_for(house.orchestrator.close(), PATIENCE)
    assert hold.cancelled
    for run in (first, second):
        detail = await house.store.queries.run(run.id)
        assert detail.run.state is RunState.CANCELLED
    assert {task.run.id for task in house.stages.tasks} == {first.id}


async def test_what_a_dead_host_left_in_the_workspace_comes_first(
    house: House, tmp_path: Path
) -> None:
    first, _hold = await working(house)
    second = await house.new_run("Build another thing")
    await house.depart()
    after = await build(tmp_path / "data", FakeStages())  # a command: it takes nothing up
    await after.orchestrator.start(second.id)
    assert (await after.finished(second.id)).run.state is RunState.SUCCESS
    assert (await after.finished(first.id)).run.state is RunState.SUCCESS
    ran = [task.run.id for task in after.stages.tasks]
    assert ran == [first.id] * 4 + [second.id] * 4
    assert after.stages.tasks[0].resumed
    await after.store.close()
