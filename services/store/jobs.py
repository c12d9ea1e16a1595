"""Jobs for people: their SQL, and its rows as view models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from statistics import median
from typing import Any

from foredeck.services.domain.errors import Conflict, InvalidInput
from foredeck.services.domain.job_views import (
    BatchCounts,
    BatchStatus,
    JobDetail,
    JobQueueView,
    JobRow,
)
from foredeck.services.domain.jobs import JobOrder, Priority
from foredeck.services.domain.records import TokenUsage
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.domain.views import Page
from foredeck.services.store.codecs import (
    clean_text,
    to_failure,
    to_moment,
    to_optional_moment,
    to_path,
)
from foredeck.services.store.engine import Link
from foredeck.services.store.finding import by_beginning, project_id
from foredeck.services.store.job_orders import COUNT, WAITING, queue_state
from foredeck.services.store.mapping import JOB_ORDERS
from foredeck.services.store.repository import marks
from foredeck.services.store.rows import each

# Only constants of this module are put together; every value is a parameter.
# ruff: noqa: S608

_COLUMNS = """
    j.id, j.name, j.type, j.state, j.run_id, coalesce(r.title, ''), coalesce(p.name, ''),
    coalesce(s."key", ''), j.attempt, j.exit_code, j.created_at, j.started_at, j.ended_at,
    j.cpu_seconds, j.peak_memory, o.priority, o.progress, o.parent_id, o.batch_index, o.children
"""
_WIDTH = 20
_JOINS = """
    LEFT JOIN run r ON r.id = j.run_id
    LEFT JOIN job_order o ON o.id = j.id
    LEFT JOIN project p ON p.id = coalesce(r.project_id, o.project_id)
    LEFT JOIN step s ON s.id = j.step_id
"""
_OF_PROJECT = """
    (n.run_id IN (SELECT id FROM run WHERE project_id = ?)
        OR n.id IN (SELECT id FROM job_order WHERE project_id = ?))
"""
_OF_NO_BATCH = """
    NOT EXISTS (SELECT 1 FROM job_order x WHERE x.id = n.id AND x.parent_id IS NOT NULL)
"""
_OF_BATCH = "n.id IN (SELECT id FROM job_order WHERE parent_id = ?)"
_ANY = "n.created_at > -1"  # a walk along the index of the newest
_NEWEST = "n.created_at DESC, n.id DESC"
_IN_BATCH = "(SELECT batch_index FROM job_order WHERE id = n.id)"
_COUNTS = """
    SELECT o.parent_id, j.state, count(*) FROM job_order o CROSS JOIN job j ON j.id = o.id
    WHERE o.parent_id IN (%s) GROUP BY o.parent_id, j.state
"""
_LATELY = 5
_TOOK = f"""
    SELECT (b.ended_at - b.started_at) / 1e6
    FROM job a CROSS JOIN job b INDEXED BY job_alone_by_name ON b.name = a.name
    WHERE a.id = ? AND b.run_id IS NULL AND b.prompt = a.prompt AND b.workspace = a.workspace
        AND b.state = 'completed' AND b.started_at IS NOT NULL
    ORDER BY b.ended_at DESC LIMIT {_LATELY}
"""
_DETAIL = f"""
    SELECT {_COLUMNS}, j.prompt, j.message, j.failure, j.workspace, j.output_path, j.timeout,
        j.queued_at, j.model, j.thread_id,
        j.usage_input, j.usage_cached_input, j.usage_output, j.usage_reasoning
    FROM job j {_JOINS} WHERE j.id = ?
