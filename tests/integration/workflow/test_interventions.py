"""Pause, skip, other prompts, re-run and budgets on a real database."""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from foredeck.services.agents.stage import StageOutcome, StageTask
from foredeck.services.domain.clock import now
from foredeck.services.domain.errors import Conflict, NotFound
from foredeck.services.domain.events import NoticeRaised
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import FailureClass, Message, Role, SkipCause, TokenUsage
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.store.store import Store
from foredeck.services.workflow import interventions
from foredeck.services.workflow.previews import InterventionPreviews
from foredeck.services.workflow.prompting import PromptService
from foredeck.services.workflow.runs import RunWish
from tests.integration.workflow.conftest import House, build
from tests.support.stages import Behaviour, FakeStages, Hold, fail, lose, send_back, succeed


async def pause(house: House, run_id: str, reason: str = "") -> None:
    await house.orchestrator.intervene(run_id, lambda tx: interventions.pause(tx, run_id, reason))


async def skip(house: House, run_id: str, key: str, reason: str = "") -> None:
    await house.orchestrator.intervene(
        run_id, lambda tx: interventions.skip(tx, run_id, key, reason)
    )


async def rerun(house: House, run_id: str, key: str) -> None:
    await house.orchestrator.intervene(run_id, lambda tx: interventions.rerun(tx, run_id, key))


async def budget(
    house: House, run_id: str, tokens: int | None = None, cost: float | None = None
) -> None:
    await house.orchestrator.intervene(
        run_id, lambda tx: interventions.set_budget(tx, run_id, tokens, cost)
    )


async def begun(house: House, key: str) -> tuple[str, Hold]:
    """Return a run whose step `key` works, and what holds it."""
    hold = Hold()
    house.stages.behaviours[key] = hold
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(hold.started.wait(), 10)
    return run.id, hold


async def finished(house: House) -> str:
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await house.orchestrator.wait(run.id)
    return run.id


async def history(house: House, run_id: str) -> list[tuple[str, str]]:
    return [(h.subject, h.reason) for h in await house.store.queries.history(run_id)]


# --- pause --------------------------------------------------------------------------------


async def test_a_paused_run_lets_its_stage_end_and_starts_nothing_more(house: House) -> None:
    run_id, hold = await begun(house, "builder")
    await pause(house, run_id, "lunch")
    assert (await house.store.queries.run(run_id)).run.state is RunState.RUNNING
    hold.release.set()
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.WAITING
    assert detail.paused_at is not None
    assert [s.state.value for s in detail.steps] == ["success", "success", "pending", "pending"]
    assert ("run", "paused: lunch") in await history(house, run_id)
    with pytest.raises(Conflict, match="paused already"):
        await pause(house, run_id)
    await house.orchestrator.resume(run_id)
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.SUCCESS
    assert detail.paused_at is None
    assert [key for key, _ in house.stages.calls] == ["planner", "builder", "qa_qc", "prod_ready"]


async def test_a_pause_survives_the_host(tmp_path: Path, house: House) -> None:
    run_id, hold = await begun(house, "builder")
    await pause(house, run_id)
    await house.depart()
    await house.store.close()
    stages = FakeStages()
    later = await build(tmp_path / "data", stages)
    await later.orchestrator.recover()
    detail = await later.finished(run_id)
    # The stage that was under way went on; nothing began after it.
    assert stages.calls == [("builder", 1)]
    assert detail.run.state is RunState.WAITING
    await later.orchestrator.resume(run_id)
    assert (await later.finished(run_id)).run.state is RunState.SUCCESS
    await later.orchestrator.close()
    await later.store.close()
    house.store = await Store.open(tmp_path / "data", house.bus)
    assert not hold.release.is_set()


async def test_a_run_that_backs_off_pauses_at_once(house: House) -> None:
    house.stages.behaviours["planner"] = fail(FailureClass.NETWORK)
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    while (await house.store.queries.run(run.id)).run.state is not RunState.RETRY:
        await asyncio.sleep(0)
    await pause(house, run.id)
    detail = await house.finished(run.id)
    assert (detail.run.state, detail.steps[0].state) == (RunState.WAITING, StepState.RETRY)


async def test_resuming_before_the_stage_ends_takes_the_pause_back(house: House) -> None:
    run_id, hold = await begun(house, "builder")
    await pause(house, run_id)
    await house.orchestrator.resume(run_id)
    hold.release.set()
    assert (await house.finished(run_id)).run.state is RunState.SUCCESS


