"""Tasks: created, changed, deleted, brought back (SPEC T1, T2)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from foredeck.services.codex.environment import own_servers
from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict, ForedeckError, InvalidInput, UsageError
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Project
from foredeck.services.domain.reports import ReportFormat
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.tasks import Mistake, Task, TaskPreview, TaskWish
from foredeck.services.domain.workflow import InputSpec
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from foredeck.services.tasks.checking import CheckCron, mistakes_of
from foredeck.services.tasks.executions import extra_warnings, missing_mistakes
from foredeck.services.tasks.templates import Rendered, render, syntax_mistakes, variables_of
from foredeck.services.tasks.workflows import TaskWorkflows
from foredeck.services.tool_servers import servers_of
from foredeck.services.workflow.runs import checked_request, require_usable
from foredeck.services.workspace.home_projects import HomeProjects

_HOLDS_ONE = (
    "The template or a variable holds a secret, which would be stored: give it to the "
    "project with foredeck projects env set, and name the variable."
)


@dataclass(frozen=True)
class Calendar:
    """What is known about schedules: `check` names mistakes, `next_moment` is that of a task."""

    check: CheckCron
    next_moment: Callable[[Task, datetime], datetime | None]


class TaskService:
    """Keeps the tasks; their executions are those of `Executions`."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        homes: HomeProjects,
        workflows: TaskWorkflows,
        calendar: Calendar,
    ) -> None:
        self._store = store
        self._settings = settings
        self._homes = homes
        self._workflows = workflows
        self._calendar = calendar

    async def create(self, wish: TaskWish) -> Task:
        """Store a task; raises `InvalidInput` with every mistake.

        Raises `Conflict` if all that is wrong is that its name is taken, and for a project in
        which nothing can run.
        """
        await self._require_sound(wish, None)
        project = await self._homes.of(wish.project, wish.here)
        await asyncio.to_thread(require_usable, project)
        moment = clock.now()
        blank = Task(new_id(), "", project.id, moment, moment, prompt="")
        task = self._with(blank, wish, project, moment)
        async with self._store.transaction("user") as tx:
            await tx.tasks.add(task)
        return task

    async def update(self, ref: str, wish: TaskWish) -> Task:
        """Replace a task by how it is to be; raises as `create` does."""
        old = await self.find(ref)
        await self._require_sound(wish, old)
        project = await self._homes.of(wish.project or old.project_id, "")
        async with self._store.transaction("user") as tx:
            now = await tx.tasks.get(old.id)  # what it has counted meanwhile stays
            task = self._with(now, wish, project, clock.now())
            await tx.tasks.save(task)
        return task

    async def delete(self, ref: str) -> Task:
        """Take a task off the lists; its runs stay. Raises `Conflict` if that is so already."""
        return await self._change(ref, lambda task: replace(task, deleted_at=clock.now()))

    async def restore(self, ref: str) -> Task:
        """Bring a deleted task back; its schedule goes on from now.

        Raises `Conflict` if it is not deleted, or another one has its name meanwhile.
        """
        task = await self.find(ref)
        if taken := await self._named(task.name, task):
            raise Conflict(
                _taken_by(taken),
                f"Give that one another name first: foredeck tasks update {taken.id} --name NAME",
            )

        def restored(task: Task) -> Task:
            if task.deleted_at is None:
                raise Conflict(f"The task {safe_line(task.name)} is not deleted.")
            return replace(task, deleted_at=None)

        return await self._change(ref, restored, deleted=True)

    async def activate(self, ref: str, *, active: bool) -> Task:
        """Let a task be executed, or not; its schedule goes on from now."""
        return await self._change(ref, lambda task: replace(task, active=active))

    async def find(self, ref: str) -> Task:
        """Return the task that `ref` names; raises `NotFound` and `Ambiguous`."""
        async with self._store.transaction() as tx:
            return await tx.tasks.find(ref)

    async def mistakes(self, wish: TaskWish, changed: str | None) -> tuple[Mistake, ...]:
        """Return every mistake in a wish for a new task, or for a change of one."""
        old = await self.find(changed) if changed else None
        return (*await self._taken(wish, old), *await self._mistakes(wish, old))

    async def preview(self, ref: str, variables: Mapping[str, str]) -> TaskPreview:
        """Return what an execution would say, and all that is wrong with it."""
        task = await self.find(ref)
        async with self._store.transaction() as tx:
            project = await tx.projects.get(task.project_id)
        inputs: tuple[InputSpec, ...] = ()
        mistakes = [Mistake("prompt", text) for text in syntax_mistakes(task.prompt)]
        try:
            inputs = await self._workflows.inputs_of(task.workflow, project)
        except ForedeckError as error:
            mistakes.append(Mistake("workflow", str(error)))
        rendered = render(task.prompt, dict(task.variables), variables, inputs)
        mistakes += [Mistake("variables", text) for text in missing_mistakes(rendered.missing)]
        if not mistakes:
            mistakes = await self._mistakes_in_a_run(task, project, rendered)
        values = {**dict(task.variables), **variables}
        names = dict.fromkeys((*variables_of(task.prompt), *(one.name for one in inputs)))
        return TaskPreview(
            rendered.prompt,
            tuple(mistakes),
            rendered.missing,
            extra_warnings(rendered.extra),
            tuple((name, values.get(name)) for name in names),
        )

    async def _mistakes_in_a_run(
        self, task: Task, project: Project, rendered: Rendered
    ) -> list[Mistake]:
        """Return what an execution would stumble over behind its variables, which stands first."""
        try:
            checked_request(rendered.prompt)
        except InvalidInput as error:
            return [Mistake("prompt", str(error))]
        try:
            await self._workflows.build(task, project, rendered.prompt, dict(rendered.values))
        except ForedeckError as error:
            return [Mistake("workflow", str(error))]
        return []

    async def _taken(self, wish: TaskWish, old: Task | None) -> tuple[Mistake, ...]:
        other = await self._named(wish.name.strip(), old)
        return () if other is None else (Mistake("name", _taken_by(other)),)

    async def _named(self, name: str, old: Task | None) -> Task | None:
        """Return another task than `old` that has this name."""
        async with self._store.transaction() as tx:
            other = await tx.tasks.by_name(name)
        return None if other is None or (old is not None and other.id == old.id) else other

    async def _require_sound(self, wish: TaskWish, old: Task | None) -> None:
        """Raise `InvalidInput` with every mistake; a name that is taken is told with others."""
        if mistakes := await self._mistakes(wish, old):
            _raise((*await self._taken(wish, old), *mistakes))

    async def _mistakes(self, wish: TaskWish, old: Task | None) -> tuple[Mistake, ...]:
        try:
            ref = wish.project or (old.project_id if old else None)
            project = await self._homes.known(ref, "" if old else wish.here)
        except UsageError as error:
            return (Mistake("project", str(error)), *await self._about(wish, ()))
        return await self._mistakes_in(wish, project)

    async def _mistakes_in(self, wish: TaskWish, project: Project | None) -> tuple[Mistake, ...]:
        wishes = project.settings if project else None
        servers = servers_of(wishes, self._settings) if wishes else self._settings.mcp_servers
        own = await asyncio.to_thread(own_servers, self._settings)
        found = [*await self._about(wish, (*servers, *own))]
        found += self._secrets(wish)
        if project is not None:
            about = _about_directory(wish.directory, project)
            found += [Mistake("directory", text) for text in about]
            try:
                await self._workflows.inputs_of(wish.workflow, project)
            except ForedeckError as error:
                found.append(Mistake("workflow", str(error)))
        return tuple(found)

    async def _about(self, wish: TaskWish, servers: tuple[str, ...]) -> tuple[Mistake, ...]:
        # In a thread of its own: the first expression has to be imported for, and whether one
        # ever comes is looked for through all calendars there are.
        return await asyncio.to_thread(mistakes_of, wish, servers, self._calendar.check)

    def _secrets(self, wish: TaskWish) -> list[Mistake]:
        """Return a mistake for each field that holds one, with the same words."""
        texts = {
            "prompt": (wish.prompt,),
            "description": (wish.description,),
            "variables": tuple(dict(wish.variables).values()),
        }
        clean = self._store.redactor.text
        fields = [name for name, held in texts.items() if any(clean(one) != one for one in held)]
        return [Mistake(name, _HOLDS_ONE) for name in fields]

    async def _change(
        self, ref: str, change: Callable[[Task], Task], *, deleted: bool = False
    ) -> Task:
        async with self._store.transaction("user") as tx:
            task = await tx.tasks.find(ref)
            if task.deleted_at is not None and not deleted:
                raise Conflict(
                    f"The task {safe_line(task.name)} was deleted.",
                    f"Bring it back first: foredeck tasks restore {task.id}",
                )
            moment = clock.now()
            changed = replace(change(task), updated_at=moment)
            changed = self._scheduled(task, changed, moment)
            await tx.tasks.save(changed)
        return changed

    def _with(self, task: Task, wish: TaskWish, project: Project, moment: datetime) -> Task:
        """Return a task as it is wished for; what it has counted stays."""
        changed = replace(
            task,
            name=wish.name.strip(),
            project_id=project.id,
            prompt=wish.prompt,
            updated_at=moment,
            description=wish.description,
            variables=wish.variables,
            workflow=wish.workflow,
            allowed_tools=wish.allowed_tools,
            disallowed_tools=wish.disallowed_tools,
            options=wish.options,
            directory=_within(wish.directory, project),
            schedule=wish.schedule,
            report=wish.report,
            report_format=ReportFormat(wish.report_format),
            notify=wish.notify,
            tags=tuple(dict.fromkeys(wish.tags)),
            public=wish.public,
            active=wish.active,
            metadata=wish.metadata,
        )
        return self._scheduled(task, changed, moment)

    def _scheduled(self, before: Task, task: Task, moment: datetime) -> Task:
        """Return a changed task with its next moment.

        One that has come and is not answered yet stays, unless the task is due at others now.
        """
        next_at = self._calendar.next_moment(task, moment)
        if next_at is not None and before.next_at is not None and _due_alike(before, task):
            next_at = min(next_at, before.next_at)
        return replace(task, next_at=next_at)


