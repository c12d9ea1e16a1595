"""A host with tasks, schedules and what came of them, for the screen that lists them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.events import ScheduleChanged, TaskSaved
from foredeck.services.domain.records import Trigger
from foredeck.services.domain.schedules import FireRow, FireState, Schedule, ScheduleBoard
from foredeck.services.domain.states import RunState
from foredeck.services.domain.tasks import (
    ExecutionStatus,
    Mistake,
    Task,
    TaskPreview,
    TaskRow,
    TaskWish,
)
from foredeck.services.domain.views import Page
from foredeck.services.domain.workflow_views import WorkflowList, WorkflowRow
from foredeck.services.host import queries, task_requests
from tests.support.fake_host import NOW, FakeHost, ago, running

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def task_row(task_id: str, **changes: Any) -> TaskRow:
    """Return a task of the project `p1`; changes are of the task or of its row."""
    of_row = {
        name: changes.pop(name)
        for name in ("running", "last_state", "last_run_id", "project_name")
        if name in changes
    }
    fields: dict[str, Any] = {
        "id": task_id,
        "name": task_id,
        "project_id": "p1",
        "prompt": "Check {{branch}} and mend what is broken.",
        "created_at": ago(86_400),
        "updated_at": ago(3600),
        "variables": (("branch", "main"),),
    }
    return TaskRow(Task(**{**fields, **changes}), **{"project_name": "shortener", **of_row})


def execution(run_id: str, state: RunState = RunState.SUCCESS, **changes: Any) -> ExecutionStatus:
    """Return an execution of the task `t1`."""
    fields: dict[str, Any] = {
        "id": run_id,
        "task_id": "t1",
        "task_name": "nightly",
        "project_name": "shortener",
        "trigger": Trigger.SCHEDULE,
        "state": state,
        "variables": (("branch", "main"),),
        "warnings": (),
        "conversation_id": "c1",
        "created_at": ago(7200),
        "started_at": ago(7200),
        "ended_at": ago(7100),
        "duration": 100.0,
        "tokens": 12_400,
        "cost": 0.12,
    }
    return ExecutionStatus(**{**fields, **changes})


def fire(fire_id: str, state: FireState, reason: str, **changes: Any) -> FireRow:
    """Return a due time of the task `t1`."""
    fields: dict[str, Any] = {
        "id": fire_id,
        "task_id": "t1",
        "task_name": "nightly",
        "due_at": ago(90_000),
        "at": ago(80_000),
        "state": state,
        "run_id": None,
        "reason": reason,
    }
    return FireRow(**{**fields, **changes})


@dataclass
class TaskHost(FakeHost):
    """Has these tasks, newest first; `check` says what is wrong with a wish, `odd` what is odd."""

    tasks: list[TaskRow] = field(default_factory=list)
    executions: list[ExecutionStatus] = field(default_factory=list)
    fires: list[FireRow] = field(default_factory=list)
    board: ScheduleBoard = field(default_factory=lambda: ScheduleBoard(None, 0, runs=True))
    check: Callable[[TaskWish], list[Mistake]] = field(default_factory=lambda: mistakes_in)
    odd: tuple[str, ...] = ()

    def task(self, ref: str) -> TaskRow:
        """Return a task."""
        return next(row for row in self.tasks if row.id == ref)

    def change(self, row: TaskRow) -> TaskRow:
        """Let a task be another one from now on, and tell it."""
        self.tasks = [row if known.id == row.id else known for known in self.tasks]
        self.publish(TaskSaved(task_id=row.id))
        return row

    def add(self, row: TaskRow) -> TaskRow:
        """Have one task more, and tell it."""
        self.tasks.insert(0, row)
        self.publish(TaskSaved(task_id=row.id))
        return row

    def _answer(self, query: object) -> object:
        match query:
            case task_requests.ListTasks():
                rows = [r for r in self.tasks if (r.task.deleted_at is not None) == query.deleted]
                return page_of(rows, query.limit, query.offset)
            case task_requests.GetTask():
                return self.task(query.ref)
            case task_requests.ListExecutions():
                mine = [one for one in self.executions if query.task in {None, one.task_id}]
                return page_of(mine, query.limit, query.offset)
            case task_requests.ListFires():
                odd = [f for f in self.fires if f.task_id == query.task]
                return page_of(odd, query.limit, query.offset)
            case task_requests.GetScheduleBoard():
                return self.board
        return self._answer_preview(query)

    def _answer_preview(self, query: object) -> object:
        match query:
            case task_requests.PreviewSchedule():
                return moments(query.cron, query.count)
            case task_requests.PreviewTask():
                return preview(self.task(query.ref).task, query.variables)
            case task_requests.CheckTask():
                return tuple(self.check(query.wish))
            case queries.ListWorkflows():
                return WorkflowList("/w", (WorkflowRow("release"),), 1)
        return super()._answer(query)

    def _carry_out(self, command: object) -> object:
        match command:
            case task_requests.CreateTask():
                row = self.add(row_of(f"t{len(self.tasks) + 1}", command.wish))
                return replace(row, warnings=self.odd)
            case task_requests.UpdateTask():
                return self._update(command)
            case task_requests.DeleteTask():
                return self._put(command.ref, deleted_at=NOW)
            case task_requests.RestoreTask():
                return self._put(command.ref, deleted_at=None)
            case task_requests.ActivateTask():
                return self._put(command.ref, active=command.active)
            case task_requests.ExecuteTask():
                return self._execute(command)
            case task_requests.PauseSchedules():
                self.board = replace(self.board, paused_at=NOW if command.paused else None)
                self.publish(ScheduleChanged())
                return self.board
        return super()._carry_out(command)

    def _update(self, command: task_requests.UpdateTask) -> TaskRow:
        old, new = self.task(command.ref), row_of(command.ref, command.wish)
        return self.change(replace(new, last_run_id=old.last_run_id))

    def _put(self, ref: str, **changes: Any) -> TaskRow:
        row = self.task(ref)
        return self.change(replace(row, task=replace(row.task, **changes)))

    def _execute(self, command: task_requests.ExecuteTask) -> ExecutionStatus:
        row = self.task(command.ref)
        status = execution(
            f"x{len(self.executions)}",
            RunState.RUNNING,
            task_id=row.id,
            trigger=Trigger.MANUAL,
            created_at=NOW,
            started_at=NOW,
            ended_at=None,
            variables=tuple(command.variables.items()),
        )
        self.executions.insert(0, status)
        count = row.task.executions + 1
        task = replace(row.task, executions=count, last_executed_at=NOW)
        self.change(replace(row, task=task, running=1, last_state=RunState.RUNNING,
                            last_run_id=status.id))  # fmt: skip
        return status


def row_of(task_id: str, wish: TaskWish) -> TaskRow:
    """Return the task that is wished for."""
    return task_row(
        task_id,
        name=wish.name,
        prompt=wish.prompt,
        description=wish.description,
        variables=wish.variables,
        workflow=wish.workflow,
        schedule=wish.schedule,
        tags=wish.tags,
        public=wish.public,
        active=wish.active,
        report=wish.report,
        next_at=NOW + timedelta(hours=3) if wish.schedule else None,
    )


def mistakes_in(wish: TaskWish) -> list[Mistake]:
    """Return what is wrong with a wish, as a host with few rules sees it."""
    found = [] if wish.name else [Mistake("name", "A task needs a name.")]
    if not wish.prompt.strip():
        found.append(Mistake("prompt", "There is no prompt."))
    if wish.workflow not in {"codex", "release"}:
        found.append(Mistake("workflow", f"There is no workflow {wish.workflow}."))
    if "Nope" in (wish.allowed_tools or ()):
        found.append(Mistake("allowed_tools", "There is no tool Nope."))
    if wish.schedule is not None and len(wish.schedule.cron.split()) != 5:
        found.append(Mistake("cron", "A schedule has five fields."))
    return found


def moments(cron: str, count: int) -> tuple[str, ...]:
    """Return moments three hours from now and a day apart."""
    if len(cron.split()) != 5:
        raise InvalidInput(f"“{cron}” is no cron expression.", "Write five fields.")
    first = NOW + timedelta(hours=3)
    return tuple((first + timedelta(days=n)).isoformat() for n in range(count))


def preview(task: Task, given: dict[str, str]) -> TaskPreview:
    """Return a prompt with its values filled in; what is missing is a mistake."""
    values = dict(task.variables) | given
    names = tuple(dict.fromkeys(_VARIABLE.findall(task.prompt)))
    filled = _VARIABLE.sub(lambda m: values.get(m[1], m[0]), task.prompt)
    missing = tuple(name for name in names if name not in values)
    mistakes = tuple(Mistake("variables", f"{name} has no value.") for name in missing)
    variables = tuple((name, values.get(name)) for name in names)
    return TaskPreview(filled, mistakes, missing, (), variables)


def page_of(rows: list[Any], limit: int, offset: int = 0) -> Page[Any]:
    return Page(tuple(rows[offset : offset + limit]), len(rows), limit, offset)


def tasked(directory: Path) -> TaskHost:
    """Tasks of all kinds: scheduled, switched off, public, at work, failed, never executed."""
    host = running(directory)
    nightly = Schedule("0 2 * * *", "Europe/Berlin")
    rows = [
        task_row("t5", name="changelog", prompt="Write what is new since {{tag}}.", variables=()),
        task_row(
            "t4",
            name="dependencies",
            schedule=Schedule("0 6 * * 1", enabled=False),
            tags=("upkeep",),
            executions=4,
            successes=4,
            last_state=RunState.SUCCESS,
            last_run_id="e9",
        ),
        task_row("t3", name="old links", active=False, project_name="website", public=True),
        task_row(
            "t2",
            name="smoke test",
            next_at=NOW + timedelta(minutes=12),
            schedule=Schedule("*/30 * * * *"),
            tags=("test", "quick"),
            executions=512,
            successes=498,
            failures=13,
            running=1,
            last_state=RunState.RUNNING,
            last_run_id="e8",
        ),
        task_row(
            "t1",
            name="nightly",
            description="Runs the whole suite against the main branch and mends what it can.",
            prompt="Check out {{branch}}.\nRun the tests.\nMend what is broken.\nSay what it was.\n"
            "Do not touch the schema.\nLeave the branch as it is.",
            next_at=NOW + timedelta(hours=3),
            schedule=nightly,
            tags=("nightly", "database"),
            public=True,
            report=True,
            executions=41,
            successes=37,
            failures=3,
            last_executed_at=ago(7200),
            last_state=RunState.FAILED,
            last_run_id="e1",
        ),
    ]
    executions = [
        execution("e1", RunState.FAILED, error="2 of 81 tests failed.", report_id="r1"),
        execution("e2", created_at=ago(93_600), result_message="All is well.", report_id="r2"),
        execution("e3", RunState.CANCELLED, created_at=ago(180_000), trigger=Trigger.MANUAL),
    ]
    fires = [
        fire("f1", FireState.MISSED, "No host was there from 01:12 to 07:40."),
        fire("f2", FireState.SKIPPED, "The execution before was still at work.", run_id=None),
    ]
    board = ScheduleBoard(None, 2, "t2", "smoke test", NOW + timedelta(minutes=12), 1, 0, runs=True)
    return TaskHost(
        host.projects,
        host.runs,
        host.transcripts,
        tasks=rows,
        executions=executions,
        fires=fires,
        board=board,
    )
