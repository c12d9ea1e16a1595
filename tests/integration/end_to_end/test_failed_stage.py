"""A stage fails, says why, and is retried; what is finished stays finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from foredeck.app import task_house
from foredeck.services.domain.records import FailureClass, Mode
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import RunDetail
from foredeck.services.domain.workflow import RetryPolicy, WorkflowSpec
from foredeck.services.host.commands import RetryRun
from foredeck.services.rehearsal.exchange import Action, CutStream, Fail, Garbage, Say
from foredeck.services.workflow import builtin
from tests.support.crew_script import Crew, CrewScript, commands
from tests.support.house import House, OpenHouse

pytestmark = pytest.mark.codex


@dataclass(frozen=True)
class Trouble:
    """What the endpoint does, and how that is told: a class and words of the sentence."""

    answer: Sequence[Action]
    failure_class: FailureClass
    words: str


def refusal(status: int, code: str, words: str) -> Sequence[Action]:
    return [Fail(status, {"error": {"code": code, "type": code, "message": words}})]


TROUBLES = {
    "wrong key": Trouble(
        refusal(401, "invalid_api_key", "Incorrect API key provided: sk-wrong"),
        FailureClass.AUTHENTICATION,
        "did not accept the login or the key",
    ),
    "too many requests": Trouble(
        refusal(429, "rate_limit_exceeded", "Slow down"),
        FailureClass.NETWORK,
        "too many requests",
    ),
    "cut stream": Trouble(
        [Say("I begin and"), CutStream()], FailureClass.NETWORK, "broke off on its way"
    ),
}
NONSENSE = {
    Mode.AGENT: Trouble([Garbage()], FailureClass.MODEL, "cannot be understood"),
    Mode.DIRECT: Trouble([Garbage()], FailureClass.NETWORK, "broke off on its way"),
}


def let_retry(monkeypatch: pytest.MonkeyPatch, policy: RetryPolicy) -> None:
    """Give the stages of new runs another policy than that of the four agents' file."""

    def four_agents(**options: Any) -> WorkflowSpec:
        made = builtin.four_agents(**options)
        return replace(made, steps=tuple(replace(step, retries=policy) for step in made.steps))

    monkeypatch.setattr(task_house, "four_agents", four_agents)


@pytest.fixture
def no_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that fails is not tried again by itself, so the test need not wait for it."""
    let_retry(monkeypatch, RetryPolicy(max=0))


@pytest.mark.usefixtures("no_second_try")
@pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])
async def test_each_trouble_is_told_and_a_retry_goes_on(
    house: House, script: CrewScript, mode: Mode
) -> None:
    troubles = {**TROUBLES, "nonsense": NONSENSE[mode]}
    names = {name: name.replace(" ", "_") for name in troubles}
    for name, trouble in troubles.items():
        script.crew(names[name]).trouble["builder"] = trouble.answer
    async with house.open() as home:
        runs = {name: await home.begin(names[name], mode) for name in troubles}
        for name, trouble in troubles.items():
            detail = await home.rest(runs[name].id)
            _hold_the_failure(detail, trouble)
            await _hold_the_retry(home, detail, script.crew(names[name]))


def _hold_the_failure(detail: RunDetail, trouble: Trouble) -> None:
    builder = detail.steps[1]
    assert detail.run.state is RunState.FAILED
    assert builder.failure is not None
    assert builder.failure.failure_class is trouble.failure_class, builder.failure
    assert trouble.words in builder.failure.message
    assert builder.failure.advice
    assert "sk-wrong" not in builder.failure.message
    assert detail.error == f"Builder: {builder.failure.message}"
    assert [step.state for step in detail.steps[2:]] == [StepState.SKIPPED, StepState.SKIPPED]
    assert builder.failure.message in Path(builder.output_path or "").read_text()


async def _hold_the_retry(home: OpenHouse, detail: RunDetail, crew: Crew) -> None:
    """The trouble has passed: only the failed stage and what follows runs."""
    plan = Path(detail.workspace) / "AGENTS.md"
    before = plan.stat()
    crew.trouble.clear()
    crew.codex["builder"] = commands("echo built > built.txt")
    await home.host.do(RetryRun(detail.run.id))
    after = await home.rest(detail.run.id)
    assert after.run.state is RunState.SUCCESS, after.error
    assert [step.attempt for step in after.steps] == [1, 2, 1, 1]
    assert after.steps[0] == detail.steps[0]
    assert after.steps[1].failure is None
    attempts = await home.attempts(detail.run.id)
    assert [len(tries) for _, tries in attempts.values()] == [1, 2, 1, 1]
    assert [a.state for a in attempts["builder"][1]] == [StepState.FAILED, StepState.SUCCESS]
    assert plan.stat().st_mtime_ns == before.st_mtime_ns
    assert plan.stat().st_ino == before.st_ino
    assert (Path(detail.workspace) / "built.txt").read_text() == "built\n"


async def test_codex_alone_meets_a_wrong_key(house: House, script: CrewScript) -> None:
    """The agent's endpoint is well, codex's is not: no other prompt can mend that."""
    crew = script.crew("one")
    crew.codex["builder"] = commands("echo built > built.txt")
    crew.codex_trouble["builder"] = TROUBLES["wrong key"].answer
    async with house.open() as home:
        one = await home.begin("one", Mode.AGENT)
        detail = await home.rest(one.id)
        _hold_the_failure(detail, TROUBLES["wrong key"])
        crew.codex_trouble.clear()
        await _hold_the_retry(home, detail, crew)


async def test_what_passes_by_itself_is_tried_again_by_itself(
    house: House, script: CrewScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_retry(monkeypatch, RetryPolicy(max=20, delay=0.1))
    script.crew("one").trouble["qa_qc"] = TROUBLES["too many requests"].answer
    async with house.open() as home:
        events = home.host.events()
        one = await home.begin("one", Mode.DIRECT)
        async for event in events:
            if getattr(event, "state", None) is StepState.RETRY and hasattr(event, "key"):
                break
        script.crew("one").trouble.clear()
        detail = await home.rest(one.id)
        assert detail.run.state is RunState.SUCCESS
        assert detail.steps[2].attempt > 1
