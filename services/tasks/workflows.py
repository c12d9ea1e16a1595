"""The workflow of a task, with what the task says about its steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from foredeck.services.domain.errors import UntrustedWorkflow
from foredeck.services.domain.records import Project, StepKind
from foredeck.services.domain.tasks import Task
from foredeck.services.domain.tool_limits import ToolLimits
from foredeck.services.domain.workflow import InputSpec, StepSpec, WorkflowSpec
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from foredeck.services.workflow import finding
from foredeck.services.workflow.builtin import CODEX, FOUR_AGENTS, codex_turn
from foredeck.services.workflow.workflow_runs import is_trusted

_PROMPTED = (StepKind.AGENT, StepKind.CODEX)
# Known by name everywhere, and filled in by Foredeck itself.
_BUILT_IN = (CODEX, FOUR_AGENTS)


class TaskWorkflows:
    """`four_agents` makes the workflow of that name for a project."""

    def __init__(
        self, store: Store, settings: Settings, four_agents: Callable[[Project], WorkflowSpec]
    ) -> None:
        self._store = store
        self._settings = settings
        self._four_agents = four_agents

    async def inputs_of(self, name: str, project: Project) -> tuple[InputSpec, ...]:
        """Return the inputs that a workflow takes; raises `NotFound` and `InvalidWorkflow`."""
        if name in _BUILT_IN:
            return ()
        return await asyncio.to_thread(_inputs, name, Path(project.workspace))

    async def build(
        self, task: Task, project: Project, prompt: str, values: Mapping[str, str]
    ) -> WorkflowSpec:
        """Return the workflow of an execution: `prompt` is its request.

        Raises `NotFound`, `InvalidWorkflow`, and `UntrustedWorkflow` for a file in the project's
        own folder that nobody has run by hand.
        """
        spec = await self._unlimited(task, project, prompt, values)
        steps = (_of_task(step, task) for step in spec.steps)
        return replace(spec, steps=tuple(steps))

    async def _unlimited(
        self, task: Task, project: Project, prompt: str, values: Mapping[str, str]
    ) -> WorkflowSpec:
        if task.workflow == FOUR_AGENTS:
            return self._four_agents(project)
        if task.workflow == CODEX:
            verify = project.settings.verify or self._settings.verify
            timeout = self._settings.stage_timeout
            return codex_turn(prompt, stage_timeout=timeout, verify=verify)
        source, path = await asyncio.to_thread(_text, task.workflow, Path(project.workspace))
        await self._require_trust(task, project, source, path)
        return await asyncio.to_thread(_built, source, path, project, prompt, values)

    async def _require_trust(self, task: Task, project: Project, source: str, path: str) -> None:
        async with self._store.transaction() as tx:
            trusted = await is_trusted(tx, project, source, path)
        if not trusted:
            raise UntrustedWorkflow(
                f"The workflow {task.workflow} lies in the project's own folder, where codex can "
                "write, and this content of it has not been run before.",
                f"Read it; then run it once: foredeck dag run {task.workflow} --trust",
            )


def _of_task(step: StepSpec, task: Task) -> StepSpec:
    """Return a step with what the task says; what the step says itself goes before it."""
    if step.kind not in _PROMPTED:
        return step
    options = task.options
    turn = step.turn_timeout or options.timeout
    return replace(
        step,
        model=step.model or options.model,
        sandbox=step.sandbox or options.sandbox,
        turn_timeout=turn,
        timeout=max(step.timeout, turn or 0.0),
        tools=ToolLimits(task.allowed_tools, task.disallowed_tools),
        directory=task.directory,
    )


def _text(name: str, workspace: Path) -> tuple[str, str]:
    target = finding.named(name, workspace)
    return finding.text_of(target), target.path


def _inputs(name: str, workspace: Path) -> tuple[InputSpec, ...]:
    from foredeck.services.workflow import file

    source, path = _text(name, workspace)
    return tuple(file.read(source, Path(path).name or name).inputs)


def _built(
    source: str, path: str, project: Project, prompt: str, values: Mapping[str, str]
) -> WorkflowSpec:
    from foredeck.services.workflow import file

    found = file.read(source, Path(path).name or "workflow")
    taken = {one.name: values[one.name] for one in found.inputs if one.name in values}
    return found.build(
        taken, request=prompt, project_name=project.name, workspace=project.workspace
    )