"""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs: those that fit everything that is said; `run`, `project` and `batch` are refs.

    Without `batch`, whose jobs come in their order, those of batches are left out. With `alone`
    those of runs are, too.
    """

    state: str | None = None
    type: str | None = None
    run: str | None = None
    project: str | None = None
    batch: str | None = None
    alone: bool = False

    async def conditions(self, link: Link) -> AsyncIterator[tuple[str, tuple[Any, ...]]]:
        """Yield the SQL of each condition, and its values.

        Raises `InvalidInput`, `NotFound` and `Ambiguous`.
        """
        if self.batch is None:
            yield _OF_NO_BATCH, ()
        else:
            yield _OF_BATCH, (await by_beginning(link, "job", self.batch),)
        if (self.batch, self.state, self.run, self.project) == (None, None, None, None):
            yield _ANY, ()
        if self.alone:
            yield "n.run_id IS NULL", ()
        if self.state is not None:
            yield "n.state = ?", (_checked(self.state),)
        if self.type is not None:
            yield "n.type = ?", (clean_text(self.type),)
        if self.run is not None:
            yield "n.run_id = ?", (await by_beginning(link, "run", self.run),)
        if self.project is not None:
            yield _OF_PROJECT, 2 * (await project_id(link, self.project),)


def listing(conditions: Iterable[str], *, of_batch: bool) -> tuple[str, str]:
    """Return the SQL of a page of jobs, and that of their number.

    Its values are those of the conditions, for the page then limit and offset.
    """
    chosen = " AND ".join(conditions)
    order = _IN_BATCH if of_batch else _NEWEST
    page = f"""
        SELECT {_COLUMNS}
        FROM (
            SELECT n.rowid AS place, {_IN_BATCH} AS nth FROM job n
            WHERE {chosen} ORDER BY {order} LIMIT ? OFFSET ?
        ) page
        CROSS JOIN job j ON j.rowid = page.place {_JOINS}
        ORDER BY page.nth, j.created_at DESC, j.id DESC
    """
    return page, f"SELECT count(*) FROM job n WHERE {chosen}"


async def page(link: Link, wanted: JobFilter, limit: int, offset: int) -> Page[JobRow]:
    """Return jobs, newest first; raises `InvalidInput`, `NotFound` and `Ambiguous`."""
    found = [one async for one in wanted.conditions(link)]
    values = [value for _, some in found for value in some]
    text, counting = listing([one for one, _ in found], of_batch=wanted.batch is not None)
    listed = each(_row, await link.rows(text, (*values, limit, offset)))
    total = (await link.rows(counting, values))[0][0]
    return Page(await _told_more(link, listed), total, limit, offset)


async def batch(link: Link, ref: str) -> BatchStatus:
    """Return how a batch stands; raises `NotFound`, `Ambiguous`, and `Conflict` for other jobs."""
    found = await detail(link, ref)
    row, order = found.job, found.order
    if order is None or row.counts is None or row.priority is None:
        raise Conflict(
            f"Job {row.id} is no batch.", f"foredeck jobs show {row.id} tells how it stands."
        )
    return BatchStatus(
        **{one.name: getattr(row.counts, one.name) for one in fields(row.counts)},
        id=row.id,
        name=row.name,
        type=row.type,
        state=row.state,
        priority=row.priority,
        project_name=row.project_name,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        reason=order.cancel_reason,
        stop_after=order.stop_after,
    )


async def _told_more(link: Link, found: tuple[JobRow, ...]) -> tuple[JobRow, ...]:
    """Return the rows, with what other rows say of them."""
    found = await _with_counts(link, found)
    return tuple([await _with_expectation(link, row) if _is_silent(row) else row for row in found])


def _is_silent(row: JobRow) -> bool:
    """Whether it is a command of its own that works and does not say how far it is."""
    works = row.state is JobState.IN_PROGRESS and row.priority is not None
    return works and row.counts is None and not row.progress


async def _with_expectation(link: Link, row: JobRow) -> JobRow:
    """Return a job with how long the same command took lately: the middle of some times."""
    took = [seconds for (seconds,) in await link.rows(_TOOK, (row.id,))]
    return replace(row, expected=median(took)) if took else row