async def test_only_an_active_run_is_paused_and_only_a_held_one_resumed(house: House) -> None:
    run_id = await finished(house)
    with pytest.raises(Conflict, match="nothing to pause"):
        await pause(house, run_id)
    with pytest.raises(Conflict, match="not paused"):
        await house.orchestrator.resume(run_id)


# --- skip ---------------------------------------------------------------------------------


async def test_a_skipped_step_counts_as_satisfied(house: House) -> None:
    run_id, hold = await begun(house, "builder")
    await skip(house, run_id, "qa_qc", "by hand")
    hold.release.set()
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.SUCCESS
    assert (detail.steps[2].state, detail.steps[2].reason) == (StepState.SKIPPED, "by hand")
    assert detail.steps[3].state is StepState.SUCCESS
    entries = await house.store.queries.history(run_id)
    assert ("qa_qc", "skipped", "user", "by hand") in [
        (h.subject, h.new, h.actor, h.reason) for h in entries
    ]


async def test_skipping_what_failed_releases_what_was_skipped_behind_it(house: House) -> None:
    house.stages.behaviours["builder"] = fail(FailureClass.MODEL)
    run_id = await finished(house)
    await skip(house, run_id, "builder")
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.SUCCESS
    assert [s.state.value for s in detail.steps] == ["success", "skipped", "success", "success"]
    assert detail.error == ""


async def test_skipping_a_lost_step_goes_on(house: House) -> None:
    house.stages.behaviours["builder"] = lose()
    run_id = await finished(house)
    await skip(house, run_id, "builder")
    assert (await house.finished(run_id)).run.state is RunState.SUCCESS


async def test_a_step_that_works_or_is_done_cannot_be_skipped(house: House) -> None:
    run_id, hold = await begun(house, "builder")
    with pytest.raises(Conflict, match="is running"):
        await skip(house, run_id, "builder")
    with pytest.raises(Conflict, match="it is success"):
        await skip(house, run_id, "planner")
    with pytest.raises(NotFound, match="no step nothing"):
        await skip(house, run_id, "nothing")
    hold.release.set()


async def test_skipping_in_the_middle_of_a_question_ends_the_attempt(house: House) -> None:
    run_id, hold = await begun(house, "builder")
    detail = await house.store.queries.run(run_id)
    async with house.store.transaction() as tx:
        await tx.move_step(detail.steps[1].id, StepState.WAITING, reason="Which database?")
    await skip(house, run_id, "builder")
    detail = await house.finished(run_id)
    assert hold.cancelled
    assert detail.run.state is RunState.SUCCESS
    assert detail.steps[1].state is StepState.SKIPPED


async def test_a_skip_before_the_start_does_not_start_the_run(house: House) -> None:
    run = await house.new_run()
    await skip(house, run.id, "planner")
    assert (await house.store.queries.run(run.id)).run.state is RunState.CREATED
    await house.orchestrator.start(run.id)
    await house.finished(run.id)
    assert house.stages.calls[0] == ("builder", 1)


# --- re-run -------------------------------------------------------------------------------


async def test_running_again_from_a_step_repeats_what_is_finished(house: House) -> None:
    run_id = await finished(house)
    await rerun(house, run_id, "qa_qc")
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.SUCCESS
    assert house.stages.calls[4:] == [("qa_qc", 2), ("prod_ready", 2)]
    assert ("qa_qc", "re-run from Qa_Qc") not in await history(house, run_id)
    assert ("qa_qc", "re-run from QA/QC") in await history(house, run_id)


async def test_a_later_round_is_void_until_a_new_verdict_asks_for_it(house: House) -> None:
    house.stages.behaviours["prod_ready"] = send_back
    run_id = await finished(house)
    house.stages.behaviours["prod_ready"] = succeed
    await rerun(house, run_id, "builder")
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.SUCCESS
    assert [s.state.value for s in detail.steps] == ["success"] * 4 + ["skipped"] * 3
    assert "re-run from Builder" in detail.steps[4].reason
    assert detail.steps[6].verdict is None
    async with house.store.transaction() as tx:
        assert (await tx.steps.of_run(run_id))[4].skip_cause is SkipCause.VOID

    house.stages.behaviours["prod_ready"] = send_back
    await rerun(house, run_id, "prod_ready")
    detail = await house.finished(run_id)
    assert detail.run.state is RunState.SUCCESS
    assert [s.key for s in detail.steps][4:] == ["builder#2", "qa_qc#2", "prod_ready#2"]
    assert [s.attempt for s in detail.steps] == [1, 2, 2, 3, 2, 2, 2]


