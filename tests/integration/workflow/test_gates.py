"""Gates: asked once, over restarts, and tied to what was approved."""

from __future__ import annotations

from pathlib import Path

import pytest

from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.questions import Question, QuestionKind
from foredeck.services.domain.records import FailureClass, SkipCause
from foredeck.services.domain.states import QuestionState, RunState, StepState
from foredeck.services.domain.views import RunDetail
from foredeck.services.questions.service import Reply
from foredeck.services.workflow import interventions
from foredeck.services.workflow.previews import InterventionPreviews
from tests.integration.workflow.conftest import House, build
from tests.support.dags import gate, work
from tests.support.stages import FakeStages, fail

VOIDED = "Voids the approval of “Sign-Off”: it is asked again."
LINE = (work("build"), gate("sign-off", "build"), work("ship", "sign-off"))


async def waits(house: House, *steps: object, **of_workflow: object) -> tuple[str, Question]:
    """Start a run of these steps; return it with what its gate asks."""
    run = await house.new_dag(*(steps or LINE), **of_workflow)  # type: ignore[arg-type]
    await house.orchestrator.start(run.id)
    return run.id, await house.asked(run.id)


async def approved(house: House, *steps: object) -> RunDetail:
    run_id, _question = await waits(house, *steps)
    await house.answer(run_id, "approve")
    return await house.finished(run_id)


async def questions_of(house: House, detail: RunDetail, key: str) -> list[Question]:
    step = next(step for step in detail.steps if step.key == key)
    async with house.store.transaction() as tx:
        found = [await tx.questions.by_key(step.id, n, "gate") for n in range(step.attempt + 1)]
    return [question for question in found if question is not None]


async def test_a_gate_shows_what_is_approved_and_lets_the_rest_go_on(house: House) -> None:
    message = "Ship {{steps.build.summary}} ({{steps.build.state}})?"
    steps = (work("build"), gate("sign-off", "build", message=message), work("ship", "sign-off"))
    run_id, question = await waits(house, *steps)
    assert question.kind is QuestionKind.GATE
    assert question.title == "Ship build is done (success)?"
    assert question.details == "Build (build): success, attempt 1\nbuild is done"
    assert question.choices == ("approve", "reject")
    detail = await house.store.queries.run(run_id)
    assert detail.run.state is RunState.WAITING
    assert detail.steps[1].reason == f"Asks for approval: {question.title}"
    await house.answer(run_id, "approve", "looks good")
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.SUCCESS
    assert detail.steps[1].summary == "approved by user: looks good"
    said = Path(detail.steps[1].output_path or "").read_text()
    assert "Ship build is done (success)?" in said
    assert "approved by user: looks good" in said


async def test_a_long_message_stands_whole_before_what_is_approved(house: House) -> None:
    message = "Ship it?\n" + "word " * 200
    run_id, question = await waits(house, gate("sign-off", message=message))
    assert question.title.startswith("Ship it? word word")
    assert question.title.endswith("…")
    assert question.details == message.strip()
    await house.orchestrator.cancel(run_id, "enough")


async def test_a_rejection_fails_the_gate_once_and_a_retry_asks_again(house: House) -> None:
    run_id, _question = await waits(house)
    await house.answer(run_id, "reject", "the changelog is missing")
    detail = await house.finished(run_id)
    step = detail.steps[1]
    assert (detail.run.state, step.state, step.attempt) == (RunState.FAILED, StepState.FAILED, 1)
    assert step.failure
    assert step.failure.failure_class is FailureClass.REJECTED
    assert step.failure.message == "Rejected: the changelog is missing"
    assert detail.steps[2].state is StepState.SKIPPED
    assert detail.error == "Sign-Off: Rejected: the changelog is missing"
    await house.orchestrator.retry(run_id)
    await house.answer(run_id, "approve")
    assert (await house.finished(run_id)).run.state is RunState.SUCCESS


async def test_the_time_of_a_gate_stands_still_while_it_is_asked(house: House) -> None:
    run_id, question = await waits(house)
    while question.step_id not in house.clock.standing:
        await house.asked(run_id)
    await house.answer(run_id, "approve")
    await house.finished(run_id)
    assert house.clock.standing == set()


async def test_a_gate_is_open_after_the_host_was_killed_and_asked_once(tmp_path: Path) -> None:
    house = await build(tmp_path / "data", FakeStages())
    await house.projects.create("demo")
    run_id, before = await waits(house)
    await house.depart()
    await house.store.close()

    later = await build(tmp_path / "data", FakeStages())
    await later.questions.reconcile()
    await later.orchestrator.recover()
    after = await later.asked(run_id)
    assert (after.id, after.state) == (before.id, QuestionState.OPEN)
    assert (await later.states(run_id))["sign-off"] == "waiting"
    await later.answer(run_id, "approve")
    detail = await later.finished(run_id)
    assert detail.run.state is RunState.SUCCESS
    assert detail.steps[1].attempt == 1
    assert len(await questions_of(later, detail, "sign-off")) == 1
    assert [key for key, _ in later.stages.calls] == ["ship"]
    await later.orchestrator.close()
    await later.store.close()


async def test_an_answer_before_anybody_waits_for_it_counts(tmp_path: Path) -> None:
    house = await build(tmp_path / "data", FakeStages())
    await house.projects.create("demo")
    run_id, _question = await waits(house)
    await house.depart()
    await house.answer(run_id, "approve", "from afar")
    await house.store.close()
    later = await build(tmp_path / "data", FakeStages())
    await later.orchestrator.recover()
    detail = await later.finished(run_id)
    assert detail.steps[1].summary == "approved by user: from afar"
    assert detail.run.state is RunState.SUCCESS
    await later.orchestrator.close()
    await later.store.close()


