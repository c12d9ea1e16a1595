"""What jobs of their own have printed, read from their files: never from the database."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from foredeck.services.domain.job_views import BatchResult, JobDetail, JobResult
from foredeck.services.domain.json_text import is_json
from foredeck.services.jobs.executor import Executor, Handle

# How much of the ends is shown, in characters.
OUTPUT_LIMIT = 100_000
ERRORS_LIMIT = 10_000
BATCH_OUTPUT_LIMIT = 5_000
# How large a stdout may be that is read as JSON, in bytes.
JSON_LIMIT = 1 << 20
# A character takes at most so many bytes.
_WIDEST = 4


def result_of(detail: JobDetail, executor: Executor, attempt: int | None = None) -> JobResult:
    """Return what has come of a job so far, or of an earlier attempt of it.

    It reads files, so not on an event loop.
    """
    handle = Handle(detail.job.id, attempt or detail.job.attempt)
    split = detail.order is not None and not detail.order.merge_stderr
    errors_path = executor.path(handle, errors=True) if split else ""
    output, left_out = _end_of(executor.path(handle), OUTPUT_LIMIT)
    errors, errors_left_out = _end_of(errors_path, ERRORS_LIMIT) if split else ("", 0)
    return JobResult(
        job=detail,
        output=output,
        errors=errors,
        data=_json_of(executor.path(handle)),
        error=detail.failure.message if detail.failure else "",
        left_out=left_out,
        errors_left_out=errors_left_out,
        output_path=executor.path(handle),
        errors_path=errors_path,
        removed_at=_removed_at(detail),
    )


def batch_results_of(details: Sequence[JobDetail], executor: Executor) -> tuple[BatchResult, ...]:
    """Return what came of jobs of a batch; it reads files, so not on an event loop."""
    return tuple(_batch_result(detail, executor) for detail in details)


def _batch_result(detail: JobDetail, executor: Executor) -> BatchResult:
    row = detail.job
    path = executor.path(Handle(row.id, row.attempt))
    return BatchResult(
        index=row.batch_index or 0,
        id=row.id,
        state=row.state,
        exit_code=row.exit_code,
        command=detail.prompt,
        output=_end_of(path, BATCH_OUTPUT_LIMIT)[0],
        error=detail.failure.message if detail.failure else "",
        output_path=path,
        removed_at=_removed_at(detail),
    )


def _removed_at(detail: JobDetail) -> datetime | None:
    return detail.order.output_removed_at if detail.order else None


def beginning_of(path: Path, characters: int) -> str:
    """Return the first characters of a file, an empty text if it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(characters * _WIDEST)
    except OSError:
        return ""
    return data.decode("utf-8", "replace")[:characters]


def _end_of(path: str, limit: int) -> tuple[str, int]:
    """Return the last characters of a file, and how many bytes stand before them."""
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = max(0, size - limit * _WIDEST)
            file.seek(start)
            data = file.read(limit * _WIDEST)
    except OSError:
        return "", 0
    if start:  # not in the middle of a character
        while data and 0x80 <= data[0] < 0xC0:
            data = data[1:]
    text = data.decode("utf-8", "replace")[-limit:]
    kept = len(text.encode("utf-8", "replace"))
    return text, max(0, size - kept)


def _json_of(path: str) -> str | None:
    """Return all of a file if that is JSON, and not too much."""
    try:
        if Path(path).stat().st_size > JSON_LIMIT:
            return None
        text = Path(path).read_bytes().decode().strip()
    except (OSError, ValueError):
        return None
    return text if is_json(text) else None
