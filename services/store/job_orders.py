"""Jobs of their own and their queue, within one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from foredeck.services.domain import clock
from foredeck.services.domain.audit import AuditEntry, change
from foredeck.services.domain.events import JobQueueChanged
from foredeck.services.domain.jobs import JobOrder, QueueState
from foredeck.services.domain.records import Job
from foredeck.services.domain.states import JobState
from foredeck.services.store import mapping
from foredeck.services.store.codecs import clean_text, to_microseconds, to_optional_moment
from foredeck.services.store.engine import Link
from foredeck.services.store.repository import Repository, marks
from foredeck.services.store.unit import Unit

# A batch runs nothing itself.
_ORDERED = """
    FROM job j INDEXED BY job_alone_in_state CROSS JOIN job_order o ON o.id = j.id
    WHERE j.run_id IS NULL AND j.state = ? AND o.children IS NULL
"""
_CHILDREN = "FROM job_order o CROSS JOIN job j ON j.id = o.id WHERE o.parent_id = ?"
_IN_ORDER = "ORDER BY o.batch_index"
IN_STATE = f"""
    SELECT j.id, o.project_id, o.priority, j.queued_at {_ORDERED} ORDER BY j.queued_at, j.id
"""
WAITING = """
    SELECT j.id, o.project_id, o.priority, j.queued_at
    FROM job j INDEXED BY job_alone_in_state CROSS JOIN job_order o ON o.id = j.id
    WHERE j.run_id IS NULL AND j.state = ? AND o.parent_id IS ?
"""
# A walk along what has not ended: nobody looks for the others by their trace. What belongs to a
# batch comes with it.
_OF_TRACE = """
    SELECT j.id FROM job j INDEXED BY job_alone_in_state CROSS JOIN job_order o ON o.id = j.id
    WHERE j.run_id IS NULL AND j.state = ? AND o.trace_id = ? AND o.parent_id IS NULL
    ORDER BY j.created_at, j.id
"""
COUNT = f"SELECT count(*) {_ORDERED}"
CHILDREN_IN = f"SELECT j.id {_CHILDREN} AND j.state IN (%s) {_IN_ORDER}"
# From the end: those in front are most often the first to end.
ANY_CHILD_IN = f"SELECT 1 {_CHILDREN} AND j.state IN (%s) {_IN_ORDER} DESC LIMIT 1"
ANY_OF_PROJECT_IN = """
    SELECT 1 FROM job j INDEXED BY job_alone_in_state CROSS JOIN job_order o ON o.id = j.id
    WHERE j.run_id IS NULL AND o.project_id = ? AND j.state IN (%s) LIMIT 1
"""
WITH_OUTPUT = """
    SELECT o.id, j.attempt FROM job_order o INDEXED BY job_order_with_output
    CROSS JOIN job j ON j.id = o.id
    WHERE o.output_removed_at IS NULL AND o.children IS NULL AND j.ended_at < ? AND o.id > ?
        AND (j.started_at IS NOT NULL OR j.attempt > 1)
    ORDER BY o.id LIMIT ?
"""
# Not of one that was tried again meanwhile.
_REMOVED = """
    UPDATE job_order SET output_removed_at = ? WHERE id IN (%s)
    AND EXISTS (SELECT 1 FROM job j WHERE j.id = job_order.id AND j.ended_at < ?)
