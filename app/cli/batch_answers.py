"""Batches as flat JSON objects, as tables and as CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from typing import Any

from foredeck.app.cli.answers import taken
from foredeck.app.cli.render import local_time, plain, put_pairs, put_table, state_word
from foredeck.services.domain.job_views import (
    BatchCounts,
    BatchResult,
    BatchStatus,
    whole_percent,
)

_COLUMNS = (
    "index",
    "id",
    "state",
    "exit_code",
    "command",
    "output",
    "error",
    "output_path",
    "removed_at",
)
_SHOWN = 60


def batch_answer(status: BatchStatus) -> dict[str, Any]:
    """Return a batch as one flat object (SPEC J4)."""
    return {
        "id": status.id,
        "parent_task_id": status.id,
        "name": status.name,
        "type": status.type,
        "state": status.state,
        "priority": status.priority,
        "project": status.project_name,
        "total_tasks": status.total,
        "completed": status.completed,
        "failed": status.failed,
        "cancelled": status.cancelled,
        "timeout": status.timeout,
        "lost": status.lost,
        "running": status.running,
        "pending": status.pending,
        "progress_percentage": round(status.progress, 1),
        "is_complete": status.is_complete,
        "has_failures": status.has_failures,
        "stop_after": status.stop_after,
        "reason": status.reason,
        "created_at": status.created_at,
        "started_at": status.started_at,
        "ended_at": status.ended_at,
    }


def counts_line(counts: BatchCounts) -> str:
    """Return how a batch stands, in one line: `37/100 · 2 failed · 10 running · 53 pending`."""
    words = ("failed", "timeout", "lost", "cancelled", "running", "pending")
    numbers = ((getattr(counts, word), word) for word in words)
    said = (f"{number} {word}" for number, word in numbers if number)
    return " · ".join([f"{counts.final}/{counts.total}", *said])


def put_batch(status: BatchStatus) -> None:
    """Write a batch for a person."""
    pairs: dict[str, object] = {
        "Batch": status.id,
        "Name": status.name,
        "Status": state_word(status.state),
        "Progress": f"{whole_percent(status.progress)} %, {counts_line(status)}",
        "Project": status.project_name,
        "Priority": status.priority.value,
        "Created": local_time(status.created_at),
        "Duration": taken(status.started_at, status.ended_at),
    }
    if status.stop_after is not None:
        word = "failure" if status.stop_after == 1 else "failures"
        pairs["Stops after"] = f"{status.stop_after} {word}"
    if status.reason:
        pairs["Cancelled"] = status.reason
    put_pairs(pairs)


def put_results(results: Iterable[BatchResult]) -> None:
    """Write what came of a batch for a person: a line for each of its jobs."""
    rows = [
        (one.index, one.id, state_word(one.state), _code(one), one.command, _last_words(one))
        for one in results
    ]
    put_table(("#", "Job", "Status", "Exit", "Command", "Last words"), rows)


def put_results_csv(results: Iterable[BatchResult]) -> None:
    """Write what came of a batch to stdout as CSV; what a spreadsheet would run stays text."""
    writer = csv.writer(sys.stdout)
    writer.writerow(_COLUMNS)
    for one in results:
        writer.writerow([_harmless(plain(getattr(one, name))) for name in _COLUMNS])


def _harmless(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula (owasp.org, CSV injection)."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return "" if value is None else value


def _code(one: BatchResult) -> str:
    return "–" if one.exit_code is None else str(one.exit_code)


def _last_words(one: BatchResult) -> str:
    lines = (one.error or one.output).strip().splitlines()
    if one.removed_at is not None and not lines:
        return f"(removed on {local_time(one.removed_at)})"
    return lines[-1][:_SHOWN] if lines else ""
