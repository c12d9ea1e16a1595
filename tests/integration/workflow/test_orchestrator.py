"""Runs from start to end on a real database."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services import patience
from foredeck.services.domain.errors import Conflict, InvalidInput, StorageFull
from foredeck.services.domain.records import FailureClass
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.workflow.runs import RunWish
from tests.integration.workflow.conftest import House, build
from tests.support.stages import FakeStages, Hold, fail, lose, send_back

FIRST_ROUND = ["planner", "builder", "qa_qc", "prod_ready"]


async def test_the_four_stages_run_in_order_and_the_run_succeeds(house: House) -> None:
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.SUCCESS
    assert [key for key, _ in house.stages.calls] == FIRST_ROUND
    assert detail.summary == "prod_ready is done"
    assert (detail.run.done, detail.run.total) == (4, 4)
    assert house.stages.tasks[2].summaries == (
        ("planner", "planner is done"),
        ("builder", "builder is done"),
    )


async def test_a_failed_stage_fails_the_run_and_skips_what_follows(house: House) -> None:
    house.stages.behaviours["builder"] = fail(FailureClass.AUTHENTICATION)
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.FAILED
    assert await house.states(run.id) == {
        "planner": "success",
        "builder": "failed",
        "qa_qc": "skipped",
        "prod_ready": "skipped",
    }
    assert detail.error == "Builder: It did not work."


async def test_a_retry_keeps_the_finished_stages_and_adds_an_attempt(house: House) -> None:
    house.stages.behaviours["builder"] = fail(FailureClass.MODEL, times=1)
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await house.finished(run.id)
    await house.orchestrator.retry(run.id)
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.SUCCESS
    assert house.stages.calls.count(("planner", 1)) == 1
    assert ("builder", 2) in house.stages.calls
    assert detail.error == ""
    outputs = sorted(p.name for p in Path(detail.steps[1].output_path or "").parent.glob("*.log"))
    assert {"builder.1.log", "builder.2.log"} <= set(outputs)


async def test_a_transient_failure_is_tried_again_by_itself(house: House) -> None:
    house.stages.behaviours["planner"] = fail(FailureClass.NETWORK, times=1)
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.SUCCESS
    assert ("planner", 2) in house.stages.calls
    history = await house.store.queries.history(run.id)
    assert ("planner", "running", "retry") in [(h.subject, h.old, h.new) for h in history]


async def test_a_verdict_that_wants_work_appends_a_round(house: House) -> None:
    house.stages.behaviours["prod_ready"] = send_back
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    detail = await house.finished(run.id)
    assert [s.key for s in detail.steps][4:] == ["builder#2", "qa_qc#2", "prod_ready#2"]
    assert detail.run.state is RunState.SUCCESS
    again = next(task for task in house.stages.tasks if task.step.key == "builder#2")
    assert again.rework_items == ("the tests are missing",)


async def test_a_verdict_that_stays_negative_is_a_partial_success(house: House) -> None:
    house.stages.behaviours |= {"prod_ready": send_back, "prod_ready#2": send_back}
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.PARTIAL_SUCCESS
    last = detail.steps[-1]
    assert last.state is StepState.FAILED
    assert last.failure
    assert last.failure.failure_class is FailureClass.VERDICT


async def test_cancel_stops_the_stage_and_says_why(house: House) -> None:
    hold = Hold()
    house.stages.behaviours["builder"] = hold
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(hold.started.wait(), 10)
    await house.orchestrator.cancel(run.id, "changed my mind")
    detail = await house.finished(run.id)
    assert hold.cancelled
    assert detail.run.state is RunState.CANCELLED
    assert [s.state.value for s in detail.steps] == [
        "success",
        "cancelled",
        "cancelled",
        "cancelled",
    ]
    assert detail.steps[1].reason == "changed my mind"
    with pytest.raises(Conflict, match="nothing to stop"):
        await house.orchestrator.cancel(run.id, "again")


async def test_a_cancelled_run_goes_on_from_its_stage_when_retried(house: House) -> None:
    hold = Hold()
    house.stages.behaviours["builder"] = hold
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(hold.started.wait(), 10)
    await house.orchestrator.cancel(run.id, "pause")
    hold.release.set()
    await house.orchestrator.retry(run.id)
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.SUCCESS
    assert house.stages.calls.count(("planner", 1)) == 1


async def test_closing_stops_the_runs_and_stores_that(house: House) -> None:
    hold = Hold()
    house.stages.behaviours["planner"] = hold
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(hold.started.wait(), 10)
    await house.orchestrator.close()
    detail = await house.store.queries.run(run.id)
    assert detail.run.state is RunState.CANCELLED
    assert detail.steps[0].reason == "Foredeck was closed"


async def test_a_step_that_was_left_goes_on_in_the_same_attempt(
    house: House, tmp_path: Path
) -> None:
    hold = Hold()
    house.stages.behaviours["builder"] = hold
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(hold.started.wait(), 10)
    await house.depart()
    assert hold.cancelled
    assert (await house.states(run.id))["builder"] == "running"

    after = await build(tmp_path / "data", FakeStages())
    await after.orchestrator.recover()
    detail = await after.finished(run.id)
    assert detail.run.state is RunState.SUCCESS
    assert after.stages.calls[0] == ("builder", 1)
    assert ("planner", 1) not in after.stages.calls
    assert [task.resumed for task in after.stages.tasks] == [True, False, False]
    history = await after.store.queries.history(run.id)
    assert [e.new for e in history if e.subject == "builder"] == ["pending", "running", "success"]
    await after.store.close()


async def test_what_was_left_can_be_held_behind_the_step_under_way(
    house: House, tmp_path: Path
) -> None:
    hold = Hold()
    house.stages.behaviours["builder"] = hold
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(hold.started.wait(), 10)
    await house.depart()
    after = await build(tmp_path / "data", FakeStages())
    await after.orchestrator.recover(hold=True)
    detail = await after.finished(run.id)
    assert detail.run.state is RunState.WAITING
    assert [s.state.value for s in detail.steps] == ["success", "success", "pending", "pending"]
    await after.orchestrator.resume(run.id)
    assert (await after.finished(run.id)).run.state is RunState.SUCCESS
    await after.store.close()


async def test_what_is_stopped_before_it_was_taken_up_is_ended_all_the_same(
    house: House, tmp_path: Path
) -> None:
    hold = Hold()
    house.stages.behaviours["builder"] = hold
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await hold.started.wait()
    await house.depart()
    assert house.abandoned == []

    after = await build(tmp_path / "data", FakeStages())
    await after.orchestrator.recover()
    await after.orchestrator.cancel(run.id, "changed my mind")
    assert after.stages.calls == []
    assert after.abandoned == [(run.id, None)]
    assert (await after.states(run.id))["builder"] == "cancelled"
    await after.store.close()


async def test_a_left_run_can_be_taken_up_by_hand(house: House, tmp_path: Path) -> None:
    hold = Hold()
    house.stages.behaviours["builder"] = hold
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(hold.started.wait(), 10)
    await house.depart()
    after = await build(tmp_path / "data", FakeStages())
    await after.orchestrator.resume(run.id)
    assert (await after.finished(run.id)).run.state is RunState.SUCCESS
    assert after.stages.calls[0] == ("builder", 1)
    await after.store.close()


async def test_all_that_was_left_is_driven_at_once_but_what_cannot_be_read(
    house: House, tmp_path: Path
) -> None:
    broken, *runs = [await house.new_run() for _ in range(5)]
    async with house.store.transaction() as tx:
        for run in (broken, *runs):
            await tx.move_run(run.id, RunState.RUNNING)
        await tx.runs.save(replace(await tx.runs.get(broken.id), definition="{"))
    await house.depart()

    after = await build(tmp_path / "data", FakeStages())
    await after.orchestrator.recover()
    assert set(after.orchestrator.driven_runs) == {run.id for run in runs}
    for run in runs:
        assert (await after.finished(run.id)).run.state is RunState.SUCCESS
    given_up = (await after.finished(broken.id)).run
    assert given_up.state is RunState.CANCELLED
    await after.store.close()


async def test_a_lost_turn_waits_for_a_person_and_is_gone_on_with(house: House) -> None:
    house.stages.behaviours["builder"] = lose(times=1)
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.WAITING
    assert detail.steps[1].state is StepState.WAITING
    assert detail.steps[1].ended_at is not None
    assert "resume the run" in detail.steps[1].failure.advice  # type: ignore[union-attr]

    await house.orchestrator.resume(run.id)
    assert (await house.finished(run.id)).run.state is RunState.SUCCESS
    again = next(t for t in house.stages.tasks if t.step.key == "builder" and t.attempt == 2)
    assert (again.resumed, again.continues) == (True, 1)
    with pytest.raises(Conflict, match="nothing in it was cut off"):
        await house.orchestrator.resume(run.id)


async def test_a_lost_turn_can_be_retried_from_the_beginning(house: House) -> None:
    house.stages.behaviours["builder"] = lose(times=1)
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await house.finished(run.id)
    await house.orchestrator.retry(run.id)
    assert (await house.finished(run.id)).run.state is RunState.SUCCESS
    again = next(t for t in house.stages.tasks if t.step.key == "builder" and t.attempt == 2)
    assert (again.resumed, again.continues) == (False, 0)


async def test_a_workspace_that_vanished_fails_the_stage_with_a_sentence(house: House) -> None:
    run = await house.new_run()
    async with house.store.transaction() as tx:
        project = await tx.projects.find("demo")
    shutil.rmtree(project.workspace)
    await house.orchestrator.start(run.id)
    detail = await house.finished(run.id)
    failure = detail.steps[0].failure
    assert failure
    assert failure.failure_class is FailureClass.WORKSPACE
    assert project.workspace in failure.message


async def test_an_unexpected_error_becomes_a_failed_step_with_its_traceback(house: House) -> None:
    async def broken(_task: object) -> object:
        raise RuntimeError("surprise")

    house.stages.behaviours["planner"] = broken  # type: ignore[assignment]
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    failure = (await house.finished(run.id)).steps[0].failure
    assert failure
    assert failure.failure_class is FailureClass.INTERNAL
    assert "surprise" in failure.detail


async def test_a_full_disk_is_waited_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real, refused = house.store.transaction, 0

    def full_twice(actor: str = "host") -> object:
        nonlocal refused
        if refused < 2 and house.stages.calls:
            refused += 1
            raise StorageFull("The disk is full.", "Free some space.")
        return real(actor)

    monkeypatch.setattr(house.store, "transaction", full_twice)
    monkeypatch.setattr(patience, "PAUSE", 0)
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    assert (await house.finished(run.id)).run.state is RunState.SUCCESS
    assert refused == 2


@pytest.mark.parametrize("request_text", ["", "   \n\t ", "x" * 200_001])
async def test_a_request_that_says_nothing_or_too_much_is_refused(
    house: House, request_text: str
) -> None:
    with pytest.raises(InvalidInput):
        await house.runs.create(RunWish("demo", request_text))
    assert (await house.store.queries.runs()).total == 0


async def test_a_second_start_is_a_conflict(house: House) -> None:
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    with pytest.raises(Conflict, match="started already"):
        await house.orchestrator.start(run.id)


async def test_the_previews_say_what_would_happen(house: House) -> None:
    hold = Hold()
    house.stages.behaviours["builder"] = hold
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(hold.started.wait(), 10)
    assert not (await house.runs.preview_retry(run.id, None)).possible
    preview = await house.runs.preview_cancel(run.id)
    assert preview.lines[0] == "Builder stops now."
    await house.orchestrator.cancel(run.id, "enough")
    preview = await house.runs.preview_retry(run.id, None)
    assert preview.lines == (
        "Runs again: Builder.",
        "Follows after that: QA/QC, Production Readiness.",
        "Stays as it is: Planner.",
    )
    assert not (await house.runs.preview_cancel(run.id)).possible
