"""An orchestrator on a real database, with stages that do what the test says."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.agents.stage import StageRunner
from foredeck.services.departure import Departure
from foredeck.services.domain.questions import Question, QuestionKind
from foredeck.services.domain.records import Mode, Run, StepKind
from foredeck.services.domain.views import RunDetail
from foredeck.services.domain.workflow import StepSpec, WorkflowSpec
from foredeck.services.event_bus import EventBus
from foredeck.services.questions.service import QuestionService, Reply
from foredeck.services.stage_clock import StageClock
from foredeck.services.store.store import Store
from foredeck.services.workflow.builtin import four_agents
from foredeck.services.workflow.execution import StepExecution
from foredeck.services.workflow.gate_step import GateStepRunner
from foredeck.services.workflow.orchestrator import Orchestrator
from foredeck.services.workflow.runs import RunService, RunWish
from foredeck.services.workflow.step_runners import StepRunners
from foredeck.services.workspace.projects import ProjectService
from tests.support.stages import FakeStages

PATIENCE = 20.0


class WatchedClock(StageClock):
    """Remembers for which steps the time stands still."""

    def __init__(self) -> None:
        super().__init__()
        self.standing: set[str] = set()

    @contextmanager
    def stopped(self, step_id: str | None) -> Iterator[None]:
        with super().stopped(step_id):
            self.standing.add(step_id or "")
            yield
            self.standing.discard(step_id or "")


@dataclass
class House:
    """What a test of the orchestrator needs."""

    store: Store
    bus: EventBus
    stages: FakeStages
    orchestrator: Orchestrator
    runs: RunService
    projects: ProjectService
    departure: Departure
    questions: QuestionService
    clock: WatchedClock
    abandoned: list[tuple[str, str | None]]
    """Which runs and steps were looked through for what an earlier host left."""

    async def depart(self) -> None:
        """Close and leave the runs as they are, as a host that is killed does."""
        self.departure.leaving = True
        await self.orchestrator.close()

    async def new_run(self, request: str = "Build a thing") -> Run:
        return await self.runs.create(RunWish("demo", request))

    async def new_dag(self, *steps: StepSpec, **of_workflow: Any) -> Run:
        """Store a run of these steps."""
        workflow = WorkflowSpec("dag", steps, **of_workflow)
        return await self.runs.create(RunWish("demo", "Do it", workflow=workflow))

    async def ran(self, *steps: StepSpec, **of_workflow: Any) -> RunDetail:
        """Run these steps until nothing drives the run any more."""
        run = await self.new_dag(*steps, **of_workflow)
        await self.orchestrator.start(run.id)
        return await self.finished(run.id)

    async def asked(self, run_id: str) -> Question:
        """Wait until the run asks something and return it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                async with self.store.transaction() as tx:
                    found = await tx.questions.open_of_run(run_id)
                if found:
                    return found[0]
                await asyncio.sleep(0.005)

    async def answer(self, run_id: str, answer: str, comment: str = "") -> Question:
        """Wait for the gate of a run and answer it."""
        await self.asked(run_id)
        reply = Reply(run_id, kind=QuestionKind.GATE, answer=answer, comment=comment)
        return await self.questions.answer(reply)

    async def history(self, run_id: str) -> list[tuple[str, str]]:
        """Return of what each transition of the run was, and why."""
        return [(h.subject, h.reason) for h in await self.store.queries.history(run_id)]

    async def finished(self, run_id: str) -> RunDetail:
        await self.orchestrator.wait(run_id)
        return await self.store.queries.run(run_id)

    async def states(self, run_id: str) -> dict[str, str]:
        detail = await self.store.queries.run(run_id)
        return {step.key: step.state.value for step in detail.steps}


async def build(data_dir: Path, stages: FakeStages) -> House:
    bus = EventBus()
    store = await Store.open(data_dir, bus)
    departure = Departure()
    clock = WatchedClock()
    questions = QuestionService(store, bus, clock)
    kinds: dict[StepKind, StageRunner] = dict.fromkeys(StepKind, stages)
    runners = StepRunners(kinds | {StepKind.GATE: GateStepRunner(store, questions)})
    execution = StepExecution(store, runners, data_dir / "output", departure, clock)

    abandoned: list[tuple[str, str | None]] = []

    async def abandon(run_id: str, step_id: str | None = None) -> None:
        abandoned.append((run_id, step_id))

    orchestrator = Orchestrator(store, execution, abandon, departure)
    runs = RunService(store, lambda _project, _request: four_agents(), lambda project: Mode.DIRECT)
    projects = ProjectService(store, data_dir / "workspaces", data_dir)
    return House(
        store,
        bus,
        stages,
        orchestrator,
        runs,
        projects,
        departure,
        questions,
        clock,
        abandoned,
    )


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = await build(tmp_path / "data", FakeStages())
    await house.projects.create("demo")
    yield house
    await house.orchestrator.close()
    await house.store.close()
