"""What carries out the command that runs a workflow file."""

from __future__ import annotations

from foredeck.services.domain.views import RunRow
from foredeck.services.host import commands as c
from foredeck.services.host.service import Handler
from foredeck.services.store.store import Store
from foredeck.services.workflow.orchestrator import Orchestrator
from foredeck.services.workflow.workflow_runs import WorkflowRuns, WorkflowWish


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
