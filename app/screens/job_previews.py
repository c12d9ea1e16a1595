"""What ending or retrying a job or a batch would do, said before it is done (pure)."""

from __future__ import annotations

from foredeck.services.domain.amounts import plural
from foredeck.services.domain.job_views import BatchCounts, JobRow
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import JobState
from foredeck.services.domain.views import Preview


def cancel_preview(row: JobRow) -> Preview:
    """Return what cancelling a job, or all of a batch, would end."""
    name = safe_line(row.name, limit=60)
    if row.counts is not None:
        return Preview(f"Cancel the batch “{name}”?", tuple(_lines_of_a_batch(row.counts)))
    lines = ["It has not begun, and will not."]
    if row.state is JobState.IN_PROGRESS:
        lines = [
            "It is running: every process that it has started is ended.",
            "What it has printed so far is kept.",
        ]
    return Preview(f"Cancel “{name}”?", (*lines, "A cancelled job cannot be retried."))


def _lines_of_a_batch(batch: BatchCounts) -> list[str]:
    lines = []
    if batch.running:
        lines.append(f"{plural(batch.running, 'job')} at work: every process is ended.")
    if batch.pending:
        lines.append(f"{plural(batch.pending, 'job')} not begun yet: never begun.")
    if batch.final:
        lines.append(f"{plural(batch.final, 'job')} ended already: kept as they are.")
    return [*lines, "What is cancelled cannot be retried."]


def retry_preview(row: JobRow, batch: BatchCounts) -> Preview:
    """Return what retrying what failed in a batch would do."""
    lines = [
        f"{plural(batch.failures, 'job')} that failed, timed out or got lost: queued once more."
    ]
    if batch.completed:
        lines.append(f"{plural(batch.completed, 'job')} completed: not repeated.")
    lines.append("What was printed before is kept.")
    return Preview(f"Retry what failed in “{safe_line(row.name, limit=60)}”?", tuple(lines))
