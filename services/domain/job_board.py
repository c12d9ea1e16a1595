"""All jobs at one glance, as their turn comes: what a screen of jobs shows."""

from __future__ import annotations

from dataclasses import dataclass

from foredeck.services.domain.job_views import BatchStatus, JobQueueView, JobRow


@dataclass(frozen=True, slots=True)
class JobBoard:
    """`rows` are those at work, then those that wait as their turn comes, the held, the ended.

    Of the ended ones only the latest are there; `total` is how many jobs there are in all.
    `batch` is the one whose jobs these are, if they are those of one; otherwise a batch stands
    among the rows, and its jobs do not.
    """

    queue: JobQueueView
    rows: tuple[JobRow, ...]
    total: int
    batch: BatchStatus | None = None
