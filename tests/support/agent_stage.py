"""One stage of a run in a real database, ready to be worked on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from foredeck.services.agents.codex_jobs import CodexJobs
from foredeck.services.agents.registry import agent
from foredeck.services.agents.stage import StageTask
from foredeck.services.agents.tools import ToolBox
from foredeck.services.agents.transcript import Transcript
from foredeck.services.domain import clock
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Message, Mode, Project, Run, Step, StepKind, Trigger
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.event_bus import EventBus
from foredeck.services.jobs.local_executor import LocalExecutor
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.store.store import Store
from foredeck.services.workspace.files import WorkspaceFiles
from tests.support.codex_desk import FakeSupervisor


@dataclass
class Stage:
    """A task of a stage and what belongs to it."""

    store: Store
    bus: EventBus
    task: StageTask
    supervisor: FakeSupervisor
    workspace: Path
    executor: LocalExecutor

    def box(self, role: str | None = None) -> ToolBox:
        jobs = CodexJobs(self.supervisor, self.task)
        files = WorkspaceFiles(self.workspace)
        return ToolBox(agent(role or self.task.role), jobs, files, self.store)

    def transcript(self) -> Transcript:
        return Transcript(self.store, self.task)

    async def messages(self) -> tuple[Message, ...]:
        async with self.store.transaction() as tx:
            return await tx.messages.of_step(self.task.step.id)

    def shown(self) -> str:
        """Return what the output file shows so far."""
        self.task.output.flush()
        return self.task.output.path.read_text()


@asynccontextmanager
async def open_stage(
    tmp_path: Path, role: str = "builder", mode: Mode = Mode.AGENT, **changes: object
) -> AsyncIterator[Stage]:
    """Open a store with one run and one running step of that role."""
    bus = EventBus()
    workspace = tmp_path / "workspace"
    workspace.mkdir(parents=True)
    store = await Store.open(tmp_path / "data", bus)
    moment = clock.now()
    project = Project(new_id(), "demo", str(workspace), moment, moment, "A small project")
    run = Run(
        id=new_id(),
        project_id=project.id,
        workflow="four-agents",
        definition="{}",
        request="Build a word counter",
        title="Word counter",
        trigger=Trigger.MANUAL,
        mode=mode,
        state=RunState.CREATED,
        created_at=moment,
    )
    step = Step(
        id=new_id(),
        run_id=run.id,
        key=role,
        spec_id=role,
        position=0,
        kind=StepKind.AGENT,
        title=role,
        needs=(),
        critical=True,
        state=StepState.PENDING,
        attempt=1,
    )
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
        await tx.steps.add(step)
    output = OutputWriter(tmp_path / "data" / "output" / f"{role}.1.log")
    task = StageTask(project, run, step, 1, role, mode, output)
    executor = LocalExecutor(tmp_path / "data" / "jobs", 0.5)
    task = replace(task, **changes)  # type: ignore[arg-type]
    try:
        yield Stage(store, bus, task, FakeSupervisor(store), workspace, executor)
    finally:
        executor.close()
        output.close()
        await store.close()
