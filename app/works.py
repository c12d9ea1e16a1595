"""The part of the composition root that opens what works on runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Self

from foredeck.app.reporting import open_reports
from foredeck.app.task_house import TaskHouse, run_service
from foredeck.services.agents.runner import AgentStageRunner
from foredeck.services.chat.agent_answer import AgentAnswer
from foredeck.services.chat.codex_answer import CodexAnswer
from foredeck.services.chat.service import Answerer, ChatService
from foredeck.services.codex.sandboxed import CommandSandbox
from foredeck.services.codex.server import AppServer
from foredeck.services.codex.supervisor import CodexSupervisor, Runner
from foredeck.services.codex.turns import TurnRunner
from foredeck.services.departure import Departure
from foredeck.services.domain.records import (
    CodexEngine,
    Mode,
    StepKind,
)
from foredeck.services.event_bus import EventBus
from foredeck.services.host.server import HostServer
from foredeck.services.host.service import OpeningHost
from foredeck.services.jobs.agent_jobs import AgentJobs
from foredeck.services.jobs.command_guard import CommandGuard
from foredeck.services.jobs.job_follower import JobFollower
from foredeck.services.jobs.job_intake import JobIntake
from foredeck.services.jobs.job_moves import JobMoves
from foredeck.services.jobs.job_records import JobRecords
from foredeck.services.jobs.job_service import JobService
from foredeck.services.jobs.local_executor import LocalExecutor
from foredeck.services.notifications.service import Notifications
from foredeck.services.questions.agents import AgentQuestions
from foredeck.services.questions.approvals import CodexApprovals
from foredeck.services.questions.presence import Presence
from foredeck.services.questions.service import QuestionService
from foredeck.services.reports.service import ReportService
from foredeck.services.scheduling.scheduler import Scheduler
from foredeck.services.settings import Settings
from foredeck.services.stage_clock import StageClock
from foredeck.services.store.store import Store
from foredeck.services.tasks.executions import Executions
from foredeck.services.workflow.boundary import Boundary
from foredeck.services.workflow.codex_runs import CodexRuns
from foredeck.services.workflow.codex_step import CodexStepRunner
from foredeck.services.workflow.command_step import CommandStepRunner
from foredeck.services.workflow.execution import StepExecution
from foredeck.services.workflow.gate_step import GateStepRunner
from foredeck.services.workflow.orchestrator import Orchestrator
from foredeck.services.workflow.step_runners import StepRunners
from foredeck.services.workspace.home_projects import HomeProjects
from foredeck.services.workspace.project_files import ProjectFiles
from foredeck.services.workspace.projects import ProjectService

JOB_OUTPUT = "job-output"
"""Where jobs of their own keep what they print; command steps tidy a directory of theirs."""


@dataclass(frozen=True)
class Ground:
    """What stands before anything works: `container` opens it."""

    settings: Settings
    store: Store
    bus: EventBus
    server: HostServer
    host: OpeningHost
    departure: Departure


@dataclass(frozen=True)
class Asking:
    """Everything that asks a person, and knows whether one is there."""

    questions: QuestionService
    presence: Presence
    approvals: CodexApprovals
    clock: StageClock

    @classmethod
    def build(cls, settings: Settings, store: Store, bus: EventBus) -> Self:
        """Put it together."""
        clock, presence = StageClock(), Presence()
        questions = QuestionService(store, bus, clock)
        approvals = CodexApprovals(questions, presence, settings)
        return cls(questions, presence, approvals, clock)


@dataclass(frozen=True)
class Queue:
    """Jobs of their own, with what runs and keeps them."""

    executor: LocalExecutor
    records: JobRecords
    jobs: JobService


@dataclass(frozen=True)
class Works:
    """What works on runs, and what it is put together from."""

    ground: Ground
    asking: Asking
    codex: AppServer
    codex_runs: CodexRuns
    reports: ReportService
    notifications: Notifications
    supervisor: CodexSupervisor
    commands: CommandStepRunner
    queue: Queue
    orchestrator: Orchestrator
    chat: ChatService
    tasks: TaskHouse
    executions: Executions
    scheduler: Scheduler
    files: ProjectFiles


async def open_works(stack: AsyncExitStack, ground: Ground, *, stays: bool) -> Works:
    """Open it in order; `stack` closes it in reverse.

    A host that `stays` sees to what earlier ones have left.
    """
    settings, store, bus = ground.settings, ground.store, ground.bus
    departure = ground.departure
    codex = await _open_codex(stack, settings)
    asking = Asking.build(settings, store, bus)
    codex_runs = CodexRuns(store, run_service(settings, store), settings)
    await stack.enter_async_context(_kept_up_to_date(codex_runs, bus))
    reports = await stack.enter_async_context(open_reports(settings, store, bus, stays=stays))
    notifications = Notifications(settings, store, bus, stays=stays)
    await stack.enter_async_context(notifications.at_work())
    runner = _turn_runner(settings, codex, departure)
    supervisor = CodexSupervisor(store, runner, settings, departure, approvals=asking.approvals)
    stack.push_async_callback(lambda: _stop_if_idle(codex, supervisor, departure))
    stack.push_async_callback(supervisor.close)
    executor = LocalExecutor(settings.data_dir / "jobs", settings.grace)
    stack.callback(executor.close)
    guard = CommandGuard.of(store, settings)
    queue = _open_queue(stack, ground, guard)
    commands = CommandStepRunner(store, executor, departure, asking.clock, guard)
    orchestrator = _orchestrator(ground, supervisor, codex_runs, asking, executor, commands, queue)
    stack.push_async_callback(orchestrator.close)  # its agents wait for jobs
    chat = _chat(settings, store, runner, departure)
    stack.push_async_callback(chat.close)
    tasks = TaskHouse(settings, store, run_service(settings, store))
    executions = tasks.executions(orchestrator)
    scheduler = Scheduler(
        store, bus, executions, notifications.due_time_failed, settings.schedule_grace
    )
    stack.push_async_callback(scheduler.close)
    return Works(
        ground=ground,
        asking=asking,
        codex=codex,
        codex_runs=codex_runs,
        reports=reports,
        notifications=notifications,
        supervisor=supervisor,
        commands=commands,
        queue=queue,
        orchestrator=orchestrator,
        chat=chat,
        tasks=tasks,
        executions=executions,
        scheduler=scheduler,
        files=ProjectFiles(store, settings.data_dir),
    )


async def _open_codex(stack: AsyncExitStack, settings: Settings) -> AppServer:
    codex = AppServer(settings)
    stack.push_async_callback(codex.close)
    if settings.codex_engine is CodexEngine.EXEC:
        await codex.stop()  # what an earlier host left working in it, nobody would follow
    return codex


def _open_queue(stack: AsyncExitStack, ground: Ground, guard: CommandGuard) -> Queue:
    settings, store = ground.settings, ground.store
    own = LocalExecutor(settings.data_dir / JOB_OUTPUT, settings.grace)
    stack.callback(own.close)
    records = JobRecords(store, JobMoves(own), settings.job_limit, settings.job_aging)
    jobs = _jobs(settings, store, ground.bus, own, records, guard)
    stack.push_async_callback(jobs.close)
    return Queue(own, records, jobs)


async def _stop_if_idle(
    codex: AppServer, supervisor: CodexSupervisor, departure: Departure
) -> None:
    """End the app-server unless turns go on in it, ours or those of a host that was killed."""
    if not await supervisor.jobs_left(ours_too=departure.leaving):
        await codex.stop()


@asynccontextmanager
async def _kept_up_to_date(codex_runs: CodexRuns, bus: EventBus) -> AsyncIterator[None]:
    """Write the files of codex runs as they end, and at both ends what is missing."""
    events = bus.subscribe()
    await codex_runs.catch_up()
    following = asyncio.create_task(codex_runs.follow(events), name="files of codex runs")
    try:
        yield
    finally:
        await events.aclose()
        await asyncio.wait({following})
        await codex_runs.catch_up()


def _turn_runner(settings: Settings, codex: AppServer, departure: Departure) -> Runner:
    if settings.codex_engine is CodexEngine.EXEC:
        from foredeck.services.codex.exec_runner import ExecRunner

        return ExecRunner(settings, departure)
    return TurnRunner(codex, settings, departure)


def _orchestrator(
    ground: Ground,
    supervisor: CodexSupervisor,
    codex_runs: CodexRuns,
    asking: Asking,
    executor: LocalExecutor,
    commands: CommandStepRunner,
    queue: Queue,
) -> Orchestrator:
    settings, store, departure = ground.settings, ground.store, ground.departure
    jobs = AgentJobs(store, ground.bus, queue.jobs, queue.records, queue.executor)
    people = AgentQuestions(asking.questions, asking.approvals.attended)
    agents = AgentStageRunner(
        store, supervisor, settings, departure, people=people, own_jobs=jobs, executor=executor
    )
    codex = CodexStepRunner(store, supervisor, codex_runs, settings, departure, executor=executor)
    gates = GateStepRunner(store, asking.questions)
    runners = StepRunners(
        {
            StepKind.AGENT: agents,
            StepKind.CODEX: codex,
            StepKind.COMMAND: commands,
            StepKind.GATE: gates,
        }
    )
    output = settings.data_dir / "output"
    execution = StepExecution(store, runners, output, departure, asking.clock)
    boundary = Boundary(settings.prices)

    async def abandon(run_id: str, step_id: str | None = None) -> None:
        await commands.abandon(run_id, step_id)
        await supervisor.abandon(run_id, step_id)
        if step_id is None:
            await jobs.stop(run_id)

    return Orchestrator(
        store, execution, abandon, departure, boundary, command_limit=settings.command_limit
    )


def _chat(settings: Settings, store: Store, turns: Runner, departure: Departure) -> ChatService:
    answerers: dict[Mode, Answerer] = {
        Mode.AGENT: AgentAnswer(store, settings),
        Mode.DIRECT: CodexAnswer(store, turns, settings),
    }
    return ChatService(store, settings, turns, answerers, departure)


def _jobs(
    settings: Settings,
    store: Store,
    bus: EventBus,
    executor: LocalExecutor,
    records: JobRecords,
    guard: CommandGuard,
) -> JobService:
    projects = ProjectService(store, settings.workspaces_root, settings.data_dir)
    sandbox = CommandSandbox(settings)
    homes = HomeProjects(store, projects.create)
    intake = JobIntake(store, settings.job_timeout, homes, guard, sandbox)
    follower = JobFollower(store, executor, settings.data_dir / "job-input", sandbox)
    return JobService(store, bus, intake, records, follower)
