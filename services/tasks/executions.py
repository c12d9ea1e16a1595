"""Runs of tasks: prepared, stored with what they have from their task, started (SPEC T3)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict, ForedeckError, InvalidInput
from foredeck.services.domain.records import Project, Run, Trigger
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.tasks import Execution, Task
from foredeck.services.store.store import Store, Transaction
from foredeck.services.tasks.templates import Rendered, render
from foredeck.services.tasks.workflows import TaskWorkflows
from foredeck.services.workflow.near import one_of
from foredeck.services.workflow.runs import RunService, RunWish, checked_request, require_usable

_log = logging.getLogger(__name__)


class Starter(Protocol):
    """What drives runs (`workflow.orchestrator.Orchestrator`)."""

    async def start(self, run_id: str, actor: str) -> Run: ...


@dataclass(frozen=True)
class Prepared:
    """A run of a task that can be stored; `warnings` say what is odd about its variables."""

    wish: RunWish
    variables: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


class Executions:
    """Makes runs of tasks, by hand and for the scheduler."""

    def __init__(
        self, store: Store, runs: RunService, starter: Starter, workflows: TaskWorkflows
    ) -> None:
        self._store = store
        self._runs = runs
        self._starter = starter
        self._workflows = workflows

    async def execute(self, ref: str, variables: Mapping[str, str]) -> Execution:
        """Store a run of a task and start it; it is started for sure once it is stored.

        Raises what `prepare` raises, `NotFound` and `Ambiguous`.
        """
        async with self._store.transaction() as tx:
            task = await tx.tasks.find(ref)
        prepared = await self.prepare(task, variables, Trigger.MANUAL)
        async with self._store.transaction("user") as tx:
            task = await tx.tasks.get(task.id)
            require_executable(task)
            execution = await self.add(tx, task, prepared, None)
        await self.start(execution.id, "user")
        return execution

    async def prepare(self, task: Task, variables: Mapping[str, str], trigger: Trigger) -> Prepared:
        """Fill the template in and read the workflow; stores nothing.

        Raises `InvalidInput` for variables without a value, `Conflict` for a task that may not
        be executed or whose workspace is gone, `NotFound`, `InvalidWorkflow` and
        `UntrustedWorkflow` for its workflow.
        """
        require_executable(task)
        async with self._store.transaction() as tx:
            project = await tx.projects.get(task.project_id)
        await asyncio.to_thread(_require_place, task, project)
        inputs = await self._workflows.inputs_of(task.workflow, project)
        rendered = render(task.prompt, dict(task.variables), variables, inputs)
        _require_values(rendered, _advice(task, trigger))
        self._require_no_secret(rendered)
        request = checked_request(rendered.prompt)
        spec = await self._workflows.build(task, project, request, dict(rendered.values))
        wish = RunWish(
            project=project.id,
            request=request,
            title=task.name,
            mode=task.options.mode,
            trigger=trigger,
            workflow=spec,
            budget_tokens=task.options.budget_tokens,
            budget_cost=task.options.budget_cost,
        )
        return Prepared(wish, rendered.values, extra_warnings(rendered.extra))

    async def add(
        self, tx: Transaction, task: Task, prepared: Prepared, due_at: datetime | None
    ) -> Execution:
        """Store a run and its execution; `due_at` is the moment of the schedule it answers."""
        run = await self._runs.create_in(tx, prepared.wish)
        execution = Execution(
            id=run.id,
            task_id=task.id,
            created_at=clock.now(),
            variables=prepared.variables,
            warnings=prepared.warnings,
            due_at=due_at,
            report_format=task.report_format if task.report else None,
            notify=task.notify,
        )
        await tx.executions.add(execution, task)
        return execution

    async def start(self, run_id: str, actor: str = "scheduler") -> None:
        """Start a run that `add` stored; one that somebody else has started stays as it is."""
        try:
            await self._starter.start(run_id, actor)
        except Conflict as error:
            _log.info("an execution was not started again: %s", error)

    async def recover(self) -> None:
        """Start what an earlier host has stored and not come to start."""
        async with self._store.transaction("recovery") as tx:
            left = await tx.executions.not_begun()
        for execution in left:
            try:
                await self.start(execution.id, "recovery")
            except ForedeckError as error:
                _log.warning("the execution %s could not be started: %s", execution.id, error)

    def _require_no_secret(self, rendered: Rendered) -> None:
        """A prompt is stored, and what is stored is what codex is told."""
        if self._store.redactor.text(rendered.prompt) != rendered.prompt:
            raise InvalidInput(
                "The prompt would hold a secret, which would be stored.",
                "Give secrets with foredeck projects env set, and name the variable.",
            )


def require_executable(task: Task) -> None:
    """Raise `Conflict` for a task that is deleted or not active."""
    name = safe_line(task.name)
    if task.deleted_at is not None:
        raise Conflict(f"The task {name} was deleted.", f"foredeck tasks restore {task.id}")
    if not task.active:
        raise Conflict(f"The task {name} is disabled.", f"foredeck tasks enable {task.id}")


def extra_warnings(extra: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is said about variables that nothing takes."""
    if not extra:
        return ()
    names = [safe_line(name, limit=80) for name in extra]
    return (f"The template does not use {one_of(names, 'and')}.",)


def missing_mistakes(missing: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is said about variables without a value."""
    if not missing:
        return ()
    verb = "has" if len(missing) == 1 else "have"
    return (f"{one_of(missing, 'and')} {verb} no value.",)


def _require_values(rendered: Rendered, advice: str) -> None:
    if mistakes := missing_mistakes(rendered.missing):
        raise InvalidInput(" ".join(mistakes), advice)


def _advice(task: Task, trigger: Trigger) -> str:
    """Return how a variable gets its value: the clock gives none."""
    if trigger is Trigger.SCHEDULE:
        return f"Give it a default: foredeck tasks update {task.id} --variable NAME=VALUE"
    return 'Give it as --variables \'{"NAME": "VALUE"}\'.'


def _require_place(task: Task, project: Project) -> None:
    require_usable(project)
    inside = Path(project.workspace).resolve()
    place = (inside / task.directory).resolve()
    if not place.is_dir() or not place.is_relative_to(inside):
        raise Conflict(
            f"The working directory {safe_line(task.directory)} is not in the workspace "
            f"{safe_line(project.workspace)}.",
            "Make it again, or give the task another: foredeck tasks update.",
        )
