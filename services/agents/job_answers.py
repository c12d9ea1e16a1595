"""What the job tools of an agent answer (SPEC A2): JSON objects about jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from foredeck.services.domain.job_views import BatchStatus, JobDetail, JobResult, JobRow
from foredeck.services.domain.safe_text import clean, safe_line, safe_text
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.domain.views import Page

# Of output and errors together, in characters.
OUTPUT_LIMIT = 5_000
_ERRORS_LIMIT = 1_500
# Of a name in a list.
_NAME_LENGTH = 80
# What `read_file` reads a job's output by.
PREFIX, ERRORS = "job:", ":errors"

# How many tasks of a batch are named.
_LISTED = 100
_FAILED = frozenset({JobState.FAILED, JobState.TIMEOUT, JobState.LOST})

Answer = dict[str, Any]


def status(detail: JobDetail) -> Answer:
    """Tell where a job stands."""
    job, order = detail.job, detail.order
    answer = {
        **_row(job),
        "name": job.name,
        "progress_message": order.progress_message if order else "",
        "queued_at": _time(detail.queued_at),
        "timeout_seconds": int(detail.timeout),
        "retry_count": order.retry_count if order else 0,
    }
    if order and order.parent_id:
        answer |= {"parent_task_id": order.parent_id, "batch_index": order.batch_index}
    return answer | _mishap(detail)


def result(found: JobResult) -> Answer:
    """Tell what a job has printed so far, the ends of it, and how it ended if it has."""
    job = found.job.job
    errors = _end(found.errors, _ERRORS_LIMIT)
    output = _end(found.output, OUTPUT_LIMIT - len(errors))
    answer: Answer = {**_row(job), "name": job.name, "output": output, "errors": errors}
    cut_output = found.left_out or len(output) < len(clean(found.output))
    cut_errors = found.errors_left_out or len(errors) < len(clean(found.errors))
    if cut_output:
        answer["output_rest"] = _pointer(PREFIX + job.id)
    if cut_errors:
        answer["errors_rest"] = _pointer(PREFIX + job.id + ERRORS)
    if job.state not in FINAL_JOBS:
        answer["hint"] = "It has not ended yet: this is what it has printed so far."
    return answer | _mishap(found.job)


def ending(found: JobResult) -> Answer:
    """Tell how a job ended that was waited for; only one that completed is a success."""
    answer = result(found)
    job = found.job.job
    answer["success"] = job.state is JobState.COMPLETED
    if not answer["success"]:
        otherwise = f"The task did not complete: it is {job.state}."
        answer["error"] = answer.get("error_message") or otherwise
    return answer


def listing(page: Page[JobRow]) -> Answer:
    """Tell which jobs there are; `total` counts also those that are not listed."""
    tasks = [{**_row(job), "name": safe_line(job.name, limit=_NAME_LENGTH)} for job in page.items]
    return {"tasks": tasks, "total": page.total}


def batch(found: BatchStatus, children: Sequence[JobRow]) -> Answer:
    """Tell how a batch stands, by the names of SPEC J4, and the ids of its first tasks.

    `children` are its tasks in their order; those that ended badly are named by themselves.
    """
    bad = [job.id for job in children if job.state in _FAILED]
    return {
        "parent_task_id": found.id,
        "name": found.name,
        "status": found.state.value,
        "total_tasks": found.total,
        "completed": found.completed,
        "failed": found.failed,
        "cancelled": found.cancelled,
        "timeout": found.timeout,
        "lost": found.lost,
        "running": found.running,
        "pending": found.pending,
        "progress_percentage": found.progress,
        "is_complete": found.is_complete,
        "has_failures": found.has_failures,
        "task_ids": [job.id for job in children[:_LISTED]],
        "failed_task_ids": bad[:_LISTED],
    }


def _row(job: JobRow) -> Answer:
    answer = {
        "task_id": job.id,
        "task_type": job.type,
        "status": job.state.value,
        "priority": job.priority.value if job.priority else None,
        "progress_percentage": job.progress,
        "created_at": _time(job.created_at),
        "started_at": _time(job.started_at),
        "completed_at": _time(job.ended_at),
        "exit_code": job.exit_code,
    }
    return answer if job.counts is None else {**answer, "total_tasks": job.counts.total}


def _mishap(detail: JobDetail) -> Answer:
    """Tell what went wrong with a job, nothing if nothing did."""
    if detail.failure is None:
        return {}
    return {"error_message": safe_text(detail.failure.message)}  # its advice is for people


def _end(text: str, limit: int) -> str:
    return clean(text)[-limit:]


def _pointer(path: str) -> str:
    return f"This is the end of it: read_file with path={path!r} reads it from the beginning."


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
