"""Tasks and executions for people: their SQL, and its rows as view models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.json_text import is_json
from foredeck.services.domain.records import Trigger
from foredeck.services.domain.reports import ReportFormat
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.tasks import LISTED_ANSWER, ExecutionStatus, TaskLine, TaskRow
from foredeck.services.domain.views import Page
from foredeck.services.store.codecs import (
    PAIRS,
    clean_text,
    to_moment,
    to_names,
    to_optional_moment,
)
from foredeck.services.store.engine import Link
from foredeck.services.store.finding import by_beginning, project_id, task_id
from foredeck.services.store.mapping import LISTED_TASKS, TASKS
from foredeck.services.store.rows import each
from foredeck.services.store.task_tables import TASK
from foredeck.services.store.tasks import UNDER_WAY

# Only constants of this module are put together; every value is a parameter.
# ruff: noqa: S608

_UNDER_WAY = ", ".join(f"'{state}'" for state in UNDER_WAY)
_WIDTH = len(TASK.columns)
# Of a task in a list, the long texts stay where they are.
_LISTED = LISTED_TASKS.to_names()
_SHORT = ", ".join(f"t.{c.name}" if c.name in _LISTED else "NULL" for c in TASK.columns)
_ALL = ", ".join(f"t.{c.name}" for c in TASK.columns)
_LAST = """
    SELECT r.{} FROM execution e CROSS JOIN run r ON r.id = e.id
    WHERE e.task_id = t.id ORDER BY e.created_at DESC, e.id DESC LIMIT 1
"""
_TASK = f"""
    SELECT {{columns}}, coalesce(p.name, ''),
        (SELECT count(*) FROM run r CROSS JOIN execution e ON e.id = r.id
            WHERE e.task_id = t.id AND r.state IN ({_UNDER_WAY})),
        ({_LAST.format("state")}), ({_LAST.format("id")})
    FROM task t LEFT JOIN project p ON p.id = t.project_id
"""
_WHOLE, _LINE = _TASK.format(columns=_ALL), _TASK.format(columns=_SHORT)
_EXECUTION = """
    SELECT e.id, e.task_id, t.name, p.name, r.trigger, r.state, e.variables, e.warnings,
        e.created_at, r.started_at, r.ended_at, r.usage_input + r.usage_output, e.due_at,
        {summary}, r.error,
        (SELECT x.id FROM report x WHERE x.run_id = e.id ORDER BY x.created_at DESC LIMIT 1),
        e.report_format,
        (SELECT j.thread_id FROM job j WHERE j.run_id = e.id AND j.thread_id IS NOT NULL
            ORDER BY j.created_at LIMIT 1),
        (SELECT s.reason FROM step s WHERE s.run_id = e.id AND r.state IN ({waits})
            AND s.state IN ({held}) AND s.reason <> '' AND NOT EXISTS (
                SELECT 1 FROM step w WHERE w.run_id = e.id AND w.state = '{runs}')
            ORDER BY s.position, s.id LIMIT 1)
    FROM execution e CROSS JOIN run r ON r.id = e.id
    CROSS JOIN task t ON t.id = e.task_id CROSS JOIN project p ON p.id = r.project_id
"""
_STATES = {
    "waits": _UNDER_WAY,
    "held": ", ".join(f"'{state}'" for state in (StepState.PENDING, StepState.WAITING)),
    "runs": StepState.RUNNING.value,
}
_ONE_EXECUTION = f"{_EXECUTION.format(summary='r.summary', **_STATES)} WHERE e.id = ?"
# First which ones, then what is known of each.
_EXECUTIONS = f"""
    {_EXECUTION.format(summary=f"substr(r.summary, 1, {LISTED_ANSWER + 1})", **_STATES)}
    WHERE e.id IN (
        SELECT x.id FROM execution x {{}}
        ORDER BY x.created_at DESC, x.id DESC LIMIT ? OFFSET ?
    ) ORDER BY e.created_at DESC, e.id DESC
"""
_FENCE = "```"


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks; `project` is a ref: its own and the public ones."""

    project: str | None = None
    tag: str | None = None
    deleted: bool = False