"""
QUEUE = "SELECT paused_at, job_limit FROM job_queue WHERE id = 1"
_SET = "UPDATE job_queue SET paused_at = ?, job_limit = ? WHERE id = 1"


class JobOrderRepository(Repository[JobOrder]):
    """What was asked for with jobs of their own; each has the id of its job."""

    map = mapping.JOB_ORDERS

    async def add(self, order: JobOrder) -> None:
        """Store a new order; its job has to be there."""
        await self._insert(order)

    async def save(self, order: JobOrder) -> None:
        """Store an order as it is now."""
        await self._update(await self.get(order.id), order)

    async def of(self, job: Job) -> JobOrder | None:
        """Return the order of a job, None for one that belongs to a run."""
        found = await self._select("id = ?", job.id)
        return found[0] if found else None

    async def queued(self) -> list[tuple[str, str, str, int]]:
        """Return id, project, priority and time (microseconds) of those that wait, oldest first."""
        rows = await self._unit.link.rows(IN_STATE, (JobState.QUEUED.value,))
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    async def working(self) -> list[tuple[str, str]]:
        """Return id and project of those that are in progress."""
        rows = await self._unit.link.rows(IN_STATE, (JobState.IN_PROGRESS.value,))
        return [(row[0], row[1]) for row in rows]

    async def unfinished(self, trace_id: str) -> tuple[str, ...]:
        """Return the ids of those under that trace which have not ended, what waits first.

        Batches are among them, the jobs of batches are not.
        """
        found: list[str] = []
        for state in (JobState.PENDING, JobState.QUEUED, JobState.IN_PROGRESS):
            rows = await self._unit.link.rows(_OF_TRACE, (state.value, clean_text(trace_id)))
            found += [str(row[0]) for row in rows]
        return tuple(found)

    async def children(self, parent_id: str, states: Iterable[JobState]) -> list[str]:
        """Return the ids of a batch's jobs that are in one of these states, in their order."""
        return [row[0] for row in await self._rows(CHILDREN_IN, parent_id, states)]

    async def has_children(self, parent_id: str, states: Iterable[JobState]) -> bool:
        """Whether a job of a batch is in one of these states."""
        return bool(await self._rows(ANY_CHILD_IN, parent_id, states))

    async def is_project_in(self, project_id: str, states: Iterable[JobState]) -> bool:
        """Whether a job of a project is in one of these states."""
        return bool(await self._rows(ANY_OF_PROJECT_IN, project_id, states))

    async def with_output(
        self, before: datetime, limit: int, after: str = ""
    ) -> list[tuple[str, int]]:
        """Return id and attempts of jobs that ran, ended before then and whose output is kept.

        They come by their ids, those behind `after`.
        """
        values = (to_microseconds(before), after, limit)
        return [(row[0], row[1]) for row in await self._unit.link.rows(WITH_OUTPUT, values)]

    async def output_removed(self, ids: Sequence[str], before: datetime, days: int) -> None:
        """Store that the output of jobs that ended before then is gone, after so many days."""
        values = (to_microseconds(clock.now()), *ids, to_microseconds(before))
        await self._unit.link.rows(_REMOVED % marks(ids), values)
        noun = "job" if len(ids) == 1 else "jobs"
        ago = "a day ago" if days == 1 else f"{days} days ago"
        self._unit.audit(
            AuditEntry(
                action="job.remove_output",
                resource="job",
                resource_id="",
                description=f"removed the output of {len(ids)} {noun} that ended {ago}",
                after=json.dumps({"jobs": len(ids), "days": days}),
            )
        )

    async def _rows(self, text: str, key: str, states: Iterable[JobState]) -> list[Any]:
        values = sorted(state.value for state in states)
        return await self._unit.link.rows(text % marks(values), (key, *values))


class JobQueueRow:
    """What people have decided for the queue."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    async def get(self) -> QueueState:
        """Return it as it is stored."""
        return await queue_state(self._unit.link)

    async def set(self, state: QueueState, action: str) -> None:
        """Store it; `action` is a word for the audit trail."""
        before = await self.get()
        paused_at = None if state.paused_at is None else to_microseconds(state.paused_at)
        await self._unit.link.rows(_SET, (paused_at, state.limit))
        said = f"the queue of jobs: {action}"
        self._unit.audit(change(f"job_queue.{action}", "", said, _told(before), _told(state)))
        self._unit.publish(JobQueueChanged())


def _told(state: QueueState) -> dict[str, Any]:
    paused_at = state.paused_at.isoformat() if state.paused_at else None
    return {"paused_at": paused_at, "limit": state.limit}


async def queue_state(link: Link) -> QueueState:
    """Return what people have decided for the queue."""
    paused_at, limit = (await link.rows(QUEUE))[0]
    return QueueState(to_optional_moment(paused_at), limit)
