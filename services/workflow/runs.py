"""Runs as a person asks for them: created, previewed, started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict, InvalidInput, NotFound
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Job, Mode, Project, Run, Step, Trigger
from foredeck.services.domain.states import ACTIVE_RUNS, FINAL_STEPS, RunState, StepState
from foredeck.services.domain.views import Preview
from foredeck.services.domain.workflow import WorkflowSpec
from foredeck.services.store.store import Store, Transaction
from foredeck.services.workflow import definition
from foredeck.services.workflow.previews import void_lines
from foredeck.services.workflow.retrying import retry_plan
from foredeck.services.workflow.rework import new_step

T = TypeVar("T", int, float)

TITLE_LENGTH = 100
# codex refuses longer input (1,048,576 characters); the stages add their own words.
REQUEST_LENGTH = 200_000


@dataclass(frozen=True)
class RunWish:
    """What a person asks for; without a workflow it is the project's default one.

    A budget is None for that of the settings, 0 for no limit.
    """

    project: str
    request: str
    title: str = ""
    mode: Mode | None = None
    trigger: Trigger = Trigger.MANUAL
    workflow: WorkflowSpec | None = None
    budget_tokens: int | None = None
    budget_cost: float | None = None


class RunService:
    """Creates runs and says what an action on one would do."""

    def __init__(
        self,
        store: Store,
        workflow: Callable[[Project, str], WorkflowSpec],
        resolve_mode: Callable[[Project], Mode],
        budget: tuple[int | None, float | None] = (None, None),
    ) -> None:
        """`budget` is that of a run whose wish names none: tokens and US dollars."""
        self._store = store
        self._workflow = workflow
        self._resolve_mode = resolve_mode
        self._budget = budget

    async def create(self, wish: RunWish) -> Run:
        """Store a run with its steps; raises `InvalidInput`, `NotFound` or `Conflict`."""
        async with self._store.transaction("user") as tx:
            return await self.create_in(tx, wish)

    async def create_in(self, tx: Transaction, wish: RunWish) -> Run:
        """Store a run with its steps as a part of something larger; raises as `create` does."""
        request = checked_request(wish.request)
        project = await tx.projects.find(wish.project)
        require_usable(project)
        workflow = wish.workflow or self._workflow(project, request)
        run = Run(
            id=new_id(),
            project_id=project.id,
            workflow=workflow.name,
            definition=definition.to_json(workflow),
            request=request,
            # Without secrets first: of one that lies across the cut, a part would be left.
            title=_title(*map(self._store.redactor.text, (wish.title, request))),
            trigger=wish.trigger,
            mode=self._mode(wish, project),
            state=RunState.CREATED,
            created_at=clock.now(),
            budget_tokens=_limit(wish.budget_tokens, self._budget[0]),
            budget_cost=_limit(wish.budget_cost, self._budget[1]),
        )
        await _add(tx, run, workflow)
        return run

    async def restart(self, ref: str) -> Run:
        """Store a new run with the request, mode, workflow and budget of an earlier one."""
        async with self._store.transaction("user") as tx:
            parent = await tx.runs.find(ref)
            require_usable(await tx.projects.get(parent.project_id))
            run = Run(
                id=new_id(),
                project_id=parent.project_id,
                workflow=parent.workflow,
                definition=parent.definition,
                request=parent.request,
                title=parent.title,
                trigger=Trigger.RETRY,
                mode=parent.mode,
                state=RunState.CREATED,
                created_at=clock.now(),
                parent_run_id=parent.id,
                budget_tokens=parent.budget_tokens,
                budget_cost=parent.budget_cost,
            )
            await _add(tx, run, definition.from_json(run.definition))
            await tx.runs.note(parent.id, f"started again as run {run.id}")
        return run

    async def find(self, ref: str) -> Run:
        """Return the run that `ref` names; raises `NotFound` or `Ambiguous`."""
        async with self._store.transaction() as tx:
            return await tx.runs.find(ref)

    async def preview_cancel(self, ref: str) -> Preview:
        """Say what cancelling would stop."""
        async with self._store.transaction() as tx:
            run, steps = await _load(tx, ref)
            jobs = [job for job in await tx.jobs.active() if job.run_id == run.id]
        title = f"Cancel “{run.title}”?"
        if run.state not in ACTIVE_RUNS and run.state is not RunState.CREATED:
            return Preview(title, (), possible=False, reason=f"The run is {run.state} already.")
        lines = [f"{s.title} stops now." for s in steps if s.state is StepState.RUNNING]
        lines += [f"{_job(job)} ends, with every process it started." for job in jobs]
        waiting = [s.title for s in steps if s.state not in FINAL_STEPS | {StepState.RUNNING}]
        if waiting:
            lines.append(f"Not started: {', '.join(waiting)}.")
        lines.append("Files already written stay. You can retry the run later.")
        return Preview(title, tuple(lines))

    async def preview_retry(self, ref: str, step_key: str | None) -> Preview:
        """Say what a retry would repeat and what it keeps."""
        async with self._store.transaction() as tx:
            run, steps = await _load(tx, ref)
        title = f"Retry “{run.title}”?"
        try:
            plan = retry_plan(run, steps, step_key)
        except (Conflict, NotFound) as error:
            return Preview(title, (), possible=False, reason=str(error))
        titles = {step.key: step.title for step in steps}

        def named(keys: tuple[str, ...]) -> str:
            return ", ".join(titles[key] for key in keys)

        lines = [f"Runs again: {named(plan.repeats)}."]
        if plan.releases:
            lines.append(f"Follows after that: {named(plan.releases)}.")
        if plan.keeps:
            lines.append(f"Stays as it is: {named(plan.keeps)}.")
        lines += void_lines(steps, plan.asks)
        return Preview(title, tuple(lines))

    def _mode(self, wish: RunWish, project: Project) -> Mode:
        if wish.mode in (Mode.AGENT, Mode.DIRECT):
            return wish.mode
        return self._resolve_mode(project)


def _job(job: Job) -> str:
    return f"Its codex turn “{job.name}”" if job.type == "codex" else f"“{job.name}”"


async def _load(tx: Transaction, ref: str) -> tuple[Run, tuple[Step, ...]]:
    run = await tx.runs.find(ref)
    return run, await tx.steps.of_run(run.id)


async def _add(tx: Transaction, run: Run, workflow: WorkflowSpec) -> None:
    """Store a run with an instance of each step."""
    await tx.runs.add(run)
    for position, spec in enumerate(workflow.steps):
        await tx.steps.add(new_step(run.id, spec, position, spec.needs))


def _limit(wanted: T | None, default: T | None) -> T | None:
    return (default if wanted is None else wanted) or None


def checked_request(text: str) -> str:
    """Return a request without what surrounds it; raises `InvalidInput`."""
    request = text.strip()
    if not request:
        raise InvalidInput("The request is empty.", "Say in a sentence or more what to build.")
    if len(request) > REQUEST_LENGTH:
        raise InvalidInput(
            f"The request has {len(request):,} characters; {REQUEST_LENGTH:,} is the limit.",
            "Put long material into a file of the workspace and name it in the request.",
        )
    return request


def _title(title: str, request: str) -> str:
    return " ".join((title.strip() or request).split())[:TITLE_LENGTH].rstrip()


def require_usable(project: Project) -> None:
    """Raise `Conflict` unless runs can work in the project."""
    if project.archived_at:
        raise Conflict(
            f"The project {project.name} is archived.",
            f"Bring it back first: foredeck projects restore {project.name}",
        )
    if not Path(project.workspace).is_dir():
        raise Conflict(
            f"The workspace of {project.name}, {project.workspace}, is not there any more.",
            "Bring the directory back, or archive the project.",
        )