async def page(link: Link, wanted: TaskFilter, limit: int, offset: int) -> Page[TaskLine]:
    """Return tasks, newest first."""
    tests, values = ["t.deleted_at IS NOT NULL" if wanted.deleted else "t.deleted_at IS NULL"], []
    if wanted.project is not None:
        tests.append("(t.project_id = ? OR t.public)")
        values.append(await project_id(link, wanted.project))
    if wanted.tag is not None:
        tests.append("EXISTS (SELECT 1 FROM json_each(t.tags) x WHERE x.value = ?)")
        values.append(clean_text(wanted.tag))
    condition = " AND ".join(tests)
    found = await link.rows(
        f"{_LINE} WHERE {condition} ORDER BY t.created_at DESC, t.id DESC LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    total = await link.rows(f"SELECT count(*) FROM task t WHERE {condition}", values)
    return Page(each(_task_line, found), total[0][0], limit, offset)


async def task(link: Link, ref: str) -> TaskRow:
    """Return a task; raises `NotFound` and `Ambiguous`."""
    found = await link.rows(f"{_WHOLE} WHERE t.id = ?", (await task_id(link, ref),))
    return each(_task_row, found)[0]


async def executions(
    link: Link, task_ref: str | None, limit: int, offset: int
) -> Page[ExecutionStatus]:
    """Return executions, newest first; of one task, or of all. Long answers are cut."""
    whose, values = ("", ()) if task_ref is None else await _of_task(link, task_ref)
    found = await link.rows(_EXECUTIONS.format(whose), (*values, limit, offset))
    total = await link.rows(f"SELECT count(*) FROM execution x {whose}", values)
    return Page(each(_listed_status, found), total[0][0], limit, offset)


async def execution(link: Link, ref: str) -> ExecutionStatus:
    """Return an execution; raises `NotFound` and `Ambiguous`, `Conflict` for a run of no task."""
    run_id = await by_beginning(link, "run", ref)
    found = await link.rows(_ONE_EXECUTION, (run_id,))
    if not found:
        raise Conflict(
            f"Run {run_id} is not of a task.", f"foredeck runs show {run_id} tells how it stands."
        )
    return each(_execution_status, found)[0]


async def _of_task(link: Link, ref: str) -> tuple[str, tuple[str, ...]]:
    return "WHERE x.task_id = ?", (await task_id(link, ref),)


def _task_line(row: Any) -> TaskLine:
    return TaskLine(LISTED_TASKS.to_record(row[:_WIDTH]), *_facts(*row[_WIDTH:]))


def _task_row(row: Any) -> TaskRow:
    return TaskRow(TASKS.to_record(row[:_WIDTH]), *_facts(*row[_WIDTH:]))


def _facts(
    project: str, running: int, last_state: str | None, last_run: str | None
) -> tuple[str, int, RunState | None, str]:
    return project, running, RunState(last_state) if last_state else None, last_run or ""


def _execution_status(row: Any) -> ExecutionStatus:
    started, ended = to_optional_moment(row[9]), to_optional_moment(row[10])
    return ExecutionStatus(
        id=row[0],
        task_id=row[1],
        task_name=row[2],
        project_name=row[3],
        trigger=Trigger(row[4]),
        state=RunState(row[5]),
        variables=PAIRS.decode(row[6]),
        warnings=to_names(row[7]),
        conversation_id=row[0],
        created_at=to_moment(row[8]),
        started_at=started,
        ended_at=ended,
        duration=_seconds(started, ended),
        tokens=row[11],
        cost=None,
        due_at=to_optional_moment(row[12]),
        result_message=row[13],
        result_data=_as_json(row[13]),
        error=row[14],
        report_id=row[15] or "",
        report_format=ReportFormat(row[16]) if row[16] else None,
        thread_id=row[17] or "",
        waits=row[18] or "",
    )


def _listed_status(row: Any) -> ExecutionStatus:
    """Return an execution as it is listed: a long answer is cut, and its data are left out."""
    status = _execution_status(row)
    if len(answer := status.result_message) <= LISTED_ANSWER:
        return status
    return replace(status, result_message=f"{answer[:LISTED_ANSWER]}…", result_data="")


def _seconds(started: datetime | None, ended: datetime | None) -> float | None:
    return None if started is None else ((ended or clock.now()) - started).total_seconds()


def _as_json(answer: str) -> str:
    """Return an answer that is JSON, also within a fence; else empty."""
    text = answer.strip()
    if text.startswith(_FENCE) and text.endswith(_FENCE) and "\n" in text:
        text = text[: -len(_FENCE)].partition("\n")[2].strip()
    return text if is_json(text) else ""
