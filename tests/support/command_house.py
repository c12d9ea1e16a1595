"""An orchestrator on a real database that runs real commands; it can be killed and reopened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foredeck.services.departure import Departure
from foredeck.services.domain.records import Job, Mode, StepKind
from foredeck.services.domain.states import StepState
from foredeck.services.domain.views import RunDetail, StepRow
from foredeck.services.domain.workflow import RetryPolicy, StepSpec, WorkflowSpec
from foredeck.services.event_bus import EventBus
from foredeck.services.jobs.command_guard import CommandGuard
from foredeck.services.jobs.command_policy import CommandPolicy
from foredeck.services.jobs.local_executor import LocalExecutor
from foredeck.services.stage_clock import StageClock
from foredeck.services.store.store import Store
from foredeck.services.workflow.builtin import four_agents
from foredeck.services.workflow.command_step import CommandStepRunner
from foredeck.services.workflow.execution import StepExecution
from foredeck.services.workflow.orchestrator import Orchestrator
from foredeck.services.workflow.runs import RunService, RunWish
from foredeck.services.workflow.step_runners import StepRunners
from foredeck.services.workspace.projects import ProjectService

PATIENCE = 60.0


def command(name: str, text: str, *needs: str, **fields: Any) -> StepSpec:
    """Return a step that runs that text, without retries unless `fields` say so."""
    fields = {"retries": RetryPolicy(max=0), **fields}
    return StepSpec(name, StepKind.COMMAND, name.title(), needs, command=text, **fields)


@dataclass
class CommandHouse:
    """One host; a second one on the same `base` finds what the first has left."""

    base: Path
    store: Store
    bus: EventBus
    orchestrator: Orchestrator
    runs: RunService
    departure: Departure
    executor: LocalExecutor

    @property
    def workspace(self) -> Path:
        return self.base / "workspaces" / "demo"

    async def start(self, *steps: StepSpec, project: str = "demo", **fields: Any) -> str:
        """Start a run of these steps and return its id."""
        wish = RunWish(project, "Do it", workflow=WorkflowSpec("test", steps, **fields))
        run = await self.runs.create(wish)
        await self.orchestrator.start(run.id)
        return run.id

    async def start_elsewhere(self, *steps: StepSpec) -> str:
        """Start a run of these steps in a project of its own, and return its id."""
        data, root = self.base / "data", self.base / "workspaces"
        await ProjectService(self.store, root, data).create("other")
        return await self.start(*steps, project="other")

    async def finished(self, run_id: str) -> RunDetail:
        async with asyncio.timeout(PATIENCE):
            await self.orchestrator.wait(run_id)
        return await self.store.queries.run(run_id)

    async def ran(self, *steps: StepSpec, **fields: Any) -> RunDetail:
        """Run these steps to the end."""
        return await self.finished(await self.start(*steps, **fields))

    async def step(self, run_id: str, key: str) -> StepRow:
        detail = await self.store.queries.run(run_id)
        return next(step for step in detail.steps if step.key == key)

    async def states(self, run_id: str) -> list[StepState]:
        detail = await self.store.queries.run(run_id)
        return [step.state for step in detail.steps]

    async def jobs(self, run_id: str) -> tuple[Job, ...]:
        async with self.store.transaction() as tx:
            return await tx.jobs.of_run(run_id)

    async def depart(self) -> None:
        """Let go of everything, as a host that is killed does."""
        self.departure.leaving = True
        await self.orchestrator.close()

    def output(self, run_id: str, key: str, attempt: int = 1) -> Path:
        return self.base / "data" / "output" / run_id / f"{key}.{attempt}.log"

    def left(self) -> list[str]:
        """Return what the executor still keeps."""
        return sorted(path.name for path in (self.base / "data" / "jobs").glob("*"))


@asynccontextmanager
async def open_commands(
    base: Path,
    *,
    limit: int = 4,
    grace: float = 0.5,
    policy: CommandPolicy | None = None,
) -> AsyncIterator[CommandHouse]:
    """Become the host of `base`, where one project `demo` is."""
    bus, departure, clock = EventBus(), Departure(), StageClock()
    data = base / "data"
    store = await Store.open(data, bus)
    executor = LocalExecutor(data / "jobs", grace)
    commands = CommandStepRunner(store, executor, departure, clock, CommandGuard(store, policy))
    runners = StepRunners({StepKind.COMMAND: commands})
    execution = StepExecution(store, runners, data / "output", departure, clock)
    orchestrator = Orchestrator(store, execution, commands.abandon, departure, command_limit=limit)
    runs = RunService(store, lambda _project, _request: four_agents(), lambda _: Mode.DIRECT)
    if not (base / "workspaces" / "demo").exists():
        await ProjectService(store, base / "workspaces", data).create("demo")
    await commands.tidy()
    try:
        yield CommandHouse(base, store, bus, orchestrator, runs, departure, executor)
    finally:
        await orchestrator.close()
        executor.close()
        await store.close()