async def test_a_retry_leaves_void_rounds_and_skips_of_a_person_alone(house: House) -> None:
    house.stages.behaviours["prod_ready"] = send_back
    run_id = await finished(house)
    house.stages.behaviours["prod_ready"] = fail(FailureClass.MODEL, times=1)
    await rerun(house, run_id, "builder")
    await house.finished(run_id)
    await house.orchestrator.retry(run_id)
    detail = await house.finished(run_id)
    assert [s.state.value for s in detail.steps] == ["success"] * 4 + ["skipped"] * 3


async def test_a_working_run_does_not_go_back_and_neither_does_a_void_round(house: House) -> None:
    run_id, hold = await begun(house, "builder")
    with pytest.raises(Conflict, match="cannot go back now"):
        await rerun(house, run_id, "planner")
    house.stages.behaviours["prod_ready"] = send_back
    hold.release.set()
    await house.finished(run_id)
    house.stages.behaviours["prod_ready"] = succeed
    await rerun(house, run_id, "builder")
    await house.finished(run_id)
    with pytest.raises(Conflict, match="no longer counts"):
        await rerun(house, run_id, "builder#2")


async def test_a_paused_run_goes_back_and_goes_on(house: House) -> None:
    run_id, hold = await begun(house, "qa_qc")
    await pause(house, run_id)
    hold.release.set()
    await house.finished(run_id)
    with pytest.raises(Conflict, match="has yet to start"):
        await rerun(house, run_id, "prod_ready")
    assert (await house.finished(run_id)).paused_at is not None
    await rerun(house, run_id, "builder")
    detail = await house.finished(run_id)
    assert (detail.run.state, detail.paused_at) == (RunState.SUCCESS, None)
    assert [s.attempt for s in detail.steps] == [1, 2, 2, 1]


async def test_a_preview_says_what_repeats_and_what_is_void(house: House) -> None:
    house.stages.behaviours["prod_ready"] = send_back
    run_id = await finished(house)
    previews = InterventionPreviews(house.store)
    preview = await previews.rerun(run_id, "builder")
    assert preview.repeats_finished
    assert preview.lines[:3] == (
        "Runs again: Builder, QA/QC, Production Readiness.",
        "No longer counts: Builder #2, QA/QC #2, Production Readiness #2.",
        "Stays as it is: Planner.",
    )
    assert "Void: the verdict of Production Readiness (NEEDS WORK)." in preview.lines
    refused = await previews.skip(run_id, "builder")
    assert not refused.possible
    assert "cannot be skipped" in refused.reason


# --- prompts ------------------------------------------------------------------------------


async def test_an_edited_prompt_is_what_the_stage_and_its_retries_get(house: House) -> None:
    house.stages.behaviours["builder"] = fail(FailureClass.MODEL, times=1)
    prompts = PromptService(house.store)
    run = await house.new_run("Build a clock")
    before = await prompts.show(run.id, "builder")
    assert "Build a clock" in before.text
    assert not before.edited
    after = await prompts.replace(run.id, "builder", "Build a sundial instead.")
    assert (after.text, after.original) == ("Build a sundial instead.", before.text)
    await house.orchestrator.start(run.id)
    await house.finished(run.id)
    await house.orchestrator.retry(run.id)
    await house.finished(run.id)
    edits = [t.edit.text if t.edit else None for t in house.stages.tasks]
    assert edits == [None, "Build a sundial instead.", "Build a sundial instead.", None, None]
    assert ("builder", "prompt edited") in await history(house, run.id)


async def test_an_edit_is_taken_back_and_both_texts_stay(house: House) -> None:
    prompts = PromptService(house.store)
    run = await house.new_run()
    own = (await prompts.show(run.id, "planner")).text
    await prompts.replace(run.id, "planner", "Plan less.")
    view = await prompts.replace(run.id, "planner", "")
    assert (view.text, view.edited) == (own, False)
    same = await prompts.replace(run.id, "planner", own)
    assert not same.edited