async def _with_counts(link: Link, found: tuple[JobRow, ...]) -> tuple[JobRow, ...]:
    """Return the rows, those of batches with how their jobs stand."""
    parents = [row.id for row in found if row.counts is not None]
    if not parents:
        return found
    states: dict[str, dict[str, int]] = {parent: {} for parent in parents}
    for parent, state, count in await link.rows(_COUNTS % marks(parents), parents):
        states[parent][state] = count
    return tuple(_counted(row, states[row.id]) if row.counts is not None else row for row in found)


def _counted(row: JobRow, states: Mapping[str, int]) -> JobRow:
    """Return a batch with how its jobs stand; its progress is how many of them have ended."""
    finals = {state.value: states.get(state.value, 0) for state in FINAL_JOBS}
    counts = BatchCounts(
        total=sum(states.values()),
        running=states.get(JobState.IN_PROGRESS, 0),
        pending=states.get(JobState.PENDING, 0) + states.get(JobState.QUEUED, 0),
        **finals,
    )
    return replace(row, counts=counts, progress=counts.progress)


async def detail(link: Link, ref: str) -> JobDetail:
    """Return a job; raises `NotFound` and `Ambiguous`."""
    job_id = await by_beginning(link, "job", ref)
    found = each(_detail, await link.rows(_DETAIL, (job_id,)))[0]
    found = replace(found, job=(await _told_more(link, (found.job,)))[0])
    orders = await link.rows(JOB_ORDERS.selecting, (job_id,))
    # What it was given to read can be large, and is of no use to anybody else.
    return replace(found, order=replace(_order(orders[0]), input_data="")) if orders else found


async def queue(link: Link, limit: int) -> JobQueueView:
    """Return how the queue stands; `limit` is the setting."""
    state = await queue_state(link)
    working, queued = [
        int((await link.rows(COUNT, (one.value,)))[0][0])
        for one in (JobState.IN_PROGRESS, JobState.QUEUED)
    ]
    return JobQueueView(working, queued, state.limit or limit, state.paused_at)


async def queued(link: Link, parent_id: str | None) -> list[tuple[str, str, str, int]]:
    """Return id, project, priority and time (microseconds) of the jobs that wait.

    Those of a batch, or those of none, and the batches that have not begun.
    """
    found = await link.rows(WAITING, (JobState.QUEUED.value, parent_id))
    return [(row[0], row[1], row[2], row[3]) for row in found]


def _order(row: Any) -> JobOrder:
    return JOB_ORDERS.to_record(row)


def _checked(state: str) -> str:
    if state not in set(JobState):
        known = ", ".join(JobState)
        raise InvalidInput(f"There is no state {state!r} of a job.", f"The states are {known}.")
    return state


def _row(row: Any) -> JobRow:
    return JobRow(
        id=row[0],
        name=row[1],
        type=row[2],
        state=JobState(row[3]),
        run_id=row[4],
        run_title=row[5],
        project_name=row[6],
        step_key=row[7],
        attempt=row[8],
        exit_code=row[9],
        created_at=to_moment(row[10]),
        started_at=to_optional_moment(row[11]),
        ended_at=to_optional_moment(row[12]),
        cpu_seconds=row[13],
        peak_memory=row[14],
        priority=Priority(row[15]) if row[15] else None,
        progress=row[16],
        parent_id=row[17],
        batch_index=row[18],
        counts=None if row[19] is None else BatchCounts(row[19], 0, 0, 0, 0, 0, 0, row[19]),
    )


def _detail(row: Any) -> JobDetail:
    prompt, message, failure, workspace, output_path, timeout, queued, model, thread, *usage = row[
        _WIDTH:
    ]
    return JobDetail(
        job=_row(row),
        prompt=prompt,
        message=message,
        failure=to_failure(failure),
        workspace=to_path(workspace),
        output_path=to_path(output_path),
        timeout=timeout,
        queued_at=to_optional_moment(queued),
        model=model,
        thread_id=thread,
        usage=TokenUsage(*usage),
    )
