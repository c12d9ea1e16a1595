"""Random DAGs with random failures, kills and retries against a simple model of what is right."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foredeck.services.agents.stage import StageOutcome, StageTask
from foredeck.services.domain.errors import Conflict, StepFailed
from foredeck.services.domain.events import QuestionSaved
from foredeck.services.domain.records import Failure, FailureClass, StepKind
from foredeck.services.domain.states import (
    FINAL_STEPS,
    TRANSITIONS,
    QuestionState,
    RunState,
    StepState,
)
from foredeck.services.domain.workflow import Gate, RetryPolicy, StepSpec
from foredeck.services.questions.service import Reply
from foredeck.services.store.store import Transaction
from foredeck.services.workflow import when
from tests.integration.workflow.conftest import House, build
from tests.support.dags import compare

MOST_STEPS = 12
PATIENCE = 30.0


# --- what is drawn ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Script:
    """What a step does: its first `failures` attempts fail, by a class that may pass or not."""

    failures: int = 0
    passing: bool = True


@dataclass(frozen=True)
class Story:
    """A workflow, what its steps do, after how many starts the host is killed, what is retried.

    A retry is the number of a failed step (modulo how many there are), or None for all.
    """

    specs: tuple[StepSpec, ...]
    scripts: dict[str, Script]
    kill_at: int | None
    retries: tuple[int | None, ...]


def _ancestors(specs: list[StepSpec], needs: tuple[str, ...]) -> list[str]:
    by_id = {spec.id: spec for spec in specs}
    found: set[str] = set()
    left = list(needs)
    while left:
        if (name := left.pop()) not in found:
            found.add(name)
            left += by_id[name].needs
    return sorted(found)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    specs: list[StepSpec] = []
    scripts: dict[str, Script] = {}
    for number in range(draw(st.integers(1, MOST_STEPS))):
        name = f"s{number}"
        earlier = [spec.id for spec in specs]
        needs = (
            tuple(draw(st.lists(st.sampled_from(earlier), max_size=3, unique=True)))
            if (earlier)
            else ()
        )
        condition = ""
        if needs and draw(st.integers(0, 3)) == 0:
            whose = draw(st.sampled_from(_ancestors(specs, needs)))
            state = draw(st.sampled_from(["success", "failed", "skipped"]))
            condition = f'steps.{whose}.state {draw(st.sampled_from(["==", "!="]))} "{state}"'
        is_gate = draw(st.integers(0, 5)) == 0
        specs.append(
            StepSpec(
                id=name,
                kind=StepKind.GATE if is_gate else StepKind.COMMAND,
                title=name,
                needs=needs,
                critical=draw(st.booleans()),
                retries=RetryPolicy(max=draw(st.integers(0, 2)), delay=0.0),
                when=condition,
                gate=Gate("Go on?") if is_gate else None,
                priority=draw(st.integers(-2, 2)),
            )
        )
        failures = 0 if is_gate else draw(st.sampled_from([0, 0, 0, 1, 2, 4]))
        scripts[name] = Script(failures, draw(st.booleans()))
    return Story(
        specs=tuple(draw(st.permutations(specs))),
        scripts=scripts,
        kill_at=draw(st.none() | st.integers(1, len(specs))),
        retries=tuple(draw(st.lists(st.none() | st.integers(0, 5), max_size=3))),
    )


# --- the model ----------------------------------------------------------------------------------


@dataclass
class Model:
    """What must come of a story: one step after the other, nothing at once, nothing stored."""

    story: Story
    states: dict[str, str] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    allowed: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for spec in self.story.specs:
            self.states[spec.id], self.attempts[spec.id] = "pending", 0
            self.allowed[spec.id] = 1 + spec.retries.max

    def run(self) -> None:
        by_id = {spec.id: spec for spec in self.story.specs}
        while True:
            pending = [s for s in by_id.values() if self.states[s.id] == "pending"]
            if not pending:
                return
            spec = next(s for s in pending if all(self.states[n] != "pending" for n in s.needs))
            self.states[spec.id] = self._come_of(spec, by_id)

    def _come_of(self, spec: StepSpec, by_id: dict[str, StepSpec]) -> str:
        if not all(self._satisfies(by_id[need]) for need in spec.needs):
            return "skipped"
        values: dict[str, object] = {
            f"steps.{name}.state": state.partition(" ")[0] for name, state in self.states.items()
        }
        if spec.when and not compare(spec.when, values):
            return "skipped by its condition"
        script = self.story.scripts[spec.id]
        while True:
            self.attempts[spec.id] += 1
            if self.attempts[spec.id] > script.failures:
                return "success"
            if not script.passing or self.attempts[spec.id] >= self.allowed[spec.id]:
                return "failed"

    def _satisfies(self, spec: StepSpec) -> bool:
        state = self.states[spec.id]
        good = state in ("success", "skipped by its condition")
        return good or (state == "failed" and not spec.critical)

    def failed(self) -> list[str]:
        return sorted(name for name, state in self.states.items() if state == "failed")

    def retry(self, names: list[str]) -> None:
        specs = list(self.story.specs)
        for spec in specs:
            behind = set(_ancestors(specs, spec.needs)).intersection(names)
            asked = spec.kind is StepKind.GATE and self.states[spec.id] == "success"
            if spec.id in names or (behind and (asked or "skipped" in self.states[spec.id])):
                self.states[spec.id] = "pending"
                spare = self.attempts[spec.id] < self.allowed[spec.id]
                self.allowed[spec.id] += not spare
        self.run()

    def run_state(self) -> RunState:
        critical = {spec.id: spec.critical for spec in self.story.specs}
        if any(critical[name] for name in self.failed()):
            return RunState.FAILED
        return RunState.PARTIAL_SUCCESS if self.failed() else RunState.SUCCESS

    def plain_states(self) -> dict[str, str]:
        return {name: state.partition(" ")[0] for name, state in self.states.items()}


# --- the real thing -----------------------------------------------------------------------


@dataclass
class Stage:
    """Does what the story says, looks whether it may, and is killed where the story says."""

    story: Story
    house: House | None = None
    wrong: list[str] = field(default_factory=list)
    starts: int = 0
    spared: bool = False
    killed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, task: StageTask) -> StageOutcome:
        await self._look(task)
        self.starts += 1
        if self.starts == self.story.kill_at and not self.spared:
            self.killed.set()
            await asyncio.Event().wait()
        script = self.story.scripts[task.step.key]
        if task.attempt <= script.failures:
            passing = FailureClass.COMMAND if script.passing else FailureClass.INTERNAL
            raise StepFailed(Failure(passing, "as the story says"))
        return StageOutcome(f"{task.step.key} is done")

    async def _look(self, task: StageTask) -> None:
        assert self.house is not None
        async with self.house.store.transaction() as tx:
            steps = {step.key: step for step in await tx.steps.of_run(task.run.id)}
            attempts = await tx.attempts.of_step(task.step.id)
        early = [need for need in task.step.needs if steps[need].state not in FINAL_STEPS]
        if early:
            self.wrong.append(f"{task.step.key} started before {early}")
        if any(attempt.state is StepState.SUCCESS for attempt in attempts):
            self.wrong.append(f"{task.step.key} started again after it had succeeded")


@asynccontextmanager
async def opened(path: Path, stage: Stage) -> AsyncIterator[House]:
    """Open the house, with somebody who approves at every gate."""
    house = await build(path, stage)  # type: ignore[arg-type]
    stage.house = house
    person = asyncio.create_task(_approve(house))
    try:
        yield house
    finally:
        person.cancel()
        with suppress(asyncio.CancelledError):
            await person
        await house.orchestrator.close()
        await house.store.close()


async def _approve(house: House) -> None:
    events = house.bus.subscribe()
    async with house.store.transaction() as tx:
        left = [question.id for question in await tx.questions.all_open()]
    for question_id in left:
        await house.questions.answer(Reply(question=question_id, answer="approve"))
    async for event in events:
        if isinstance(event, QuestionSaved) and event.state is QuestionState.OPEN:
            with suppress(Conflict):  # answered as one that was left
                await house.questions.answer(Reply(question=event.question_id, answer="approve"))


async def told(story: Story, path: Path) -> None:
    """Live through the story and compare each rest with the model."""
    stage, model = Stage(story), Model(story)
    async with opened(path, stage) as house:
        await house.projects.create("demo")
        run_id = (await house.new_dag(*story.specs)).id
        await house.orchestrator.start(run_id)
        killed = asyncio.create_task(stage.killed.wait())
        over = asyncio.create_task(house.orchestrator.wait(run_id))
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait({killed, over}, return_when=asyncio.FIRST_COMPLETED)
        if stage.killed.is_set():
            await house.depart()
        killed.cancel()
        await asyncio.wait({over})
    stage.spared = True  # a story that ended before its kill has none
    async with opened(path, stage) as house, asyncio.timeout(PATIENCE):
        await house.orchestrator.recover()
        model.run()
        await compare_rest(house, run_id, stage, model)
        for number in story.retries:
            if failed := model.failed():
                key = None if number is None else failed[number % len(failed)]
                await house.orchestrator.retry(run_id, key)
                model.retry(failed if key is None else [key])
                await compare_rest(house, run_id, stage, model)


async def compare_rest(house: House, run_id: str, stage: Stage, model: Model) -> None:
    detail = await house.finished(run_id)
    assert stage.wrong == []
    assert {s.key: s.state.value for s in detail.steps} == model.plain_states()
    assert {s.key: s.attempt for s in detail.steps} == model.attempts
    assert detail.run.state is model.run_state()
    async with house.store.transaction() as tx:
        await _check_approvals(tx, run_id)
    history = await house.store.queries.history(run_id)
    for subject in {entry.subject for entry in history}:
        entries = [entry for entry in history if entry.subject == subject]
        if subject in model.states:
            _check_chain([(entry.old, entry.new) for entry in entries], StepState)
        elif subject == "run":
            _check_chain([(entry.old, entry.new) for entry in entries], RunState)


async def _check_approvals(tx: Transaction, run_id: str) -> None:
    """What a gate approved has not been done again since."""
    steps = {step.key: step for step in await tx.steps.of_run(run_id)}
    for step in steps.values():
        if step.kind is StepKind.GATE and step.state is StepState.SUCCESS and step.started_at:
            for need in step.needs:
                attempt = await tx.attempts.latest(steps[need].id)
                assert attempt is None or attempt.started_at <= step.started_at


def _check_chain(moves: list[tuple[str, str]], kind: type[StepState] | type[RunState]) -> None:
    """Each state follows the one before it, by an arrow of the table."""
    assert moves[0][0] == ""
    for (_, before), (old, new) in pairwise(moves):
        assert old == before
        table: Any = TRANSITIONS[kind]
        assert kind(new) in table[kind(old)], (old, new)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,  # the same stories each time: what holds a commit up is of that commit
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=stories())
def test_every_story_ends_as_the_model_says(monkeypatch: pytest.MonkeyPatch, story: Story) -> None:
    monkeypatch.setattr(when, "holds", compare)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(told(story, Path(directory)))


def test_the_model_itself_is_right_about_a_known_story() -> None:
    """A small story told by hand, so that model and engine cannot be wrong in the same way."""
    build_, test, ship, docs = (
        StepSpec(name, StepKind.COMMAND, name, needs, retries=RetryPolicy(max=1, delay=0.0))
        for name, needs in (
            ("build", ()),
            ("test", ("build",)),
            ("ship", ("test",)),
            ("docs", ("build",)),
        )
    )
    docs = replace(docs, when='steps.build.state == "failed"')
    scripts = {"build": Script(1), "test": Script(2), "ship": Script(), "docs": Script()}
    model = Model(Story((build_, test, ship, docs), scripts, None, ()))
    model.run()
    assert model.plain_states() == {
        "build": "success",
        "test": "failed",
        "ship": "skipped",
        "docs": "skipped",
    }
    assert model.attempts == {"build": 2, "test": 2, "ship": 0, "docs": 0}
    assert model.run_state() is RunState.FAILED
    model.retry(["test"])
    assert model.run_state() is RunState.SUCCESS
    assert model.attempts == {"build": 2, "test": 3, "ship": 1, "docs": 0}