def _due_alike(one: Task, other: Task) -> bool:
    """Whether two tasks are due at the same times, however they deal with them."""
    if one.schedule is None or other.schedule is None:
        return False
    mine, others = one.schedule, other.schedule
    return (mine.cron, mine.timezone) == (others.cron, others.timezone)


def _taken_by(other: Task) -> str:
    return f"There is a task {safe_line(other.name)} already: {other.id}."


def _raise(mistakes: tuple[Mistake, ...]) -> None:
    """Raise `InvalidInput` with every mistake, a line each where there are several."""
    texts = list(dict.fromkeys(mistake.text for mistake in mistakes))
    if len(texts) > 1:
        lines = "".join(f"\n  • {text}" for text in texts)
        raise InvalidInput(f"The task has {len(texts)} mistakes:{lines}")
    if texts:
        raise InvalidInput(texts[0])


def _within(directory: str, project: Project) -> str:
    """Return a directory relative to the workspace, empty for the workspace itself."""
    relative = os.path.relpath(Path(project.workspace, directory), project.workspace)
    return "" if relative == "." else relative


def _about_directory(directory: str, project: Project) -> list[str]:
    if not directory:
        return []
    workspace = Path(project.workspace).resolve()
    place = Path(project.workspace, directory).resolve()
    if place.is_dir() and place.is_relative_to(workspace):
        return []
    shown = safe_line(directory, limit=200)
    return [f"{shown} is no directory in the workspace of {safe_line(project.name)}."]
