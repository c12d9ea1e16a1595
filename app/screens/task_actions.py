"""What a person does to tasks and their schedules: asked about, commanded, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from foredeck.app.screens.dialog_actions import DialogActions
from foredeck.app.screens.shell import shell_of
from foredeck.services.domain.amounts import plural
from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.tasks import ExecutionStatus, TaskLine, TaskRow
from foredeck.services.domain.views import Preview
from foredeck.services.host.queries import ListProjects
from foredeck.services.host.task_requests import (
    ActivateTask,
    DeleteTask,
    GetScheduleBoard,
    GetTask,
    PauseSchedules,
    PreviewTask,
    RestoreTask,
)

if TYPE_CHECKING:
    from foredeck.app.screens.modals.task_form import TaskDraft

_MOST_PROJECTS = 500


class TaskActions(DialogActions):
    """Every coroutine may raise `ForedeckError`; `project_id` is the one of a new task at first.

    `deleted` are the tasks that were deleted here, the latest one last.
    """

    def __init__(self, screen: Screen[Any], project_id: str | None) -> None:
        super().__init__(screen)
        self._project_id = project_id
        self._draft: TaskDraft | None = None
        self._values: dict[str, dict[str, str]] = {}
        self.deleted: list[str] = []

    async def create(self) -> TaskRow | None:
        """Ask for a task and store it; what was typed is kept until it is."""
        from foredeck.app.screens.modals.task_form import TaskDraft

        if self._draft is None:
            zone = (await self._host.ask(GetScheduleBoard())).timezone
            self._draft = TaskDraft(self._project_id or "", {"timezone": zone})
        row = await self._edit(self._draft, None)
        if row is not None:
            self._draft = None
            self._say(f"{_named(row)} is there: x executes it.")
            self._warn(row)
        return row

    async def edit(self, row: TaskLine) -> None:
        """Let a person change a task as it is now."""
        from foredeck.app.screens.modals.task_form import draft_of

        fresh = await self._host.ask(GetTask(row.id))
        changed = await self._edit(draft_of(fresh.task), fresh)
        if changed is not None:
            self._say(f"{_named(changed)} is changed; runs that are there stay as they are.")
            self._warn(changed)

    def _warn(self, row: TaskRow) -> None:
        for warning in row.warnings:
            shell_of(self._screen).notice(warning, "warning")

    async def _edit(self, draft: TaskDraft, row: TaskRow | None) -> TaskRow | None:
        from foredeck.app.screens.modals.task_edit import TaskDialog

        projects = (await self._host.ask(ListProjects(limit=_MOST_PROJECTS))).items
        dialog = TaskDialog(self._host, projects, draft, row)
        answer: TaskRow | None = await self._screen.app.push_screen_wait(dialog)
        return answer

    async def execute(self, row: TaskLine) -> ExecutionStatus | None:
        """Ask for the variables and run the task; what was typed is kept until it runs."""
        from foredeck.app.screens.modals.task_execute import ExecuteTaskDialog

        values = self._values.setdefault(row.id, {})
        preview = await self._host.ask(PreviewTask(row.id))
        dialog = ExecuteTaskDialog(self._host, row, preview, values)
        status: ExecutionStatus | None = await self._screen.app.push_screen_wait(dialog)
        if status is not None:
            self._values.pop(row.id, None)
            self._say(f"{_named(row)} is executed: enter on the execution goes to its run.")
        return status

    async def switch(self, row: TaskLine) -> None:
        """Switch a task on or off."""
        active = not row.task.active
        await self._host.do(ActivateTask(row.id, active))
        self._say(f"{_named(row)} is switched {'on' if active else 'off'}.")

    async def delete(self, row: TaskLine) -> None:
        """Ask, then take a task off the list."""
        if await self._confirm(delete_preview(row), yes="Delete", no="Keep it"):
            await self._host.do(DeleteTask(row.id))
            self.deleted.append(row.id)
            self._say(f"{_named(row)} is deleted. u brings it back.")

    async def restore(self, row: TaskLine | None) -> TaskRow:
        """Bring back a deleted task, or without one the last that was deleted here."""
        if row is None and not self.deleted:
            raise NotFound("No task was deleted here.")
        task_id = row.id if row is not None else self.deleted[-1]
        restored = await self._host.do(RestoreTask(task_id))
        self.deleted = [one for one in self.deleted if one != task_id]
        self._say(f"{_named(restored)} is back.")
        return restored

    async def pause(self, *, paused: bool) -> None:
        """Let no schedule start anything, or go on."""
        await self._host.do(PauseSchedules(paused))
        if paused:
            self._say("All schedules are paused; what works goes on. p lets them go on.")
        else:
            self._say("The schedules go on; what they missed is dealt with as each one says.")


def delete_preview(row: TaskLine) -> Preview:
    """Return what deleting a task ends and what it leaves."""
    task = row.task
    lines = ["It leaves the lists, and nothing executes it any more. u brings it back."]
    if task.schedule is not None:
        lines.append("Its schedule stops.")
    if row.running:
        lines.append(f"{plural(row.running, 'execution')} at work: they go on.")
    if task.executions:
        lines.append(f"{plural(task.executions, 'run')} with what they left: kept as they are.")
    return Preview(f"Delete the task “{safe_line(task.name, limit=60)}”?", tuple(lines))


def _named(row: TaskLine) -> str:
    return f"“{safe_line(row.name, limit=60)}”"
