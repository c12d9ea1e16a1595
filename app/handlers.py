"""The part of the composition root that puts together what answers and what carries out."""

from __future__ import annotations

from foredeck.app.reporting import report_handlers
from foredeck.app.task_house import TaskHouse, run_service
from foredeck.app.works import JOB_OUTPUT, Asking, Works
from foredeck.services.chat.cards import agent_cards
from foredeck.services.codex.server import AppServer
from foredeck.services.codex.steering import Steering
from foredeck.services.codex.supervisor import CodexSupervisor
from foredeck.services.diagnosis import Diagnosis
from foredeck.services.event_bus import EventBus
from foredeck.services.host.chat_handlers import ChatHandlers
from foredeck.services.host.command_handlers import CommandHandlers
from foredeck.services.host.file_handlers import FileCommands
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
from foredeck.services.host.service import Handler, Later
from foredeck.services.host.status import StatusReporter
from foredeck.services.host.workflow_handlers import WorkflowCommands, WorkflowQueries
from foredeck.services.jobs.job_service import JobService
from foredeck.services.jobs.local_executor import LocalExecutor
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from foredeck.services.workflow.codex_runs import CodexRuns
from foredeck.services.workflow.orchestrator import Orchestrator
from foredeck.services.workflow.workflow_runs import WorkflowRuns
from foredeck.services.workspace.projects import ProjectService

# The modules of the requests that few hosts get.
REPORTS = "foredeck.services.host.report_requests"
TASKS = "foredeck.services.host.task_requests"
BACKUPS = "foredeck.services.host.backup_requests"


def handlers_of(works: Works) -> dict[type, Handler]:
    """Return what answers and carries out what any host may be asked for."""
    ground = works.ground
    settings, store = ground.settings, ground.store
    jobs = works.queue.jobs
    handlers = _query_handlers(settings, store, ground.bus, works.supervisor, jobs)
    handlers |= _command_handlers(settings, store, works.orchestrator, works.codex_runs)
    handlers |= _question_handlers(store, works.asking, works.codex)
    handlers |= ChatHandlers(store, works.chat).table()
    handlers |= JobCommands(store, jobs, _job_queries(settings, store, jobs)).table()
    handlers |= NoticeQueries(store, works.scheduler.settled).table()
    handlers |= NoticeCommands(store, works.notifications).table()
    return handlers | FileCommands(works.files).table()


def later_handlers(works: Works, *, runs: bool) -> Later:
    """Return what makes the handlers that few hosts need; what they take is imported then.

    `runs` says whether this host starts what is due.
    """
    settings, store = works.ground.settings, works.ground.store
    return {
        REPORTS: lambda: report_handlers(settings, store, works.reports),
        TASKS: lambda: works.tasks.handlers(works.executions, runs=runs),
        BACKUPS: lambda: _backup_handlers(settings, store),
    }


def _backup_handlers(settings: Settings, store: Store) -> dict[type, Handler]:
    from foredeck.services.backup.service import BackupService
    from foredeck.services.host.backup_handlers import BackupCommands

    return BackupCommands(BackupService(store, settings.data_dir)).table()


def reader_handlers(settings: Settings, store: Store, bus: EventBus) -> dict[type, Handler]:
    """Return what answers queries where nothing works."""
    handlers = _query_handlers(settings, store, bus, None)
    tasks = TaskHouse(settings, store, run_service(settings, store))
    return handlers | report_handlers(settings, store) | tasks.handlers()


def _query_handlers(
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
    table |= NoticeQueries(store).table()
    return table | WorkflowQueries(store).table()


def _job_queries(settings: Settings, store: Store, jobs: JobService | None) -> JobQueries:
    executor = LocalExecutor(settings.data_dir / JOB_OUTPUT, settings.grace)
    return JobQueries(store, executor, settings.job_limit, jobs, settings.job_aging)


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
