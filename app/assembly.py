"""The second half of the composition root: everything that works on runs.

It takes as long to import as the store, so `container` opens the store first and lets it be
read meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Self

from foredeck.app.reporting import open_reports, report_queries
from foredeck.app.task_house import TaskHouse, run_service
from foredeck.services.agents.runner import AgentStageRunner
from foredeck.services.audit import audited
from foredeck.services.backup.service import BackupService
from foredeck.services.chat.agent_answer import AgentAnswer
from foredeck.services.chat.cards import agent_cards
from foredeck.services.chat.codex_answer import CodexAnswer
from foredeck.services.chat.service import Answerer, ChatService
from foredeck.services.codex.exec_runner import ExecRunner
from foredeck.services.codex.sandboxed import CommandSandbox
from foredeck.services.codex.server import AppServer
from foredeck.services.codex.steering import Steering
from foredeck.services.codex.supervisor import CodexSupervisor, Runner
from foredeck.services.codex.turns import TurnRunner
from foredeck.services.departure import Departure
from foredeck.services.diagnosis import Diagnosis
from foredeck.services.domain.records import (
    CodexEngine,
    Mode,
    StepKind,
)
from foredeck.services.event_bus import EventBus
from foredeck.services.host.backup_handlers import BackupCommands
from foredeck.services.host.chat_handlers import ChatHandlers
from foredeck.services.host.command_handlers import CommandHandlers
from foredeck.services.host.file_handlers import FileCommands
from foredeck.services.host.interface import Host
from foredeck.services.host.intervention_handlers import (
    InterventionCommands,
    InterventionQueries,
)
from foredeck.services.host.job_handlers import JobCommands, JobQueries
from foredeck.services.host.notice_handlers import NoticeCommands, NoticeQueries
from foredeck.services.host.project_handlers import (
    ProjectSettingsCommands,
    ProjectSettingsQueries,
)
from foredeck.services.host.query_handlers import HouseQueries
from foredeck.services.host.question_handlers import QuestionHandlers
from foredeck.services.host.schedule_handlers import ScheduleCommands, ScheduleQueries
from foredeck.services.host.server import HostServer
from foredeck.services.host.service import Handler, OpeningHost
from foredeck.services.host.status import StatusReporter
from foredeck.services.host.workflow_handlers import WorkflowCommands, WorkflowQueries
from foredeck.services.jobs.agent_jobs import AgentJobs
from foredeck.services.jobs.command_guard import CommandGuard
from foredeck.services.jobs.job_follower import JobFollower
from foredeck.services.jobs.job_intake import JobIntake
from foredeck.services.jobs.job_moves import JobMoves
from foredeck.services.jobs.job_records import JobRecords
from foredeck.services.jobs.job_service import JobService
from foredeck.services.jobs.local_executor import LocalExecutor
from foredeck.services.jobs.retention import JobRetention
from foredeck.services.notifications.service import Notifications
from foredeck.services.questions.agents import AgentQuestions
from foredeck.services.questions.approvals import CodexApprovals
from foredeck.services.questions.presence import Presence
from foredeck.services.questions.service import QuestionService
from foredeck.services.scheduling.scheduler import Scheduler
from foredeck.services.settings import Recovery, Settings
from foredeck.services.stage_clock import StageClock
from foredeck.services.store.store import Store
from foredeck.services.tasks.executions import Executions
from foredeck.services.workflow.boundary import Boundary
from foredeck.services.workflow.codex_runs import DIRECTORY as CODEX_RUNS
from foredeck.services.workflow.codex_runs import CodexRuns
from foredeck.services.workflow.codex_step import CodexStepRunner
from foredeck.services.workflow.command_step import CommandStepRunner
from foredeck.services.workflow.execution import StepExecution
from foredeck.services.workflow.gate_step import GateStepRunner
from foredeck.services.workflow.orchestrator import Orchestrator
from foredeck.services.workflow.run_retention import RunRetention
from foredeck.services.workflow.step_runners import StepRunners
from foredeck.services.workflow.workflow_runs import WorkflowRuns
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
class Services:
    """What stands open; `host` is all that a client needs, the rest is for who is the host."""

    host: Host
    store: Store
    bus: EventBus
    codex: AppServer
    supervisor: CodexSupervisor
    orchestrator: Orchestrator
    jobs: JobService
    executions: Executions
    scheduler: Scheduler
    departure: Departure
    server: HostServer


@asynccontextmanager
async def open_working_half(ground: Ground, role: str, *, recover: bool) -> AsyncIterator[Services]:
    """Open what works on runs, take them up with `recover`, then carry out commands.

    Opened in order, closed in reverse.
    """
    settings, store, bus = ground.settings, ground.store, ground.bus
    departure = ground.departure
    async with AsyncExitStack() as stack:
        codex = AppServer(settings)
        stack.push_async_callback(codex.close)
        if settings.codex_engine is CodexEngine.EXEC:
            await codex.stop()  # what an earlier host left working in it, nobody would follow
        asking = Asking.build(settings, store, bus)
        codex_runs = CodexRuns(store, run_service(settings, store), settings)
        await stack.enter_async_context(_kept_up_to_date(codex_runs, bus))
        reports = await stack.enter_async_context(open_reports(settings, store, bus, stays=recover))
        notifications = Notifications(settings, store, bus, stays=recover)
        await stack.enter_async_context(notifications.at_work())
        runner = _turn_runner(settings, codex, departure)
        supervisor = CodexSupervisor(store, runner, settings, departure, approvals=asking.approvals)
        stack.push_async_callback(lambda: _stop_if_idle(codex, supervisor, departure))
        stack.push_async_callback(supervisor.close)
        executor = LocalExecutor(settings.data_dir / "jobs", settings.grace)
        stack.callback(executor.close)
        own = LocalExecutor(settings.data_dir / JOB_OUTPUT, settings.grace)
        stack.callback(own.close)
        guard = CommandGuard.of(store, settings)
        records = JobRecords(store, JobMoves(own), settings.job_limit, settings.job_aging)
        jobs = _jobs(settings, store, bus, own, records, guard)
        stack.push_async_callback(jobs.close)
        agent_jobs = AgentJobs(store, bus, jobs, records, own)
        commands = CommandStepRunner(store, executor, departure, asking.clock, guard)
        orchestrator = _orchestrator(
            settings,
            store,
            supervisor,
            codex_runs,
            departure,
            asking,
            executor,
            commands,
            agent_jobs,
        )
        stack.push_async_callback(orchestrator.close)  # its agents wait for jobs
        chat = _chat(settings, store, runner, departure)
        stack.push_async_callback(chat.close)
        tasks = TaskHouse(settings, store, run_service(settings, store))
        executions = tasks.executions(orchestrator)
        scheduler = Scheduler(store, bus, executions, settings.schedule_grace)
        stack.push_async_callback(scheduler.close)
        stack.callback(store.hurry)  # nobody can quit while a disk is waited for
        handlers = query_handlers(settings, store, bus, supervisor, jobs)
        handlers |= _command_handlers(settings, store, orchestrator, codex_runs)
        handlers |= _question_handlers(store, asking, codex)
        handlers |= ChatHandlers(store, chat).table()
        handlers |= JobCommands(store, jobs, _job_queries(settings, store, jobs)).table()
        handlers |= NoticeQueries(store, scheduler.settled).table()
        handlers |= NoticeCommands(store, notifications).table()
        files = ProjectFiles(store, settings.data_dir)
        handlers |= FileCommands(files).table()
        handlers |= reports
        handlers |= BackupCommands(BackupService(store, settings.data_dir)).table()
        handlers |= tasks.commands(executions)
        schedules = ScheduleQueries(store, runs=recover)
        handlers |= schedules.table() | ScheduleCommands(store, schedules).table()
        # Before what it needs is closed.
        stack.push_async_exit(lambda _kind, error, _trace: ground.server.close(error))
        await asking.questions.reconcile()
        await files.repair()
        await chat.recover()
        await commands.tidy()
        if recover:
            await orchestrator.recover(hold=settings.recovery is Recovery.HOLD)
            if settings.recovery is Recovery.CONTINUE:
                await executions.recover()
            await jobs.recover()
            retention = JobRetention(store, bus, own, settings.job_retention_days)
            await stack.enter_async_context(_in_the_background(retention.keep_up()))
            of_runs = _run_retention(settings, store, bus)
            await stack.enter_async_context(_in_the_background(of_runs.keep_up()))
            scheduler.start()
        ground.host.complete(audited(handlers, store, role))
        yield Services(
            host=ground.host,
            store=store,
            bus=bus,
            codex=codex,
            supervisor=supervisor,
            orchestrator=orchestrator,
            jobs=jobs,
            executions=executions,
            scheduler=scheduler,
            departure=departure,
            server=ground.server,
        )


async def _stop_if_idle(
    codex: AppServer, supervisor: CodexSupervisor, departure: Departure
) -> None:
    """End the app-server unless turns go on in it, ours or those of a host that was killed."""
    if not await supervisor.jobs_left(ours_too=departure.leaving):
        await codex.stop()


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


@asynccontextmanager
async def _in_the_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let something go on that never ends by itself."""
    task = asyncio.create_task(work, name="retention", context=Context())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


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
        return ExecRunner(settings, departure)
    return TurnRunner(codex, settings, departure)


