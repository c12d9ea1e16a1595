"""What carries out the command that runs a workflow file, and says what can be run."""

from __future__ import annotations

from foredeck.services.domain.views import RunRow
from foredeck.services.domain.workflow_views import WorkflowList, WorkflowPreview, WorkflowView
from foredeck.services.host import commands as c
from foredeck.services.host import queries as q
from foredeck.services.host.service import Handler
from foredeck.services.store.store import Store
from foredeck.services.workflow.catalogue import WorkflowCatalogue
from foredeck.services.workflow.orchestrator import Orchestrator
from foredeck.services.workflow.workflow_runs import WorkflowRuns, WorkflowWish


class WorkflowQueries:
    """Reads only."""

    def __init__(self, store: Store) -> None:
        self._catalogue = WorkflowCatalogue(store)

    def table(self) -> dict[type, Handler]:
        """Return the handler of each query type."""
        return {
            q.ListWorkflows: self.list_workflows,
            q.GetWorkflow: self.workflow,
            q.PreviewWorkflow: self.preview,
        }

    async def list_workflows(self, query: q.ListWorkflows) -> WorkflowList:
        """Answer `ListWorkflows`."""
        return await self._catalogue.listed(query.project)

    async def workflow(self, query: q.GetWorkflow) -> WorkflowView:
        """Answer `GetWorkflow`."""
        return await self._catalogue.view(query.project, query.name)

    async def preview(self, query: q.PreviewWorkflow) -> WorkflowPreview:
        """Answer `PreviewWorkflow`."""
        return await self._catalogue.preview(
            WorkflowWish(query.project, query.source, query.path, query.inputs, query.request)
        )


class WorkflowCommands:
    """Returns the run as it stands once the change is durable."""

    def __init__(self, store: Store, workflows: WorkflowRuns, orchestrator: Orchestrator) -> None:
        self._queries = store.queries
        self._workflows = workflows
        self._orchestrator = orchestrator

    def table(self) -> dict[type, Handler]:
        """Return the handler of each command type."""
        return {c.CreateWorkflowRun: self.create}

    async def create(self, command: c.CreateWorkflowRun) -> RunRow:
        """Carry out `CreateWorkflowRun`."""
        run = await self._workflows.create(
            WorkflowWish(
                project=command.project,
                source=command.source,
                path=command.path,
                inputs=command.inputs,
                request=command.request,
                title=command.title,
                mode=command.mode,
                trigger=command.trigger,
                budget_tokens=command.budget_tokens,
                budget_cost=command.budget_cost,
                trust=command.trust,
            )
        )
        if command.start:
            await self._orchestrator.start(run.id)
        return (await self._queries.run(run.id)).run
