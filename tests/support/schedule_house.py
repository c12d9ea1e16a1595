"""Scheduled tasks on a real database, with a clock that stands still; nothing drives the runs.

What a run of a task is comes from the real executions; starting it only writes down its id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foredeck.app.task_house import TaskHouse, run_service
from foredeck.services.domain.audit import AuditRow
from foredeck.services.domain.notices import Channel
from foredeck.services.domain.records import Mode, Run
from foredeck.services.domain.schedules import FireRow, Schedule
from foredeck.services.domain.states import RunState
from foredeck.services.domain.tasks import Execution, Task, TaskOptions
from foredeck.services.event_bus import EventBus
from foredeck.services.notifications.notifier import Notifier
from foredeck.services.scheduling.plan import next_moment
from foredeck.services.scheduling.scheduler import Scheduler
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from foredeck.services.tasks.executions import Executions
from foredeck.services.tasks.service import TaskService
from foredeck.services.workspace.projects import ProjectService
from tests.support.still_clock import Clock


@dataclass
class Starts:
    """Stands for what drives runs; `refuses` is raised instead."""

    store: Store
    started: list[str] = field(default_factory=list)
    refuses: Exception | None = None

    async def start(self, run_id: str, actor: str) -> Run:
        if self.refuses is not None:
            raise self.refuses
        self.started.append(run_id)
        async with self.store.transaction() as tx:
            return await tx.move_run(run_id, RunState.RUNNING)


@dataclass
class ScheduleHouse:
    """One host; another one on the same `base` finds what this one has left."""

    base: Path
    clock: Clock
    store: Store
    bus: EventBus
    starts: Starts
    tasks: TaskService
    executions: Executions
    scheduler: Scheduler

    async def task(self, cron: str, **given: Any) -> Task:
        """Store a task of the project `demo` that is scheduled so."""
        fields = {name: given.pop(name) for name in ("name", "prompt") if name in given}
        task = Task(
            id=f"task{self.bus.seq:06d}",
            name=fields.get("name", f"task {self.bus.seq}"),
            project_id=await self._project(),
            prompt=fields.get("prompt", "Look around"),
            created_at=self.clock.now,
            updated_at=self.clock.now,
            options=TaskOptions(mode=Mode.DIRECT),
            schedule=Schedule(cron, **given),
        )
        task = replace(task, next_at=next_moment(task, self.clock.now))
        async with self.store.transaction() as tx:
            await tx.tasks.add(task)
        return task

    async def change(self, task: Task, **changes: Any) -> None:
        """Change what is stored of a task; its next moment is reckoned anew."""
        async with self.store.transaction("user") as tx:
            changed = replace(await tx.tasks.get(task.id), **changes)
            moment = next_moment(changed, self.clock.now)
            await tx.tasks.save(replace(changed, **{"next_at": moment, **changes}))

    async def again(self, task: Task) -> Task:
        """Return the task as it is stored."""
        async with self.store.transaction() as tx:
            return await tx.tasks.get(task.id)

    async def pause(self, *, paused: bool = True) -> None:
        """Pause the schedules, or let them go on."""
        async with self.store.transaction("user") as tx:
            await tx.scheduler.pause(self.clock.now if paused else None)

    async def settle(self) -> None:
        """Look until there is nothing to be acted upon."""
        while await self.scheduler.look() == 0.0:
            pass

    async def fires(self, task: Task | None = None) -> list[FireRow]:
        """Return what became of due times, by their times."""
        page = await self.store.queries.fires(task.id if task else None, 10_000)
        return sorted(page.items, key=lambda row: row.due_at)

    async def told(self, task: Task | None = None) -> list[tuple[str, str]]:
        """Return hour and minute of each due time that was answered, and what became of it."""
        return [(f"{row.due_at:%d %H:%M}", row.state.value) for row in await self.fires(task)]

    async def runs(self, task: Task) -> list[Execution]:
        """Return the executions of a task, oldest first."""
        async with self.store.transaction() as tx:
            found = await tx.executions._select("task_id = ?", task.id, order="due_at, id")
            return list(found)

    async def end(self, run_id: str) -> None:
        """Let a run end well."""
        async with self.store.transaction() as tx:
            await tx.move_run(run_id, RunState.SUCCESS)

    async def audited(self, action: str) -> list[AuditRow]:
        """Return the rows of the audit trail with that action."""
        rows = await self.store.queries.audit_after(0, 100_000)
        return [row for row in rows if row.action == action]

    async def _project(self) -> str:
        page = await self.store.queries.projects()
        return page.items[0].id


@asynccontextmanager
async def open_schedules(
    base: Path, clock: Clock, *, grace: float = 60.0, **scheduler: Any
) -> AsyncIterator[ScheduleHouse]:
    """Be a host with a scheduler, which looks when it is told to or is started."""
    settings = Settings(data_dir=base / "data", workspaces_root=base / "workspaces")
    bus = EventBus()
    store = await Store.open(settings.data_dir, bus)
    starts = Starts(store)
    if not (await store.queries.projects()).items:
        await ProjectService(store, settings.workspaces_root, settings.data_dir).create("demo")
    house = TaskHouse(settings, store, run_service(settings, store))
    executions = house.executions(starts)  # type: ignore[arg-type]
    notifier = Notifier(store, bus, settings.notify, (Channel.WEBHOOK,), lambda: None)
    notify = notifier.due_time_failed
    made = Scheduler(store, bus, executions, notify, grace, **scheduler)
    try:
        yield ScheduleHouse(base, clock, store, bus, starts, house.service(), executions, made)
    finally:
        await made.close()
        await store.close()


def at(text: str) -> datetime:
    """Return a moment of November 2026 in UTC: `20 14:00`."""
    return datetime.strptime(f"2026-11-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
