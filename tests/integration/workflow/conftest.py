"""An orchestrator on a real database, with stages that do what the test says."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from foredeck.services.departure import Departure
from foredeck.services.domain.records import Mode, Run
from foredeck.services.domain.views import RunDetail
from foredeck.services.event_bus import EventBus
from foredeck.services.store.store import Store
from foredeck.services.workflow.builtin import four_agents
from foredeck.services.workflow.execution import StepExecution
from foredeck.services.workflow.orchestrator import Orchestrator
from foredeck.services.workflow.runs import RunService, RunWish
from foredeck.services.workspace.projects import ProjectService
from tests.support.stages import FakeStages


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
    abandoned: list[tuple[str, str | None]]
    """Which runs and steps were looked through for what an earlier host left."""

    async def depart(self) -> None:
        """Close and leave the runs as they are, as a host that is killed does."""
        self.departure.leaving = True
        await self.orchestrator.close()

    async def new_run(self, request: str = "Build a thing") -> Run:
        return await self.runs.create(RunWish("demo", request))

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
    execution = StepExecution(store, stages, data_dir / "output", departure)

    abandoned: list[tuple[str, str | None]] = []

    async def abandon(run_id: str, step_id: str | None = None) -> None:
        abandoned.append((run_id, step_id))

    orchestrator = Orchestrator(store, execution, abandon, departure)
    runs = RunService(store, lambda _project, _request: four_agents(), lambda project: Mode.DIRECT)
    projects = ProjectService(store, data_dir / "workspaces", data_dir)
    return House(store, bus, stages, orchestrator, runs, projects, departure, abandoned)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = await build(tmp_path / "data", FakeStages())
    await house.projects.create("demo")
    yield house
    await house.orchestrator.close()
    await house.store.close()