def _orchestrator(
    settings: Settings,
    store: Store,
    supervisor: CodexSupervisor,
    codex_runs: CodexRuns,
    departure: Departure,
    asking: Asking,
    executor: LocalExecutor,
    commands: CommandStepRunner,
    jobs: AgentJobs,
) -> Orchestrator:
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


def _job_queries(settings: Settings, store: Store, jobs: JobService | None) -> JobQueries:
    executor = LocalExecutor(settings.data_dir / JOB_OUTPUT, settings.grace)
    return JobQueries(store, executor, settings.job_limit, jobs, settings.job_aging)


def _run_retention(settings: Settings, store: Store, bus: EventBus) -> RunRetention:
    output, logs = settings.data_dir / "output", settings.data_dir / CODEX_RUNS
    return RunRetention(store, bus, output, logs, settings.run_retention_days)


def query_handlers(
    settings: Settings,
    store: Store,
    bus: EventBus,
    supervisor: CodexSupervisor | None,
    jobs: JobService | None = None,
) -> dict[type, Handler]:
    """Return what answers the queries for which the store is not enough.

    `supervisor` and `jobs` are None where nothing works.
    """
    runs = run_service(settings, store)
    status = StatusReporter(settings, store, bus, supervisor)
    diagnosis = Diagnosis(settings)
    house = HouseQueries(runs, status.report, diagnosis.checks, lambda: agent_cards(settings.model))
    projects = ProjectSettingsQueries(store, settings)
    table = house.table() | InterventionQueries(store).table() | projects.table()
    table |= _job_queries(settings, store, jobs).table()
    table |= report_queries(settings, store).table()
    table |= NoticeQueries(store).table()
    table |= TaskHouse(settings, store, runs).queries().table()
    table |= ScheduleQueries(store, runs=False).table()
    return table | WorkflowQueries(store).table()


def _question_handlers(store: Store, asking: Asking, codex: AppServer) -> dict[type, Handler]:
    steering = Steering(store, codex)
    return QuestionHandlers(store, asking.questions, asking.presence, steering).table()


def _command_handlers(
    settings: Settings, store: Store, orchestrator: Orchestrator, codex_runs: CodexRuns
) -> dict[type, Handler]:
    projects = ProjectService(store, settings.workspaces_root, settings.data_dir)
    runs = run_service(settings, store)
    handlers = CommandHandlers(store, projects, runs, orchestrator, codex_runs)
    workflows = WorkflowCommands(store, WorkflowRuns(store, runs), orchestrator)
    wishes = ProjectSettingsCommands(projects, ProjectSettingsQueries(store, settings))
    table = handlers.table() | InterventionCommands(store, runs, orchestrator).table()
    return table | workflows.table() | wishes.table()
