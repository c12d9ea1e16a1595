"""Tasks and executions as flat JSON objects and as tables."""

from __future__ import annotations

import json
from typing import Any

from foredeck.app.cli.render import (
    local_time,
    plain,
    put_json,
    put_pairs,
    put_table,
    short_time,
    state_word,
)
from foredeck.services.domain.amounts import dollars, duration
from foredeck.services.domain.schedules import Misfire, Schedule
from foredeck.services.domain.tasks import ExecutionStatus, ListedTask, TaskLine, TaskRow

_SHOWN_VALUE = 200


def task_answer(row: TaskRow) -> dict[str, Any]:
    """Return a task as one flat object, its schedule with a prefix."""
    pairs = {"variables": dict(row.task.variables), "metadata": dict(row.task.metadata)}
    return {**line_answer(row), **pairs}


def line_answer(row: TaskLine) -> dict[str, Any]:
    """Return a task of a list as `task_answer` does, without what may be long."""
    task = row.task
    fields = plain(task)
    schedule, options = fields.pop("schedule") or {}, fields.pop("options")
    timing = {f"schedule_{name}": value for name, value in schedule.items()}
    return {
        **fields,
        "project": row.project_name,
        "is_scheduled": task.schedule is not None,
        **timing,
        **options,
        "running": row.running,
        "last_state": row.last_state,
        "last_run_id": row.last_run_id or None,
    }


def put_task(row: TaskRow, format_: str) -> None:
    """Write a task as a key/value table, or as JSON."""
    if format_ == "json":
        put_json(task_answer(row))
        return
    put_pairs({key: value for key, value in _pairs(row).items() if value})


def put_tasks(rows: tuple[TaskLine, ...]) -> None:
    """Write a table of tasks."""
    header = ("Task", "Name", "State", "Next", "Last", "OK", "Bad", "Tags", "Project")
    put_table(header, [_line(row) for row in rows])


def execution_answer(status: ExecutionStatus) -> dict[str, Any]:
    """Return an execution as one flat object; what its task gave it and its result are nested."""
    return {
        "id": status.id,
        "execution_id": status.id,
        "task_id": status.task_id,
        "task": status.task_name,
        "project": status.project_name,
        "status": status.state,
        "trigger": status.trigger,
        "variables": dict(status.variables),
        "warnings": status.warnings,
        "conversation_id": status.conversation_id,
        "session_id": status.thread_id or None,
        "result_data": json.loads(status.result_data) if status.result_data else None,
        "result_message": status.result_message,
        "waits": status.waits or None,
        "error": status.error or None,
        "report_id": status.report_id or None,
        "report_format": status.report_format,
        "duration_seconds": status.duration,
        "tokens": status.tokens,
        "cost_usd": status.cost,
        "due_at": status.due_at,
        "created_at": status.created_at,
        "started_at": status.started_at,
        "ended_at": status.ended_at,
    }


def put_execution(status: ExecutionStatus, format_: str) -> None:
    """Write an execution as a key/value table, or as JSON."""
    if format_ == "json":
        put_json(execution_answer(status))
        return
    pairs = {
        "Execution": status.id,
        "Task": f"{status.task_name} ({status.task_id})",
        "Status": state_word(status.state),
        "Waits": status.waits,
        "Trigger": _trigger(status),
        "Project": status.project_name,
        "Variables": _values(status.variables),
        "Warnings": " ".join(status.warnings),
        "Started": local_time(status.started_at),
        "Duration": duration(status.duration) or "–",
        "Tokens": f"{status.tokens:,}" if status.tokens else "",
        "Cost": dollars(status.cost) if status.cost is not None else "",
        "Result": status.result_message,
        "Error": status.error,
        "Report": _report(status),
    }
    put_pairs({key: value for key, value in pairs.items() if value})


def put_executions(items: tuple[ExecutionStatus, ...]) -> None:
    """Write a table of executions."""
    header = ("Run", "Task", "Status", "Trigger", "Started", "Duration", "Report")
    rows = [
        (
            item.id,
            item.task_name,
            state_word(item.state) + (" (waits)" if item.waits else ""),
            item.trigger,
            short_time(item.started_at or item.created_at),
            duration(item.duration) or "–",
            item.report_id or "–",
        )
        for item in items
    ]
    put_table(header, rows)


def schedule_words(schedule: Schedule | None) -> str:
    """Return a schedule in a line."""
    if schedule is None:
        return ""
    misfire = schedule.misfire.value
    if schedule.misfire is Misfire.CATCH_UP:
        misfire += f" {schedule.catch_up}"
    words = [f"{schedule.cron} ({schedule.timezone})", f"overlap {schedule.overlap}"]
    words += [f"misfire {misfire}"]
    words += [f"jitter {schedule.jitter:g} s"] if schedule.jitter else []
    return "; ".join([*words, *([] if schedule.enabled else ["disabled"])])


def _pairs(row: TaskRow) -> dict[str, object]:
    task = row.task
    return {
        "Task": task.id,
        "Name": task.name,
        "Description": task.description,
        "State": _state(task),
        "Project": row.project_name + (" (public: seen in every project)" if task.public else ""),
        "Workflow": task.workflow,
        "Directory": task.directory,
        "Prompt": task.prompt,
        "Defaults": _values(task.variables),
        "Allowed tools": _allowed(task),
        "Disallowed tools": ", ".join(task.disallowed_tools),
        **_options(task),
        "Schedule": schedule_words(task.schedule),
        "Next": local_time(task.next_at) if task.next_at else "",
        "Report": task.report_format.value if task.report else "none",
        "Notify": "" if task.notify is None else (", ".join(task.notify) or "never"),
        "Tags": ", ".join(task.tags),
        "Executions": f"{task.executions} ({task.successes} succeeded, {task.failures} failed, "
        f"{row.running} at work)",
        "Last": f"{local_time(task.last_executed_at)} {row.last_run_id}" if row.last_run_id else "",
        "Metadata": _values(task.metadata),
    }


def _options(task: ListedTask) -> dict[str, object]:
    options = task.options
    return {
        "Model": options.model,
        "Sandbox": options.sandbox,
        "Mode": options.mode,
        "Timeout": f"{options.timeout:g} s" if options.timeout else "",
        "Budget": ", ".join(
            [
                *([f"{options.budget_tokens:,} tokens"] if options.budget_tokens else []),
                *([dollars(options.budget_cost)] if options.budget_cost else []),
            ]
        ),
    }


def _line(row: TaskLine) -> tuple[object, ...]:
    task = row.task
    return (
        task.id,
        task.name,
        _state(task),
        short_time(task.next_at),
        state_word(row.last_state) if row.last_state else "–",
        task.successes,
        task.failures,
        ", ".join(task.tags) or "–",
        row.project_name,
    )


def _state(task: ListedTask) -> str:
    if task.deleted_at is not None:
        return "deleted"
    return "enabled" if task.active else "disabled"


def _allowed(task: ListedTask) -> str:
    return "none" if task.allowed_tools == () else ", ".join(task.allowed_tools or ())


def _values(pairs: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in pairs)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_VALUE else text[: _SHOWN_VALUE - 1] + "…"


def _trigger(status: ExecutionStatus) -> str:
    due = f", due {local_time(status.due_at)}" if status.due_at else ""
    return f"{status.trigger}{due}"


def _report(status: ExecutionStatus) -> str:
    if status.report_id:
        return f"{status.report_id}   foredeck reports download {status.report_id}"
    return "when it has ended" if status.report_format and status.ended_at is None else ""
