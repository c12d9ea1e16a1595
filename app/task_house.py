"""The part of the composition root that makes runs, and tasks out of which runs are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from foredeck.services.agents.runner import resolve_mode
from foredeck.services.domain.records import DefaultWorkflow, Project
from foredeck.services.domain.workflow import WorkflowSpec
from foredeck.services.host.service import Handler
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from foredeck.services.tasks.executions import Executions
from foredeck.services.tasks.workflows import TaskWorkflows
from foredeck.services.workflow.builtin import codex_turn, four_agents
from foredeck.services.workflow.orchestrator import Orchestrator
from foredeck.services.workflow.runs import RunService
from foredeck.services.workspace.home_projects import HomeProjects
from foredeck.services.workspace.projects import ProjectService

if TYPE_CHECKING:
    from foredeck.services.tasks.service import TaskService


def run_service(settings: Settings, store: Store) -> RunService:
    """Return what makes runs."""
    return RunService(
        store,
        lambda project, request: _workflow(settings, project, request),
        lambda project: resolve_mode(settings, project)[0],
        (settings.budget_tokens, settings.budget_cost),
    )


def _workflow(settings: Settings, project: Project, request: str) -> WorkflowSpec:
    """Return what a run of the project is unless it says otherwise."""
    if project.settings.workflow is DefaultWorkflow.CODEX:
        timeout, verify = settings.stage_timeout, project.settings.verify or settings.verify
        return codex_turn(request, stage_timeout=timeout, verify=verify)
    return _four_agents(settings, project)


def _four_agents(settings: Settings, project: Project) -> WorkflowSpec:
    timeout, verify = settings.stage_timeout, project.settings.verify or settings.verify
    return four_agents(max_rework=settings.max_rework, stage_timeout=timeout, verify=verify)


@dataclass(frozen=True)
class TaskHouse:
    """Puts together what keeps tasks and executes them."""

    settings: Settings
    store: Store
    runs: RunService

    def executions(self, orchestrator: Orchestrator) -> Executions:
        """Return what makes runs of tasks."""
        return Executions(self.store, self.runs, orchestrator, self._workflows())

    def handlers(
        self, executions: Executions | None = None, *, runs: bool = False
    ) -> dict[type, Handler]:
        """Return what answers the queries about tasks and schedules.

        With `executions` also what carries out the commands. `runs` says whether this host
        starts what is due.
        """
        from foredeck.services.host.schedule_handlers import ScheduleCommands, ScheduleQueries
        from foredeck.services.host.task_handlers import TaskCommands, TaskQueries

        tasks = self.service()
        queries = TaskQueries(self.store, tasks, self.settings.prices)
        schedules = ScheduleQueries(self.store, runs=runs)
        table = queries.table() | schedules.table()
        if executions is not None:
            table |= TaskCommands(self.store, tasks, executions, queries).table()
            table |= ScheduleCommands(self.store, schedules).table()
        return table

    def _workflows(self) -> TaskWorkflows:
        settings = self.settings
        return TaskWorkflows(self.store, settings, lambda project: _four_agents(settings, project))

    def service(self) -> TaskService:
        """Return what keeps the tasks."""
        from foredeck.services.scheduling.cron import check
        from foredeck.services.scheduling.plan import next_moment
        from foredeck.services.tasks.service import Calendar, TaskService

        settings, store = self.settings, self.store
        projects = ProjectService(store, settings.workspaces_root, settings.data_dir)
        homes = HomeProjects(store, projects.create)
        calendar = Calendar(check, next_moment)
        return TaskService(store, settings, homes, self._workflows(), calendar)
