"""Commands that meet: two clients at once, a cancel in the first moment, closing meanwhile."""

import asyncio
from pathlib import Path

import pytest

from foredeck.services import patience
from foredeck.services.agents.stage import StageOutcome, StageTask
from foredeck.services.domain.errors import Conflict, StorageFull
from foredeck.services.domain.records import FailureClass, Run, Step
from foredeck.services.domain.states import FINAL_RUNS, RunState, StepState
from foredeck.services.workflow.execution import StepExecution
from foredeck.services.workflow.orchestrator import Orchestrator
from foredeck.services.workflow.outcomes import RunContext
from tests.integration.workflow.conftest import House
from tests.support.stages import Hold, fail

PATIENCE = 10


async def started(hold: Hold) -> None:
    await asyncio.wait_for(hold.started.wait(), PATIENCE)


async def failed_run(house: House) -> Run:
    house.stages.behaviours["builder"] = fail(FailureClass.MODEL, times=1)
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await house.finished(run.id)
    return run


@pytest.fixture
def slow_to_abandon(house: House, tmp_path: Path) -> House:
    """An orchestrator that looks for leftovers in the database, as the real one does."""

    async def abandon(run_id: str, step_id: str | None = None) -> None:
        for _ in range(5):
            async with house.store.transaction() as tx:
                await tx.jobs.of_run(run_id)

    execution = StepExecution(house.store, house.stages, tmp_path / "output")
    house.orchestrator = Orchestrator(house.store, execution, abandon)
    return house


