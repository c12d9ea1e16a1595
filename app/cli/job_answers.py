"""Jobs as flat JSON objects and as tables."""

from __future__ import annotations

import json
from typing import Any

from foredeck.app.cli.answers import seconds_between, taken, tokens_answer
from foredeck.app.cli.batch_answers import counts_line
from foredeck.app.cli.render import local_time, put_json, put_pairs, say, state_word
from foredeck.services.domain import clock
from foredeck.services.domain.amounts import duration, size
from foredeck.services.domain.job_views import (
    BatchStatus,
    JobDetail,
    JobQueueView,
    JobResult,
    JobRow,
    whole_percent,
)
from foredeck.services.domain.jobs import MEBIBYTE, JobOrder
from foredeck.services.domain.states import JobState


def job_cells(row: JobRow) -> tuple[str, ...]:
    """Return a job as the cells of a table: of which run it is, or its own name."""
    return (
        row.id,
        _state(row),
        row.type,
        row.run_title or row.name,
        f"{row.counts.final}/{row.counts.total}" if row.counts else row.step_key,
        taken(row.started_at, row.ended_at),
        _cpu(row),
        _memory(row),
    )


def _state(row: JobRow) -> str:
    word = state_word(row.state)
    if row.state is not JobState.IN_PROGRESS:
        return word
    if row.progress:
        return f"{word} {whole_percent(row.progress)} %"
    guess = row.estimate(clock.now())
    return word if guess is None else f"{word} ~{guess:.0f} %"


def _cpu(row: JobRow) -> str:
    return "–" if row.cpu_seconds is None else f"{row.cpu_seconds:.1f} s"


def _memory(row: JobRow) -> str:
    return "–" if row.peak_memory is None else size(row.peak_memory)


def put_job(detail: JobDetail) -> None:
    """Write a job for a person: what it was to do, how it ended, what it has cost."""
    row, failure = detail.job, detail.failure
    pairs: dict[str, object] = {
        "Job": row.id,
        "Name": row.name,
        "Type": row.type,
        "Status": _state(row),
    }
    if row.run_id:
        pairs["Run"] = f"{row.run_id} {row.run_title}"
    if row.step_key:
        pairs["Step"] = f"{row.step_key}, attempt {row.attempt}"
    if row.project_name:
        pairs["Project"] = row.project_name
    if detail.order:
        pairs |= _order_pairs(row, detail.order)
    pairs |= {
        "Workspace": detail.workspace,
        "Started": local_time(row.started_at),
        **({} if detail.process_id is None else {"Process": detail.process_id}),
        "Duration": taken(row.started_at, row.ended_at),
    }
    pairs |= _command_pairs(detail) if row.counts is None else {}
    if detail.message:
        pairs["Last words"] = detail.message
    if failure:
        pairs["Error"] = f"{failure.message}\n{failure.advice}".rstrip()
    put_pairs(pairs)


def _command_pairs(detail: JobDetail) -> dict[str, object]:
    """Return what is only said of what runs something itself: of no batch."""
    row = detail.job
    pairs: dict[str, object] = {
        "Exit code": "–" if row.exit_code is None else row.exit_code,
        "CPU": _cpu(row),
        "Memory": _memory(row),
    }
    if detail.model:
        pairs["Model"] = detail.model
    if detail.thread_id:
        pairs["Thread"] = detail.thread_id
    return pairs | {"Output": _output(detail), "Asked for": detail.prompt}


def _output(detail: JobDetail) -> str:
    removed_at = detail.order.output_removed_at if detail.order else None
    return f"removed on {local_time(removed_at)}" if removed_at else detail.output_path


def say_removed(result: JobResult) -> bool:
    """Say if the output of a job was removed; whether it was."""
    if result.removed_at is None:
        return False
    say(f"The output of job {result.job.job.id} was removed on {local_time(result.removed_at)}.")
    say("  Finished jobs keep theirs for as many days as the setting job_retention_days says.")
    return True


def _order_pairs(row: JobRow, order: JobOrder) -> dict[str, object]:
    """Return what is only said of a job of its own, as far as there is something to say."""
    said: dict[str, object] = {"Description": order.description} if order.description else {}
    said["Priority"] = order.priority.value
    said["Created by"] = order.created_by
    said["Retries"] = f"{order.retry_count}/{order.max_retries}" + (
        ", by itself" if order.auto_retry else ""
    )
    if row.progress:
        said["Progress"] = f"{row.progress:g} % {order.progress_message}".rstrip()
    if row.expected is not None:
        said["Took lately"] = duration(row.expected)
    if order.cancel_reason:
        said["Cancelled"] = order.cancel_reason
    if order.parent_id:
        said["Batch"] = f"{order.parent_id}, number {order.batch_index}"
    if row.counts:
        said["Jobs"] = counts_line(row.counts)
    return said | _surroundings(order)


