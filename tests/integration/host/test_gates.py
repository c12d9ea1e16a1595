"""A workflow with a gate over a restart of the whole house, answered by the host's command."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from foredeck.app.assembly import Services
from foredeck.app.container import open_services
from foredeck.services.departure import Departure
from foredeck.services.domain.errors import Conflict, InvalidInput
from foredeck.services.domain.questions import QuestionKind
from foredeck.services.domain.records import FailureClass, Mode
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import QuestionRow, RunDetail
from foredeck.services.domain.workflow import StepSpec, WorkflowSpec
from foredeck.services.host.commands import AnswerQuestion, CreateProject, RerunFrom, RetryRun
from foredeck.services.host.queries import (
    GetHistory,
    GetPrompt,
    GetRun,
    ListQuestions,
    PreviewRerun,
    PreviewRestart,
    PreviewResume,
)
from foredeck.services.settings import Settings
from foredeck.services.workflow.runs import RunService, RunWish
from tests.support.dags import gate

PATIENCE = 20.0
STEPS = (
    gate("plan", message="Is the plan right?"),
    gate("ship", "plan", message="Ship it? The plan was {{steps.plan.summary}}."),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        workspaces_root=tmp_path / "workspaces",
        codex_home=tmp_path / "codex-home",
    )


async def begun(services: Services, *steps: StepSpec) -> str:
    """Start a run of these steps and return its id."""
    project = await services.host.do(CreateProject("demo"))
    workflow = WorkflowSpec("release", steps)
    runs = RunService(services.store, lambda _project, _request: workflow, lambda _p: Mode.DIRECT)
    run = await runs.create(RunWish(project.id, "Release it"))
    await services.orchestrator.start(run.id)
    return run.id


async def asked(services: Services, run_id: str) -> QuestionRow:
    async with asyncio.timeout(PATIENCE):
        while not (rows := await services.host.ask(ListQuestions(run_id))):
            await asyncio.sleep(0.01)
    return rows[0]


async def rest(services: Services, run_id: str) -> RunDetail:
    async with asyncio.timeout(PATIENCE):
        await services.orchestrator.wait(run_id)
    return await services.host.ask(GetRun(run_id))


def approve(run_id: str, comment: str = "") -> AnswerQuestion:
    return AnswerQuestion(run_id, kind=QuestionKind.GATE, answer="approve", comment=comment)


async def test_a_gate_is_asked_once_however_often_the_house_restarts(settings: Settings) -> None:
    departure = Departure()
    async with open_services(settings, "a test", departure=departure) as services:
        run_id = await begun(services, *STEPS)
        await asked(services, run_id)
        await services.host.do(approve(run_id, "yes"))
        while (first := await asked(services, run_id)).step_key != "ship":
            await asyncio.sleep(0.01)
        assert first.question.title == "Ship it? The plan was approved by user: yes."
        departure.leaving = True
    for _ in range(2):
        departure = Departure()
        async with open_services(settings, "a test", departure=departure) as services:
            again = await asked(services, run_id)
            assert again.question == first.question
            detail = await services.host.ask(GetRun(run_id))
            assert (detail.run.state, detail.run.questions) == (RunState.WAITING, 1)
            departure.leaving = True
    async with open_services(settings, "a test") as services:
        await services.host.do(approve(run_id))
        detail = await rest(services, run_id)
        assert detail.run.state is RunState.SUCCESS
        assert [step.attempt for step in detail.steps] == [1, 1]


async def test_going_back_asks_every_gate_again_and_says_so(settings: Settings) -> None:
    async with open_services(settings, "a test") as services:
        run_id = await begun(services, *STEPS)
        for key in ("plan", "ship"):
            while (await asked(services, run_id)).step_key != key:
                await asyncio.sleep(0.01)
            await services.host.do(approve(run_id))
        assert (await rest(services, run_id)).run.state is RunState.SUCCESS
        preview = await services.host.ask(PreviewRerun(run_id, "plan"))
        voided = [line for line in preview.lines if line.startswith("Voids the approval of")]
        assert voided == [
            "Voids the approval of “Plan”: it is asked again.",
            "Voids the approval of “Ship”: it is asked again.",
        ]
        anew = await services.host.ask(PreviewRestart(run_id))
        assert any(line.startswith("Asks again: Plan, Ship.") for line in anew.lines)
        assert not (await services.host.ask(PreviewResume(run_id))).possible
        await services.host.do(RerunFrom(run_id, "plan"))
        assert (await asked(services, run_id)).step_key == "plan"
        reasons = [entry.reason for entry in await services.host.ask(GetHistory(run_id))]
        assert reasons.count("approval void: re-run from Plan") == 2
        reject = AnswerQuestion(run_id, kind=QuestionKind.GATE, answer="reject", comment="no")
        await services.host.do(reject)
        detail = await rest(services, run_id)
        assert [step.state for step in detail.steps] == [StepState.FAILED, StepState.SKIPPED]
        failure = detail.steps[0].failure
        assert failure
        assert (failure.failure_class, failure.message) == (FailureClass.REJECTED, "Rejected: no")
        await services.host.do(RetryRun(run_id))
        assert (await asked(services, run_id)).question.attempt == 3


async def test_an_answer_of_another_kind_is_refused_in_words(settings: Settings) -> None:
    async with open_services(settings, "a test") as services:
        run_id = await begun(services, *STEPS)
        row = await asked(services, run_id)
        with pytest.raises(InvalidInput, match="once is not possible here"):
            await services.host.do(AnswerQuestion(question=row.question.id, answer="once"))
        with pytest.raises(Conflict, match="waits for approval: Is the plan right"):
            await services.host.do(AnswerQuestion(run_id, kind=QuestionKind.QUESTION, answer="yes"))
        with pytest.raises(Conflict, match="has no prompt"):
            await services.host.ask(GetPrompt(run_id, "plan"))
