"""Runs of workflow files: read, trusted, filled in, stored."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from foredeck.services.domain.errors import UntrustedWorkflow
from foredeck.services.domain.records import Mode, Project, Run, Trigger
from foredeck.services.store.store import Store, Transaction
from foredeck.services.workflow import file as workflow_file
from foredeck.services.workflow.file import WorkflowFile
from foredeck.services.workflow.runs import RunService, RunWish


@dataclass(frozen=True)
class WorkflowWish:
    """What a person asks for; the fields are those of the command `CreateWorkflowRun`."""

    project: str
    source: str
    path: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    request: str = ""
    title: str = ""
    mode: Mode | None = None
    trigger: Trigger = Trigger.CLI
    budget_tokens: int | None = None
    budget_cost: float | None = None
    trust: bool = False


class WorkflowRuns:
    """Creates runs of workflow files."""

    def __init__(self, store: Store, runs: RunService) -> None:
        self._store = store
        self._runs = runs

    async def create(self, wish: WorkflowWish) -> Run:
        """Store a run with its steps.

        Raises `InvalidWorkflow`, `InvalidInput`, `NotFound`, `Conflict`, and
        `UntrustedWorkflow` for a file of the project's own folder that nobody trusts.
        """
        name = wish.path or "workflow"
        found = await asyncio.to_thread(workflow_file.read, wish.source, name)
        project = await self._trusted_in(wish)
        request = request_of(wish.request, found)
        spec = found.build(
            wish.inputs,
            request=request,
            project_name=project.name,
            workspace=project.workspace,
        )
        return await self._runs.create(
            RunWish(
                project=project.id,
                request=request,
                title=wish.title or ("" if wish.request.strip() else found.name),
                mode=wish.mode,
                trigger=wish.trigger,
                workflow=spec,
                budget_tokens=wish.budget_tokens,
                budget_cost=wish.budget_cost,
            )
        )

    async def _trusted_in(self, wish: WorkflowWish) -> Project:
        """Return the project, once it is sure that the file may be run there."""
        async with self._store.transaction("user") as tx:
            project = await tx.projects.find(wish.project)
            if wish.trust and _lies_in(wish.path, project.workspace):
                await tx.trusted_workflows.add(project.id, _digest(wish.source), wish.path)
            elif not await is_trusted(tx, project, wish.source, wish.path):
                raise UntrustedWorkflow(
                    f"{wish.path} lies in the project's own folder, where codex can write, and "
                    "this content of it has not been run before.",
                    "Read it; if it is as you want it, add --trust.",
                )
        return project


async def is_trusted(tx: Transaction, project: Project, source: str, path: str) -> bool:
    """Whether a workflow may be run: it lies elsewhere, or somebody trusts this content."""
    if not _lies_in(path, project.workspace):
        return True
    return await tx.trusted_workflows.knows(project.id, _digest(source))


def request_of(said: str, file: WorkflowFile) -> str:
    """Return what a run of the file is for, also where nobody has said it."""
    return said.strip() or file.description or f"Run the workflow {file.name}"


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogateescape")).hexdigest()


def _lies_in(path: str, workspace: str) -> bool:
    """Whether the file is below the workspace, by its own path or where that leads."""
    if not path:
        return False
    given, folder = Path(path), Path(workspace)
    return given.is_relative_to(folder) or given.resolve().is_relative_to(folder.resolve())