def _surroundings(order: JobOrder) -> dict[str, object]:
    """Return what a job is held to and given, as far as there is something to say."""
    said: dict[str, object] = {}
    if order.sandbox:
        said["Sandbox"] = f"{order.sandbox} (codex's)"
    if order.memory:
        said["Memory cap"] = f"{order.memory / MEBIBYTE:.0f} MiB"
    if order.environment:
        said["Environment"] = ", ".join(name for name, _value in order.environment)
    if order.input_file:
        said["Input file"] = order.input_file
    if order.output_file:
        said["Output file"] = order.output_file
    if order.metadata:
        said["Metadata"] = ", ".join(f"{name}={value}" for name, value in order.metadata)
    return said


def job_answer(row: JobRow) -> dict[str, Any]:
    """Return a job as one flat object."""
    return {
        "id": row.id,
        "name": row.name,
        "type": row.type,
        "state": row.state,
        "priority": row.priority,
        "progress": row.progress,
        "expected_seconds": row.expected,
        "parent_id": row.parent_id,
        "batch_index": row.batch_index,
        "children": row.children,
        "run_id": row.run_id,
        "run": row.run_title,
        "project": row.project_name,
        "step": row.step_key,
        "attempt": row.attempt,
        "exit_code": row.exit_code,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "duration_seconds": seconds_between(row.started_at, row.ended_at),
        "cpu_seconds": row.cpu_seconds,
        "peak_memory_bytes": row.peak_memory,
    }


def job_detail_answer(detail: JobDetail) -> dict[str, Any]:
    """Return all of a job as one flat object."""
    failure = detail.failure
    return {
        **job_answer(detail.job),
        "prompt": detail.prompt,
        "message": detail.message,
        "error": failure.message if failure else "",
        "advice": failure.advice if failure else "",
        "error_class": failure.failure_class if failure else None,
        "error_detail": failure.detail if failure else "",
        "workspace": detail.workspace,
        "output_path": detail.output_path,
        "timeout_seconds": detail.timeout,
        "queued_at": detail.queued_at,
        "model": detail.model,
        "thread_id": detail.thread_id,
        "process_id": detail.process_id,
        **tokens_answer(detail.usage),
        **(_order_answer(detail.order) if detail.order else {}),
    }


def _order_answer(order: JobOrder) -> dict[str, Any]:
    return {
        "project_id": order.project_id,
        "description": order.description,
        "words": order.words,
        "environment": dict(order.environment),
        "input_file": order.input_file,
        "output_file": order.output_file,
        "created_by": order.created_by,
        "max_retries": order.max_retries,
        "retry_count": order.retry_count,
        "auto_retry": order.auto_retry,
        "cancel_reason": order.cancel_reason,
        "merge_stderr": order.merge_stderr,
        "memory_cap_bytes": order.memory,
        "output_removed_at": order.output_removed_at,
        "sandbox": order.sandbox,
        "metadata": dict(order.metadata),
        "progress_message": order.progress_message,
        "trace_id": order.trace_id,
    }


def result_answer(result: JobResult) -> dict[str, Any]:
    """Return what came of a job as one flat object."""
    row = result.job.job
    return {
        "id": row.id,
        "name": row.name,
        "state": row.state,
        "exit_code": row.exit_code,
        "error": result.error,
        "output_data": result.output if result.data is None else json.loads(result.data),
        "output_is_json": result.data is not None,
        "errors": result.errors,
        "output_bytes_left_out": result.left_out,
        "errors_bytes_left_out": result.errors_left_out,
        "output_path": result.output_path,
        "errors_path": result.errors_path,
        "output_removed_at": result.removed_at,
    }


def put_queue(view: JobQueueView, format_: str) -> None:
    """Write how the queue stands."""
    if format_ == "json":
        put_json(
            {
                "working": view.working,
                "queued": view.queued,
                "limit": view.limit,
                "paused": view.paused_at is not None,
                "paused_at": view.paused_at,
                "starts": view.starts,
            }
        )
        return
    paused = f"paused since {local_time(view.paused_at)}" if view.paused_at else "open"
    put_pairs(
        {
            "Queue": paused,
            "Working": f"{view.working} of at most {view.limit}",
            "Waiting": view.queued,
            "Host": _host_words(view),
        }
    )


def _host_words(view: JobQueueView) -> str:
    if view.starts:
        return "there, and starts what waits"
    follows = "; the next one follows those that work" if view.working else ""
    return f"none{follows}. Start one: foredeck, or foredeck serve"


def say_when_it_starts(row: JobRow | BatchStatus, view: JobQueueView) -> None:
    """Say what a job that was just stored waits for, if anything."""
    if row.state is JobState.PENDING:
        say(f"  It is held. Queue it with: foredeck jobs execute {row.id}")
    elif view.paused_at is not None:
        say("  The queue is paused. Go on with: foredeck jobs resume")
    elif not view.starts and row.state is JobState.QUEUED:
        say("  No host is there to start it. It starts with one: foredeck, or foredeck serve")