async def test_skipping_an_open_gate_goes_on_without_an_answer(house: House) -> None:
    run_id, question = await waits(house)
    await house.orchestrator.intervene(
        run_id, lambda tx: interventions.skip(tx, run_id, "sign-off", "not today")
    )
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.SUCCESS
    async with house.store.transaction() as tx:
        assert (await tx.questions.get(question.id)).state is QuestionState.WITHDRAWN


# --- what was approved ----------------------------------------------------------------------


async def test_running_again_before_a_gate_voids_its_approval_visibly(house: House) -> None:
    detail = await approved(house)
    run_id = detail.run.id
    preview = await InterventionPreviews(house.store).rerun(run_id, "build")
    assert VOIDED in preview.lines
    after = await InterventionPreviews(house.store).rerun(run_id, "ship")
    assert VOIDED not in after.lines
    await house.orchestrator.intervene(run_id, lambda tx: interventions.rerun(tx, run_id, "build"))
    question = await house.asked(run_id)
    assert question.details == "Build (build): success, attempt 2\nbuild is done"
    assert ("sign-off", "approval void: re-run from Build") in await house.history(run_id)
    await house.answer(run_id, "reject")
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.FAILED
    assert detail.steps[1].failure
    assert detail.steps[1].failure.message == "Rejected without a comment."
    assert house.stages.calls.count(("ship", 2)) == 0


async def test_a_retry_before_an_approved_gate_asks_it_again(house: House) -> None:
    house.stages.behaviours["lint"] = fail(FailureClass.COMMAND, times=1)
    steps = (work("lint", critical=False), gate("sign-off", "lint"), work("ship", "sign-off"))
    detail = await approved(house, *steps)
    run_id = detail.run.id
    assert detail.run.state is RunState.PARTIAL_SUCCESS
    preview = await house.runs.preview_retry(run_id, None)
    assert preview.lines == (
        "Runs again: Lint.",
        "Stays as it is: Ship.",
        VOIDED,
    )
    await house.orchestrator.retry(run_id)
    question = await house.asked(run_id)
    assert question.details == "Lint (lint): success, attempt 2\nlint is done"
    assert ("sign-off", "approval void: retry of Lint") in await house.history(run_id)
    await house.answer(run_id, "approve", "now clean")
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.SUCCESS
    assert detail.steps[1].summary == "approved by user: now clean"
    assert house.stages.calls.count(("ship", 1)) == 1
    assert ("ship", 2) not in house.stages.calls


async def test_a_retry_before_an_open_gate_asks_it_anew(house: House) -> None:
    """Its question showed what is about to change: an answer to it must not count."""
    house.stages.behaviours["lint"] = fail(FailureClass.COMMAND, times=1)
    steps = (work("lint", critical=False), gate("sign-off", "lint"), work("ship", "sign-off"))
    run_id, before = await waits(house, *steps)
    preview = await house.runs.preview_retry(run_id, None)
    assert preview.lines == (
        "Runs again: Lint.",
        "“Sign-Off” waits for an answer now: it is asked anew.",
    )
    await house.orchestrator.retry(run_id)
    with pytest.raises(Conflict, match="withdrawn already"):
        await house.questions.answer(Reply(question=before.id, answer="approve"))
    after = await house.asked(run_id)
    assert after.details == "Lint (lint): success, attempt 2\nlint is done"
    await house.answer(run_id, "approve")
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.SUCCESS
    assert [step.attempt for step in detail.steps] == [2, 2, 1]


async def test_a_retry_beside_an_approved_gate_leaves_it(house: House) -> None:
    house.stages.behaviours["docs"] = fail(FailureClass.COMMAND, times=1)
    detail = await approved(house, *LINE, work("docs"))
    await house.orchestrator.retry(detail.run.id)
    detail = await house.finished(detail.run.id)
    assert detail.run.state is RunState.SUCCESS
    assert [step.attempt for step in detail.steps] == [1, 1, 1, 2]


async def test_skipping_what_held_back_a_step_before_a_gate_asks_again(house: House) -> None:
    """Build failed, test was skipped behind it, check by a person: the gate was approved."""
    house.stages.behaviours["build"] = fail(FailureClass.COMMAND)
    steps = (
        work("build"),
        work("test", "build"),
        work("check", "test"),
        gate("sign-off", "check"),
        work("slow"),
    )
    run = await house.new_dag(*steps)
    run_id = run.id
    async with house.store.transaction() as tx:
        check = next(s for s in await tx.steps.of_run(run_id) if s.key == "check")
        await tx.move_step(check.id, StepState.SKIPPED, skip_cause=SkipCause.PERSON)
    await house.orchestrator.start(run_id)
    await house.answer(run_id, "approve")
    await house.finished(run_id)
    preview = await InterventionPreviews(house.store).skip(run_id, "build")
    assert VOIDED in preview.lines
    await house.orchestrator.intervene(
        run_id, lambda tx: interventions.skip(tx, run_id, "build", "")
    )
    await house.answer(run_id, "approve")
    assert (await house.finished(run_id)).run.state is RunState.SUCCESS
    history = await house.history(run_id)
    assert ("sign-off", "approval void: Build was skipped") in history


async def test_what_a_restart_does_is_said_before(house: House) -> None:
    detail = await approved(house)
    preview = await InterventionPreviews(house.store).restart(detail.run.id)
    assert preview.possible
    assert "Runs: Build, Sign-Off, Ship." in preview.lines
    assert "Asks again: Sign-Off. Approvals of this run do not count there." in preview.lines
