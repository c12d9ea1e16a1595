"""What can be run in a project: the workflows by name, what each is, and what it would do.

Files are read and parsed on a thread: a large one takes longer than an event loop may stand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from foredeck.services.domain.errors import InvalidInput, NotFound
from foredeck.services.domain.records import Project
from foredeck.services.domain.workflow import InputSpec
from foredeck.services.domain.workflow_views import (
    InputMistake,
    WorkflowInput,
    WorkflowList,
    WorkflowPreview,
    WorkflowRow,
    WorkflowStep,
    WorkflowView,
)
from foredeck.services.store.store import Store
from foredeck.services.workflow import file as workflow_file
from foredeck.services.workflow import finding
from foredeck.services.workflow.effects import effects
from foredeck.services.workflow.file import InvalidWorkflow, Problem, WorkflowFile
from foredeck.services.workflow.file.templates import as_text
from foredeck.services.workflow.finding import Target
from foredeck.services.workflow.runs import require_usable
from foredeck.services.workflow.workflow_runs import WorkflowWish, is_trusted, request_of

_MOST_WORKFLOWS = 200
_MOST_STEPS = 200


class WorkflowCatalogue:
    """Answers for projects in which runs can work; raises `NotFound` and `Conflict` else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def listed(self, project_ref: str) -> WorkflowList:
        """Return the workflows of a project; one that cannot be run says why."""
        project = await self._usable(project_ref)
        return await asyncio.to_thread(_listed, Path(project.workspace))

    async def view(self, project_ref: str, name: str) -> WorkflowView:
        """Return one workflow as its file is now; raises `NotFound` if there is none."""
        project = await self._usable(project_ref)
        return await asyncio.to_thread(_named, name, Path(project.workspace))

    async def preview(self, wish: WorkflowWish) -> WorkflowPreview:
        """Return what a run would do, or what is wrong with its inputs.

        Raises `InvalidWorkflow` if the text is no workflow at all.
        """
        project = await self._usable(wish.project)
        mistakes, lines = await asyncio.to_thread(_previewed, wish, project)
        async with self._store.transaction() as tx:
            trusted = await is_trusted(tx, project, wish.source, wish.path)
        return WorkflowPreview(mistakes, lines, trusted)

    async def _usable(self, ref: str) -> Project:
        async with self._store.transaction() as tx:
            project = await tx.projects.find(ref)
        require_usable(project)
        return project


def _listed(workspace: Path) -> WorkflowList:
    targets = finding.known_targets(workspace)
    rows = tuple(_view(target).row for target in targets[:_MOST_WORKFLOWS])
    return WorkflowList(str(workspace / finding.FOLDER), rows, len(targets))


def _named(name: str, workspace: Path) -> WorkflowView:
    return _view(finding.named(name, workspace))


def _view(target: Target) -> WorkflowView:
    try:
        source = finding.text_of(target)
    except (InvalidInput, NotFound) as error:
        return _broken(target, "", (str(error).replace(target.path, "It", 1),))
    try:
        file = workflow_file.read(source, _file_name(target))
    except InvalidWorkflow as error:
        return _broken(target, source, tuple(map(_said, error.problems)))
    row = WorkflowRow(target.name, target.path, file.description, file.step_count)
    return WorkflowView(row, source, tuple(map(_input, file.inputs)), tuple(_steps(file)))


def _broken(target: Target, source: str, problems: tuple[str, ...]) -> WorkflowView:
    row = WorkflowRow(target.name, target.path, problem=problems[0])
    return WorkflowView(row, source, problems=problems)


def _file_name(target: Target) -> str:
    return Path(target.path).name or f"{target.name}.yaml"


def _said(problem: Problem) -> str:
    return f"Line {problem.line}: {problem.says}" if problem.line else problem.says


def _input(spec: InputSpec) -> WorkflowInput:
    default = None if spec.default is None else as_text(spec.default)
    choices = tuple(as_text(choice) for choice in spec.choices)
    return WorkflowInput(spec.name, spec.type, default, spec.description, choices)


def _steps(file: WorkflowFile) -> Iterator[WorkflowStep]:
    """Yield the first steps; where made-up inputs do not fit, there is nothing to show."""
    try:
        steps = file.sample().steps
    except InvalidWorkflow:
        return
    titles = {step.id: step.title for step in steps}
    for step in steps[:_MOST_STEPS]:
        yield WorkflowStep(step.title, step.kind, tuple(titles[need] for need in step.needs))


def _previewed(
    wish: WorkflowWish, project: Project
) -> tuple[tuple[InputMistake, ...], tuple[str, ...]]:
    file = workflow_file.read(wish.source, Path(wish.path).name or "workflow")
    try:
        spec = file.build(
            wish.inputs,
            request=request_of(wish.request, file),
            project_name=project.name,
            workspace=project.workspace,
        )
    except InvalidWorkflow as error:
        return tuple(_mistake(problem) for problem in error.problems), ()
    return (), effects(spec)


def _mistake(problem: Problem) -> InputMistake:
    """Return a problem for who has fields to fill in: the hints are for a command line."""
    of, _, name = problem.key.partition(".")
    return (
        InputMistake(name, problem.message) if of == "inputs" else InputMistake("", _said(problem))
    )