async def test_a_prompt_that_has_been_given_is_not_edited(house: House) -> None:
    run_id, hold = await begun(house, "builder")
    with pytest.raises(Conflict, match="under way"):
        await PromptService(house.store).replace(run_id, "builder", "Something else")
    hold.release.set()


# --- restart ------------------------------------------------------------------------------


async def test_a_restart_is_a_new_run_that_both_know_of(house: House) -> None:
    run_id = await finished(house)
    again = await house.runs.restart(run_id)
    old, new = [await house.store.queries.run(i) for i in (run_id, again.id)]
    assert (old.restarts, new.parent_run_id) == ((again.id,), run_id)
    assert (new.request, new.run.trigger.value) == (old.request, "retry")
    await house.orchestrator.start(again.id)
    assert (await house.finished(again.id)).run.state is RunState.SUCCESS


# --- budgets ------------------------------------------------------------------------------


def using(store: Store, tokens: int, then: Behaviour = succeed) -> Behaviour:
    """A stage that uses so many tokens."""

    async def behaviour(task: StageTask) -> StageOutcome:
        said = Message(
            id=new_id(),
            run_id=task.run.id,
            step_id=task.step.id,
            attempt=task.attempt,
            position=0,
            role=Role.ASSISTANT,
            content="Done.",
            at=now(),
            model="gpt",
            usage=TokenUsage(input=tokens),
        )
        async with store.transaction() as tx:
            await tx.messages.add(said)
        return await then(task)

    return behaviour


async def test_a_spent_budget_stops_before_the_next_step_and_a_larger_one_goes_on(
    house: House,
) -> None:
    use = partial(using, house.store)
    house.stages.behaviours |= {"planner": use(850), "builder": use(400)}
    notices = house.bus.subscribe()
    run = await house.runs.create(RunWish("demo", "Build it", budget_tokens=1000))
    await house.orchestrator.start(run.id)
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.WAITING
    held = detail.steps[2]
    assert (held.state, held.over_budget) == (StepState.WAITING, True)
    assert held.reason == "budget: 1.2 of 1.0 k tokens used: raise it to go on"
    assert [key for key, _ in house.stages.calls] == ["planner", "builder"]

    await budget(house, run.id, tokens=1100)
    detail = await house.finished(run.id)
    assert detail.steps[2].reason == "budget: 1.2 of 1.1 k tokens used: raise it to go on"
    await budget(house, run.id, tokens=0)
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.SUCCESS
    assert not detail.steps[2].over_budget
    said = await house.store.queries.transcript(run.id)
    assert [e.content for e in said if e.role is Role.SYSTEM] == [
        "budget: 0.8 of 1.0 k tokens used"
    ]
    raised = []
    async for event in notices:
        raised += [event.message] if isinstance(event, NoticeRaised) else []
        if raised:
            break
    assert "budget: 0.8 of 1.0 k tokens used" in raised[0]


async def test_a_budget_of_the_project_binds_all_its_runs(house: House) -> None:
    house.stages.behaviours["planner"] = using(house.store, 500)
    async with house.store.transaction() as tx:
        project = await tx.projects.find("demo")
        settings = replace(project.settings, budget_tokens=900)
        await tx.projects.save(replace(project, settings=settings))
    first = await finished(house)
    assert (await house.store.queries.run(first)).run.state is RunState.SUCCESS
    second = await house.new_run()
    await house.orchestrator.start(second.id)
    detail = await house.finished(second.id)
    assert detail.run.state is RunState.WAITING
    assert detail.steps[1].reason.startswith("project budget: 1,000 of 900 tokens used")
    await house.orchestrator.resume(second.id)
    assert (await house.finished(second.id)).run.state is RunState.WAITING
    async with house.store.transaction() as tx:
        await tx.projects.save(project)
    await house.orchestrator.resume(second.id)
    assert (await house.finished(second.id)).run.state is RunState.SUCCESS


async def test_an_unknown_price_is_said_once_and_stops_nothing(house: House) -> None:
    house.stages.behaviours["planner"] = using(house.store, 500)
    run = await house.runs.create(RunWish("demo", "Build it", budget_cost=0.01))
    await house.orchestrator.start(run.id)
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.SUCCESS
    said = [
        e.content for e in await house.store.queries.transcript(run.id) if e.role is Role.SYSTEM
    ]
    assert said == ["budget: $0.01 cannot be kept to, for a price is not known"]
