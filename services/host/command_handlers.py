"""What carries out each command."""

from __future__ import annotations

from foredeck.services.domain.records import ProjectSettings
from foredeck.services.domain.views import CodexRun, ProjectRow, RunRow
from foredeck.services.host import commands as c
from foredeck.services.host.service import Handler
from foredeck.services.store.store import Store
from foredeck.services.workflow.codex_runs import CodexRuns, CodexWish
from foredeck.services.workflow.orchestrator import Orchestrator
from foredeck.services.workflow.runs import RunService, RunWish
from foredeck.services.workspace.projects import ProjectService


class CommandHandlers:
    """Returns the row as it stands once the change is durable."""

    def __init__(
        self,
        store: Store,
        projects: ProjectService,
        runs: RunService,
        orchestrator: Orchestrator,
        codex_runs: CodexRuns,
    ) -> None:
        self._queries = store.queries
        self._projects = projects
        self._runs = runs
        self._orchestrator = orchestrator
        self._codex_runs = codex_runs

    def table(self) -> dict[type, Handler]:
        """Return the handler of each command type."""
        return {
            c.CreateProject: self.create_project,
            c.UpdateProject: self.update_project,
            c.ArchiveProject: self.archive_project,
            c.CreateRun: self.create_run,
            c.StartRun: self.start_run,
            c.RetryRun: self.retry_run,
            c.CancelRun: self.cancel_run,
            c.CreateCodexRun: self.create_codex_run,
            c.ConcludeCodexRun: self.conclude_codex_run,
        }

    async def create_project(self, command: c.CreateProject) -> ProjectRow:
        """Carry out `CreateProject`."""
        settings = ProjectSettings(command.model, command.sandbox, command.mode)
        project = await self._projects.create(
            command.name, command.workspace, command.description, settings
        )
        return await self._queries.project(project.id)

    async def update_project(self, command: c.UpdateProject) -> ProjectRow:
        """Carry out `UpdateProject`."""
        project = await self._projects.update(command.ref, command.name, command.description)
        return await self._queries.project(project.id)

    async def archive_project(self, command: c.ArchiveProject) -> ProjectRow:
        """Carry out `ArchiveProject`."""
        project = await self._projects.archive(command.ref, archived=command.archived)
        return await self._queries.project(project.id)

    async def create_run(self, command: c.CreateRun) -> RunRow:
        """Carry out `CreateRun`."""
        run = await self._runs.create(
            RunWish(
                command.project,
                command.request,
                command.title,
                command.mode,
                command.trigger,
                budget_tokens=command.budget_tokens,
                budget_cost=command.budget_cost,
            )
        )
        if command.start:
            await self._orchestrator.start(run.id)
        return await self._row(run.id)

    async def start_run(self, command: c.StartRun) -> RunRow:
        """Carry out `StartRun`."""
        run = await self._runs.find(command.ref)
        await self._orchestrator.start(run.id)
        return await self._row(run.id)

    async def retry_run(self, command: c.RetryRun) -> RunRow:
        """Carry out `RetryRun`."""
        run = await self._runs.find(command.ref)
        await self._orchestrator.retry(run.id, command.step_key)
        return await self._row(run.id)

    async def cancel_run(self, command: c.CancelRun) -> RunRow:
        """Carry out `CancelRun`."""
        run = await self._runs.find(command.ref)
        await self._orchestrator.cancel(run.id, command.reason)
        return await self._row(run.id)

    async def create_codex_run(self, command: c.CreateCodexRun) -> CodexRun:
        """Carry out `CreateCodexRun`."""
        wish = CodexWish(
            project=command.project,
            task=command.task,
            thread_id=command.thread_id,
            model=command.model,
            sandbox=command.sandbox,
            codex_config=command.codex_config,
            timeout=command.timeout,
            log_dir=command.log_dir,
        )
        return await self._codex_runs.create(wish)

    async def conclude_codex_run(self, command: c.ConcludeCodexRun) -> CodexRun:
        """Carry out `ConcludeCodexRun`."""
        run = await self._runs.find(command.ref)
        return await self._codex_runs.conclude(run.id)

    async def _row(self, run_id: str) -> RunRow:
        return (await self._queries.run(run_id)).run