async def test_of_two_retries_at_once_one_is_a_conflict(
    slow_to_abandon: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = slow_to_abandon
    run = await failed_run(house)
    hold = Hold()
    house.stages.behaviours["builder"] = hold
    looked = 0

    async def abandon(_run_id: str, _step_id: str | None = None) -> None:
        nonlocal looked
        looked += 1
        if looked > 1:
            await hold.started.wait()

    monkeypatch.setattr(house.orchestrator, "_abandon", abandon)
    answers = await asyncio.gather(
        house.orchestrator.retry(run.id), house.orchestrator.retry(run.id), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "Run"]
    await started(hold)
    assert (await house.states(run.id))["builder"] == "running"
    hold.release.set()
    assert (await house.finished(run.id)).run.state is RunState.SUCCESS
    assert house.stages.calls.count(("builder", 2)) == 1
    assert ("builder", 3) not in house.stages.calls


async def test_a_cancel_in_the_first_moment_leaves_nothing_that_works(
    slow_to_abandon: House,
) -> None:
    house = slow_to_abandon
    hold = Hold()
    house.stages.behaviours["planner"] = hold
    run = await house.new_run()
    await asyncio.gather(
        house.orchestrator.start(run.id), house.orchestrator.cancel(run.id, "a slip")
    )
    assert (await house.store.queries.run(run.id)).run.state is RunState.CANCELLED
    assert not hold.started.is_set() or hold.cancelled
    await house.finished(run.id)
    detail = await house.store.queries.run(run.id)
    assert {step.state for step in detail.steps} == {StepState.CANCELLED}


async def test_two_clients_may_cancel_at_once(house: House) -> None:
    hold = Hold()
    house.stages.behaviours["planner"] = hold
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await started(hold)
    runs = await asyncio.gather(
        house.orchestrator.cancel(run.id, "first"), house.orchestrator.cancel(run.id, "second")
    )
    assert {run.state for run in runs} == {RunState.CANCELLED}
    assert (await house.store.queries.run(run.id)).steps[0].reason == "first"


async def test_a_retry_beside_a_cancel_leaves_one_driver_or_none(slow_to_abandon: House) -> None:
    house = slow_to_abandon
    hold = Hold()
    house.stages.behaviours["planner"] = hold
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await started(hold)
    cancelling = asyncio.create_task(house.orchestrator.cancel(run.id, "stop"))
    await asyncio.sleep(0)
    del house.stages.behaviours["planner"]
    await house.orchestrator.retry(run.id)
    await cancelling
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.SUCCESS
    assert house.stages.calls.count(("planner", 2)) == 1


async def test_nothing_starts_once_the_house_closes(slow_to_abandon: House) -> None:
    house = slow_to_abandon
    hold = Hold()
    house.stages.behaviours["planner"] = hold
    run, other = await house.new_run(), await house.new_run("Another thing")
    await asyncio.gather(
        house.orchestrator.start(run.id), house.orchestrator.close(), return_exceptions=True
    )
    with pytest.raises(Conflict, match="clos"):
        await house.orchestrator.start(other.id)
    assert not hold.started.is_set() or hold.cancelled
    detail = await house.store.queries.run(run.id)
    assert detail.run.state in {RunState.CREATED, RunState.CANCELLED}


async def test_a_run_is_cancelled_while_it_backs_off(house: House) -> None:
    house.stages.behaviours["planner"] = fail(FailureClass.NETWORK)
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    async with asyncio.timeout(PATIENCE):
        while (await house.states(run.id))["planner"] != "retry":
            await asyncio.sleep(0.01)
    await house.orchestrator.cancel(run.id, "enough")
    assert set((await house.states(run.id)).values()) == {"cancelled"}
    assert len(house.stages.calls) == 1


async def test_a_stage_that_is_broken_off_from_within_does_not_run_for_ever(house: House) -> None:
    async def broken_off(_task: StageTask) -> StageOutcome:
        raise asyncio.CancelledError

    house.stages.behaviours["builder"] = broken_off
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    detail = await house.finished(run.id)
    assert detail.run.state in FINAL_RUNS
    assert detail.steps[1].state is StepState.FAILED
    assert detail.steps[1].failure


async def test_a_run_that_cannot_be_read_does_not_keep_the_others_from_going_on(
    house: House, tmp_path: Path
) -> None:
    broken, sound = await house.new_run("Broken"), await house.new_run("Sound")
    async with house.store.transaction() as tx:
        for run in (broken, sound):
            await tx.move_run(
                run.id, RunState.RUNNING, **({"definition": "{}"} if run is broken else {})
            )
    await house.orchestrator.recover()
    assert (await house.finished(sound.id)).run.state is RunState.SUCCESS
    assert (await house.store.queries.run(broken.id)).run.state is RunState.CANCELLED


@pytest.mark.parametrize("closing", [False, True])
async def test_a_cancelled_attempt_is_not_left_running(house: House, *, closing: bool) -> None:
    hold = Hold()
    house.stages.behaviours["planner"] = hold
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await started(hold)
    await (house.orchestrator.close() if closing else house.orchestrator.cancel(run.id, "stop"))
    async with house.store.transaction() as tx:
        step = (await tx.steps.of_run(run.id))[0]
        attempt = await tx.attempts.latest(step.id)
    assert attempt
    assert attempt.state is StepState.CANCELLED
    assert attempt.ended_at


async def test_an_attempt_cut_off_as_it_begins_is_not_left_running(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()
    begin = StepExecution._begin

    async def begin_and_stay(self: StepExecution, context: RunContext, step: Step) -> object:
        await begin(self, context, step)
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(StepExecution, "_begin", begin_and_stay)
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(begun.wait(), PATIENCE)
    await house.orchestrator.cancel(run.id, "stop")
    async with house.store.transaction() as tx:
        step = (await tx.steps.of_run(run.id))[0]
        attempt = await tx.attempts.latest(step.id)
    assert (step.state, step.reason) == (StepState.CANCELLED, "stop")
    assert attempt
    assert attempt.state is StepState.CANCELLED
    assert attempt.ended_at


async def test_a_full_disk_does_not_keep_the_house_from_closing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = Hold()
    house.stages.behaviours["planner"] = hold
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await started(hold)
    with monkeypatch.context() as full:
        full.setattr(house.store, "transaction", no_room)
        full.setattr(patience, "PAUSE", 0)
        full.setattr(patience, "LAST_WAIT", 0)
        closing = asyncio.create_task(house.orchestrator.close())
        while not hold.cancelled:
            await asyncio.sleep(0)
        house.store.hurry()
        await asyncio.wait_for(closing, PATIENCE)
    # What could not be stored is put right by the next house.
    assert (await house.store.queries.run(run.id)).run.state is RunState.RUNNING


def no_room(actor: str = "host") -> object:
    raise StorageFull("The disk is full.", "Free some space.")
