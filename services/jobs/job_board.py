"""All jobs at one glance: those at work, those that wait in their turn, and what has ended."""

from __future__ import annotations

from collections.abc import Iterable

from foredeck.services.domain import clock
from foredeck.services.domain.job_board import JobBoard
from foredeck.services.domain.job_views import JobQueueView, JobRow
from foredeck.services.domain.jobs import MOST_IN_BATCH, Priority
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.jobs.job_queue import Waiting, in_order
from foredeck.services.store.jobs import JobFilter
from foredeck.services.store.queries import Queries

# More than those at work or waiting are not shown at once.
MOST_OPEN = 1000
# In this order: a job that goes on while they are read is seen where it comes to.
_OPEN = (JobState.PENDING, JobState.QUEUED, JobState.IN_PROGRESS)


async def board_of_all(queries: Queries, queue: JobQueueView, ended: int, aging: float) -> JobBoard:
    """Return the jobs, with so many of the latest; `aging` (seconds) is the setting."""
    pages = [await queries.jobs(JobFilter(state.value), MOST_OPEN) for state in _OPEN]
    latest = await queries.jobs(limit=ended)
    known = {row.id: row for page in (*pages, latest) for row in page.items}
    rows = in_turn(known.values(), await _places(queries, None, aging))
    return JobBoard(queue, tuple(rows), latest.total)


async def board_of_batch(queries: Queries, queue: JobQueueView, ref: str, aging: float) -> JobBoard:
    """Return the jobs of a batch; raises `NotFound`, `Ambiguous`, and `Conflict` for another."""
    batch = await queries.batch(ref)
    page = await queries.jobs(JobFilter(batch=batch.id), MOST_IN_BATCH)
    rows = in_turn(page.items, await _places(queries, batch.id, aging))
    return JobBoard(queue, tuple(rows), page.total, batch)


async def _places(queries: Queries, parent_id: str | None, aging: float) -> dict[str, int]:
    """Return the place of each job that waits, from 0."""
    waiting = [
        Waiting(job_id, project_id, Priority(priority), since / 1e6)
        for job_id, project_id, priority, since in await queries.queued_jobs(parent_id)
    ]
    ordered = in_order(waiting, clock.now().timestamp(), aging)
    return {job.id: place for place, job in enumerate(ordered)}


def in_turn(rows: Iterable[JobRow], places: dict[str, int]) -> list[JobRow]:
    """Return the jobs at work, those that wait in their turn, the held, and then the ended.

    Of the first and the held, the oldest comes first, of the ended the one that ended last.
    """
    return sorted(rows, key=lambda row: _key(row, places.get(row.id, len(places))))


def _key(row: JobRow, place: int) -> tuple[int, float, str]:
    began = (row.started_at or row.created_at).timestamp()
    if row.state is JobState.IN_PROGRESS:
        return 0, began, row.id
    if row.state is JobState.QUEUED:
        # Codex turns have no turn here: they come after what has, the oldest first.
        return 1, place, f"{row.created_at.timestamp():020.6f}{row.id}"
    if row.state in FINAL_JOBS:
        return 3, -(row.ended_at or row.created_at).timestamp(), row.id
    return 2, began, row.id
