"""Reads for the screen of tasks: all of them, the schedules, and the task that is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.screen import Screen
from textual.timer import Timer

from foredeck.app.bridge import HostChanged
from foredeck.app.screens.refresher import Refresher, Rest, failure_in
from foredeck.app.screens.shell import host_of
from foredeck.services.domain.errors import UsageError
from foredeck.services.domain.schedules import ScheduleBoard
from foredeck.services.domain.task_views import TaskDetail
from foredeck.services.domain.tasks import TaskLine, TaskRow
from foredeck.services.host.interface import Host
from foredeck.services.host.task_requests import (
    GetScheduleBoard,
    GetTask,
    ListExecutions,
    ListFires,
    ListTasks,
    PreviewSchedule,
)

# Tasks are read in pages of that many.
_PAGE = 200
# Of the task that is looked at: executions, moments that came to nothing, moments to come.
_EXECUTIONS, _FIRES, _MOMENTS = 30, 20, 5
# How many times as long as a read took comes before the next, and how long at most (seconds).
_FACTOR, _LONGEST = 8.0, 1.0
# Seconds that the cursor has to rest on a task before that is read.
_DWELL = 0.12


class TaskReader:
    """Reads one thing at a time, and again when that has changed.

    `deleted` says whether the deleted tasks are wanted as well.
    """

    def __init__(
        self,
        screen: Screen[Any],
        show_tasks: Callable[[], None],
        show_task: Callable[[], None],
        list_failed: Callable[[Exception], None],
        task_failed: Callable[[Exception], None],
    ) -> None:
        self._screen = screen
        self._show_tasks = show_tasks
        self._show_task = show_task
        self._aim: str | None = None
        self._list_rest, self._detail_rest = Rest(_FACTOR, _LONGEST), Rest(_FACTOR, _LONGEST)
        self._dwelling: Timer | None = None
        self.deleted = False
        self.tasks: tuple[TaskLine, ...] | None = None
        self.board: ScheduleBoard | None = None
        self.detail: TaskDetail | None = None
        self._lists = Refresher(
            screen, self._read_tasks, failure_in(screen, list_failed, self._has_read)
        )
        self._details = Refresher(
            screen, self._read_task, failure_in(screen, task_failed, self._has_read)
        )

    def apply(self, change: HostChanged) -> None:
        """Read again what has changed."""
        if change.resync or change.tasks or change.schedules:
            self.read_tasks(at_once=change.resync or change.schedules)
        if self._aim is not None and self._touches(change, self._aim):
            self._details.request()

    def _touches(self, change: HostChanged, task_id: str) -> bool:
        if change.resync or change.schedules or task_id in change.tasks:
            return True
        shown = {one.id for one in self.detail.executions} if self.detail else set()
        return not shown.isdisjoint(change.runs | change.reports)

    def read_tasks(self, *, at_once: bool = True) -> None:
        """Read all tasks again; also in the rest after a read, unless that can wait."""
        self._lists.request()
        if at_once:
            self._list_rest.hurry()

    def aim(self, task_id: str | None, *, at_once: bool = False) -> None:
        """Look at that task from now on, or at none; soon, or at once."""
        if task_id == self._aim and not at_once:
            return
        self._aim = task_id
        self._detail_rest.hurry()
        if self._dwelling is not None:
            self._dwelling.stop()
        if task_id is None:
            self.detail = None
        elif at_once:
            self._details.request()
        else:
            self._dwelling = self._screen.set_timer(_DWELL, self._details.request)

    def _has_read(self) -> bool:
        return self.tasks is not None

    @property
    def _host(self) -> Host:
        return host_of(self._screen)

    async def _read_tasks(self) -> None:
        async with self._list_rest.after():
            board = await self._host.ask(GetScheduleBoard())
            tasks = await self._all_tasks(deleted=False)
            if self.deleted:
                known = {row.id for row in tasks}
                gone = await self._all_tasks(deleted=True)
                tasks += tuple(row for row in gone if row.id not in known)
            if self._screen.is_attached:
                self.board, self.tasks = board, tasks
                self._show_tasks()

    async def _all_tasks(self, *, deleted: bool) -> tuple[TaskLine, ...]:
        """Return all tasks, page by page; one that comes or goes meanwhile is told again."""
        rows: dict[str, TaskLine] = {}
        offset = 0
        while True:
            page = await self._host.ask(ListTasks(deleted=deleted, limit=_PAGE, offset=offset))
            rows |= {row.id: row for row in page.items}
            offset += len(page.items)
            if not page.items or offset >= page.total:
                return tuple(rows.values())

    async def _read_task(self) -> None:
        wanted = self._aim
        if wanted is None:
            return
        async with self._detail_rest.after():
            detail = await self._read_detail(wanted)
            if wanted == self._aim and self._screen.is_attached:
                self.detail = detail
                self._show_task()

    async def _read_detail(self, task_id: str) -> TaskDetail:
        host = self._host
        row = await host.ask(GetTask(task_id))
        executions = await host.ask(ListExecutions(task_id, limit=_EXECUTIONS))
        odd = await host.ask(ListFires(task_id, odd=True, limit=_FIRES))
        moments, problem = await self._moments(row)
        return TaskDetail(row, executions.items, executions.total, odd.items, moments, problem)

    async def _moments(self, row: TaskRow) -> tuple[tuple[str, ...], str]:
        schedule = row.task.schedule
        if schedule is None:
            return (), ""
        query = PreviewSchedule(schedule.cron, schedule.timezone, _MOMENTS)
        try:
            return await self._host.ask(query), ""
        except UsageError as error:
            return (), str(error)  # a zone that this machine has lost: the rest can be told
