"""What starts, what is left out and what is stopped: when, fail_fast, priority, references."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.agents.stage import StageOutcome, StageTask
from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.records import FailureClass, SkipCause, StepKind
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import RunDetail
from foredeck.services.domain.workflow import Rework, StepSpec
from foredeck.services.workflow import interventions, when
from foredeck.services.workflow.outcomes import end_attempt
from foredeck.services.workflow.previews import InterventionPreviews
from foredeck.services.workflow.prompting import PromptService
from tests.integration.workflow.conftest import House, build
from tests.support.dags import compare, work
from tests.support.stages import FakeStages, Hold, fail, lose, send_back, succeed


@pytest.fixture(autouse=True)
def _conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(when, "holds", compare)


def states(detail: RunDetail) -> dict[str, str]:
    return {step.key: step.state.value for step in detail.steps}


async def rerun(house: House, run_id: str, key: str) -> RunDetail:
    await house.orchestrator.intervene(run_id, lambda tx: interventions.rerun(tx, run_id, key))
    return await house.finished(run_id)


# --- when -----------------------------------------------------------------------------------


async def test_a_step_whose_condition_does_not_hold_counts_as_satisfied(house: House) -> None:
    condition = 'steps.build.state == "failed"'
    detail = await house.ran(
        work("build"), work("mend", "build", when=condition), work("ship", "mend")
    )
    assert detail.run.state is RunState.SUCCESS
    assert states(detail) == {"build": "success", "mend": "skipped", "ship": "success"}
    assert detail.steps[1].reason == f"its condition does not hold: {condition}"
    assert detail.steps[1].attempt == 0
    assert ("mend", detail.steps[1].reason) in await house.history(detail.run.id)


async def test_a_condition_may_name_inputs_the_matrix_and_summaries(house: House) -> None:
    detail = await house.ran(
        work("test", matrix=(("os", "linux"),), when='matrix.os == "linux"'),
        work("mend", "test", when='steps.test.summary == "test is done"'),
        work("ship", "mend", when='inputs.target == "moon"'),
        inputs=(("target", "mars"),),
    )
    assert states(detail) == {"test": "success", "mend": "success", "ship": "skipped"}


async def test_a_retry_before_it_judges_the_condition_anew(house: House) -> None:
    house.stages.behaviours["test"] = fail(FailureClass.COMMAND, times=1)
    detail = await house.ran(
        work("test", critical=False),
        work("ship", "test", when='steps.test.state == "success"'),
    )
    assert states(detail) == {"test": "failed", "ship": "skipped"}
    assert detail.run.state is RunState.PARTIAL_SUCCESS
    await house.orchestrator.retry(detail.run.id)
    detail = await house.finished(detail.run.id)
    assert states(detail) == {"test": "success", "ship": "success"}
    assert detail.run.state is RunState.SUCCESS


async def test_a_re_run_before_it_judges_the_condition_anew(house: House) -> None:
    detail = await house.ran(
        work("test", critical=False),
        work("mend", "test", when='steps.test.state == "failed"'),
    )
    assert states(detail)["mend"] == "skipped"
    house.stages.behaviours["test"] = fail(FailureClass.COMMAND)
    detail = await rerun(house, detail.run.id, "test")
    assert states(detail) == {"test": "failed", "mend": "success"}


async def test_a_condition_waits_for_all_instances_of_a_matrix(house: House) -> None:
    house.stages.behaviours["test-b"] = fail(FailureClass.COMMAND)
    detail = await house.ran(
        work("test-a", group="test"),
        work("test-b", group="test", critical=False),
        work("ship", "test-a", "test-b", when='steps.test.state == "success"'),
        work("mend", "test-a", "test-b", when='steps.test.state == "failed"'),
    )
    assert states(detail)["ship"] == "skipped"
    assert states(detail)["mend"] == "success"


async def test_a_condition_that_cannot_be_judged_fails_its_step_alone(house: House) -> None:
    detail = await house.ran(
        work("build"), work("odd", "build", when="nonsense"), work("ship", "odd"), work("docs")
    )
    assert states(detail) == {
        "build": "success",
        "odd": "failed",
        "ship": "skipped",
        "docs": "success",
    }
    failure = detail.steps[1].failure
    assert failure
    assert failure.failure_class is FailureClass.INTERNAL
    assert "Its condition cannot be evaluated: nonsense." in failure.message
    assert "start a new run" in failure.advice
    assert detail.run.state is RunState.FAILED


async def test_a_condition_that_breaks_fails_its_step_and_not_the_house(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(text: str, values: object) -> bool:
        raise TypeError("'<' not supported")

    monkeypatch.setattr(when, "holds", broken)
    detail = await house.ran(work("odd", when="inputs.a < 2"), work("docs"))
    assert states(detail) == {"odd": "failed", "docs": "success"}
    assert detail.steps[0].failure
    assert "'<' not supported" in detail.steps[0].failure.message


async def test_a_paused_run_judges_no_condition(house: House) -> None:
    hold = Hold()
    house.stages.behaviours["build"] = hold
    run = await house.new_dag(work("build"), work("mend", "build", when='inputs.a == "b"'))
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(hold.started.wait(), 10)
    await house.orchestrator.intervene(run.id, lambda tx: interventions.pause(tx, run.id, ""))
    hold.release.set()
    assert states(await house.finished(run.id))["mend"] == "pending"


# --- failures and branches --------------------------------------------------------------------


async def test_independent_branches_finish_and_the_run_tells_every_failure(house: House) -> None:
    house.stages.behaviours |= {
        "a": fail(FailureClass.COMMAND),
        "b": fail(FailureClass.MODEL),
    }
    detail = await house.ran(
        work("a"), work("b", critical=False), work("c"), work("d", "c"), work("e", "a")
    )
    assert states(detail) == {
        "a": "failed",
        "b": "failed",
        "c": "success",
        "d": "success",
        "e": "skipped",
    }
    assert detail.run.state is RunState.FAILED
    assert detail.error == "A: It did not work.\nB: It did not work."
    assert detail.steps[4].reason == "A failed"


async def test_fail_fast_stops_what_works_and_cancels_what_waits(house: House) -> None:
    hold = Hold()

    async def fail_beside(task: StageTask) -> StageOutcome:
        await asyncio.wait_for(hold.started.wait(), 10)
        return await fail(FailureClass.COMMAND)(task)

    house.stages.behaviours |= {"a": fail_beside, "slow": hold}
    detail = await house.ran(
        work("a"), work("b", "a"), work("slow"), work("later", "slow"), fail_fast=True
    )
    assert hold.cancelled
    assert detail.run.state is RunState.FAILED
    assert states(detail) == {
        "a": "failed",
        "b": "skipped",
        "slow": "cancelled",
        "later": "cancelled",
    }
    assert detail.steps[2].reason == detail.steps[3].reason == "fail_fast: A failed"
    assert detail.error == "A: It did not work."
    hold.release.set()
    house.stages.behaviours.clear()
    await house.orchestrator.retry(detail.run.id)
    assert (await house.finished(detail.run.id)).run.state is RunState.SUCCESS


async def test_fail_fast_holds_when_the_host_was_killed_in_between(tmp_path: Path) -> None:
    """The failure is stored and the host dies: the next one stops what still works."""
    hold = Hold()
    house = await build(tmp_path / "data", FakeStages({"slow": hold, "a": Hold()}))
    await house.projects.create("demo")
    run = await house.new_dag(work("a"), work("slow"), work("later", "slow"), fail_fast=True)
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(hold.started.wait(), 10)
    await house.depart()
    async with house.store.transaction() as tx:
        failed = next(s for s in await tx.steps.of_run(run.id) if s.key == "a")
        await end_attempt(tx, failed, StepState.FAILED)
        await tx.move_step(failed.id, StepState.FAILED)
    await house.store.close()
    later = await build(tmp_path / "data", FakeStages())
    await later.orchestrator.recover()
    detail = await later.finished(run.id)
    assert later.stages.calls == []
    assert states(detail) == {"a": "failed", "slow": "cancelled", "later": "cancelled"}
    assert detail.run.state is RunState.FAILED
    assert (run.id, None) in later.abandoned
    await later.orchestrator.close()
    await later.store.close()


async def test_fail_fast_lets_a_step_that_is_not_critical_fail(house: House) -> None:
    house.stages.behaviours["lint"] = fail(FailureClass.COMMAND)
    detail = await house.ran(work("lint", critical=False), work("ship", "lint"), fail_fast=True)
    assert states(detail) == {"lint": "failed", "ship": "success"}


async def test_one_step_beside_a_failure_that_stays_is_not_retried_under_fail_fast(
    house: House,
) -> None:
    both = asyncio.Barrier(2)

    async def fail_together(task: StageTask) -> StageOutcome:
        if task.attempt == 1:
            await both.wait()
        return await fail(FailureClass.COMMAND)(task)

    house.stages.behaviours |= {"a": fail_together}

    async def hold_b(task: StageTask) -> StageOutcome:
        await both.wait()
        await asyncio.Event().wait()
        return await succeed(task)

    house.stages.behaviours["b"] = hold_b
    detail = await house.ran(work("a"), work("b"), fail_fast=True)
    assert states(detail) == {"a": "failed", "b": "cancelled"}
    with pytest.raises(Conflict, match="A failed too, and this workflow is fail_fast"):
        await house.orchestrator.retry(detail.run.id, "b")
    preview = await house.runs.preview_retry(detail.run.id, "b")
    assert not preview.possible
    assert (await house.runs.preview_retry(detail.run.id, None)).lines == ("Runs again: A, B.",)


# --- order -------------------------------------------------------------------------------------


class OneAtATime:
    """A limit that binds: whoever came first works first."""

    def __init__(self) -> None:
        self.slot = asyncio.Semaphore(1)
        self.worked: list[str] = []

    async def __call__(self, task: StageTask) -> StageOutcome:
        async with self.slot:
            self.worked.append(task.step.key)
            return await succeed(task)


async def test_of_what_is_ready_the_higher_priority_starts_first(house: House) -> None:
    limit = OneAtATime()
    keys = ("a", "low", "b", "high", "c")
    house.stages.behaviours |= dict.fromkeys(keys, limit)
    priorities = {"low": -1, "high": 5}
    await house.ran(*(work(key, priority=priorities.get(key, 0)) for key in keys))
    assert limit.worked == ["high", "a", "b", "c", "low"]


async def test_steps_may_stand_before_what_they_need(house: House) -> None:
    house.stages.behaviours["a"] = fail(FailureClass.COMMAND, times=1)
    detail = await house.ran(work("c", "b"), work("b", "a"), work("a"))
    assert states(detail) == {"c": "skipped", "b": "skipped", "a": "failed"}
    preview = await house.runs.preview_retry(detail.run.id, None)
    assert preview.lines == ("Runs again: A.", "Follows after that: C, B.")
    await house.orchestrator.retry(detail.run.id)
    detail = await house.finished(detail.run.id)
    assert detail.run.state is RunState.SUCCESS
    assert [key for key, _ in house.stages.calls] == ["a", "a", "b", "c"]


# --- rework ------------------------------------------------------------------------------------


def _judged() -> tuple[StepSpec, ...]:
    agent = {"kind": StepKind.AGENT}
    return (
        work("builder", role="builder", **agent),
        work("judge", "builder", role="prod_ready", rework=Rework("builder"), **agent),
        work("ship", "judge", prompt="{{steps.builder.summary}}"),
    )


async def test_what_follows_a_verdict_waits_for_the_round_that_it_asked_for(house: House) -> None:
    house.stages.behaviours["judge"] = send_back
    detail = await house.ran(*_judged())
    assert detail.run.state is RunState.SUCCESS
    calls = [key for key, _ in house.stages.calls]
    assert calls == ["builder", "judge", "builder#2", "judge#2", "ship"]
    assert house.stages.tasks[-1].spec.prompt == "builder#2 is done"

    house.stages.calls.clear()
    house.stages.behaviours.clear()
    detail = await rerun(house, detail.run.id, "builder")
    assert [key for key, _ in house.stages.calls] == ["builder", "judge", "ship"]
    assert detail.run.state is RunState.SUCCESS
    assert {step.needs for step in detail.steps if step.key == "ship"} == {("judge",)}

    house.stages.calls.clear()
    house.stages.behaviours["judge"] = send_back
    await rerun(house, detail.run.id, "builder")
    assert [key for key, _ in house.stages.calls] == [*calls[:2], *calls[2:]]


@pytest.mark.parametrize(
    ("condition", "again", "said"),
    [
        ('inputs.strict and contains(steps.judge.summary, "yet")', True, ""),
        ("not inputs.strict", False, "its condition for sending it back does not hold"),
    ],
)
async def test_a_condition_decides_with_the_verdict_whether_work_is_sent_back(
    house: House, condition: str, again: bool, said: str
) -> None:
    house.stages.behaviours["judge"] = send_back
    builder, judge, ship = _judged()
    judge = replace(judge, rework=Rework("builder", when=condition))
    detail = await house.ran(builder, judge, ship, inputs=(("strict", True),))
    calls = [key for key, _ in house.stages.calls]
    assert ("builder#2" in calls) is again
    failure = detail.steps[1].failure
    assert (failure is None) is again
    assert said in (failure.message if failure else "")


# --- references ----------------------------------------------------------------------------------


async def test_prompts_name_what_came_before_when_their_step_starts(house: House) -> None:
    house.stages.behaviours["test-b"] = fail(FailureClass.COMMAND)

    async def quotes(task: StageTask) -> StageOutcome:
        return StageOutcome("see {{steps.test.state}}")

    house.stages.behaviours["build"] = quotes
    prompt = "{{ steps.build.summary }} / {{steps.test.state}} / {{steps.later.state}}"
    await house.ran(
        work("build"),
        work("test-a", "build", group="test"),
        work("test-b", "build", group="test", critical=False),
        work("mend", "test-a", "test-b", prompt=prompt, kind=StepKind.CODEX),
    )
    told = house.stages.tasks[-1].spec.prompt
    # What build said is data, also where it looks like a reference.
    assert told == "see {{steps.test.state}} / failed / {{steps.later.state}}"


async def test_only_what_a_step_needs_is_handed_on_to_it(house: House) -> None:
    await house.ran(work("a"), work("beside"), work("b", "a"), work("c", "b"))
    task = next(task for task in house.stages.tasks if task.step.key == "c")
    assert [key for key, _ in task.summaries] == ["a", "b"]


# --- previews -------------------------------------------------------------------------------


async def test_a_resume_says_what_goes_on_and_what_stays(house: House) -> None:
    house.stages.behaviours["b"] = lose()
    detail = await house.ran(work("a"), work("b", "a"), work("c", "b"))
    previews = InterventionPreviews(house.store)
    preview = await previews.resume(detail.run.id)
    assert preview.lines == (
        "Goes on where it was cut off: B.",
        "Follows after that: C.",
        "Stays as it is: A.",
    )
    await house.orchestrator.resume(detail.run.id)
    detail = await house.finished(detail.run.id)
    assert detail.run.state is RunState.SUCCESS
    preview = await previews.resume(detail.run.id)
    assert not preview.possible
    assert "it is not paused" in preview.reason


async def test_a_retry_of_one_step_releases_only_what_nothing_else_holds(house: House) -> None:
    house.stages.behaviours |= {
        "a": fail(FailureClass.COMMAND, times=1),
        "b": fail(FailureClass.COMMAND, times=1),
    }
    detail = await house.ran(work("a"), work("b"), work("c", "a"), work("d", "a", "b"))
    preview = await house.runs.preview_retry(detail.run.id, "a")
    assert preview.lines == ("Runs again: A.", "Follows after that: C.")
    await house.orchestrator.retry(detail.run.id, "a")
    detail = await house.finished(detail.run.id)
    assert states(detail) == {"a": "success", "b": "failed", "c": "success", "d": "skipped"}
    async with house.store.transaction() as tx:
        d = next(s for s in await tx.steps.of_run(detail.run.id) if s.key == "d")
    assert d.skip_cause is SkipCause.NEED
    await house.orchestrator.retry(detail.run.id)
    assert (await house.finished(detail.run.id)).run.state is RunState.SUCCESS
    assert house.stages.calls.count(("c", 1)) == 1


async def test_the_prompt_of_a_step_is_shown_as_far_as_it_is_known(house: House) -> None:
    hold = Hold()
    house.stages.behaviours["build"] = hold
    prompt = "Look at {{steps.build.summary}}"
    run = await house.new_dag(
        work("build"),
        work("mend", "build", prompt=prompt, kind=StepKind.CODEX),
        work("judge", "build", prompt=prompt, kind=StepKind.AGENT, role="qa_qc"),
    )
    service = PromptService(house.store)
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(hold.started.wait(), 10)
    assert (await service.show(run.id, "mend")).original == prompt
    await service.replace(run.id, "mend", f"{prompt} twice: {{{{steps.build.state}}}}")
    with pytest.raises(Conflict, match="Build has no prompt: it is a step of kind command"):
        await service.show(run.id, "build")
    hold.release.set()
    await house.finished(run.id)
    told = {task.step.key: task.edit for task in house.stages.tasks}
    assert told["mend"]
    assert told["mend"].text == "Look at build is done twice: success"
    shown = (await service.show(run.id, "judge")).original
    assert "# What this stage is asked for in particular\nLook at build is done" in shown
