"""Steps that the definition marks as done: skipped from the start, and satisfied."""

from foredeck.services.domain.records import SkipCause, StepKind
from foredeck.services.domain.states import RunState
from foredeck.services.domain.workflow import Rework, StepSpec, WorkflowSpec
from foredeck.services.workflow.rework import SKIPPED
from foredeck.services.workflow.runs import RunWish
from tests.integration.workflow.conftest import House
from tests.support.stages import send_back


def stage(role: str, *needs: str, skip: bool = False, rework: str = "") -> StepSpec:
    return StepSpec(
        id=role,
        kind=StepKind.AGENT,
        title=role.title(),
        needs=needs,
        role=role,
        skip=skip,
        critical=not rework,
        rework=Rework(rework) if rework else None,
    )


async def start(house: House, *steps: StepSpec) -> str:
    wish = RunWish("demo", "Build a thing", workflow=WorkflowSpec("mine", steps))
    run = await house.runs.create(wish)
    await house.orchestrator.start(run.id)
    return run.id


async def test_a_done_step_is_skipped_and_what_needs_it_runs(house: House) -> None:
    run_id = await start(house, stage("planner", skip=True), stage("builder", "planner"))
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.SUCCESS
    assert await house.states(run_id) == {"planner": "skipped", "builder": "success"}
    assert [key for key, _ in house.stages.calls] == ["builder"]
    async with house.store.transaction() as tx:
        done, _ = await tx.steps.of_run(run_id)
    assert (done.skip_cause, done.reason, done.attempt) == (SkipCause.PERSON, SKIPPED, 0)
    assert done.ended_at is not None
    history = await house.store.queries.history(run_id)
    first = next(h for h in history if h.subject == "planner")
    assert (first.old, first.new, first.reason) == ("", "skipped", SKIPPED)


async def test_a_run_of_nothing_but_done_steps_succeeds(house: House) -> None:
    run_id = await start(house, stage("planner", skip=True), stage("qa_qc", skip=True))
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.SUCCESS
    assert house.stages.calls == []


async def test_a_restart_leaves_it_skipped(house: House) -> None:
    run_id = await start(house, stage("planner", skip=True), stage("builder", "planner"))
    await house.finished(run_id)
    again = await house.runs.restart(run_id)
    await house.orchestrator.start(again.id)
    await house.finished(again.id)
    assert await house.states(again.id) == {"planner": "skipped", "builder": "success"}


async def test_it_is_skipped_in_every_round(house: House) -> None:
    house.stages.behaviours["prod_ready"] = send_back
    run_id = await start(
        house,
        stage("builder"),
        stage("qa_qc", "builder", skip=True),
        stage("prod_ready", "qa_qc", rework="builder"),
    )
    await house.finished(run_id)
    states = await house.states(run_id)
    assert (states["qa_qc"], states["qa_qc#2"]) == ("skipped", "skipped")
    assert "qa_qc" not in [key for key, _ in house.stages.calls]
    assert ("prod_ready#2", 1) in house.stages.calls
