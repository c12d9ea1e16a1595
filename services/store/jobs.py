"""Jobs for people: their SQL, and its rows as view models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.job_views import JobDetail, JobQueueView, JobRow
from foredeck.services.domain.jobs import JobOrder, Priority
from foredeck.services.domain.records import TokenUsage
from foredeck.services.domain.states import JobState
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
from foredeck.services.store.job_orders import COUNT, IN_STATE, queue_state
from foredeck.services.store.mapping import JOB_ORDERS
from foredeck.services.store.rows import each

# Only constants of this module are put together; every value is a parameter.
# ruff: noqa: S608

_COLUMNS = """
    j.id, j.name, j.type, j.state, j.run_id, coalesce(r.title, ''), coalesce(p.name, ''),
    coalesce(s."key", ''), j.attempt, j.exit_code, j.created_at, j.started_at, j.ended_at,
    j.cpu_seconds, j.peak_memory, o.priority, o.progress
"""
_WIDTH = 17
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
_DETAIL = f"""
    SELECT {_COLUMNS}, j.prompt, j.message, j.failure, j.workspace, j.output_path, j.timeout,
        j.queued_at, j.model, j.thread_id,
        j.usage_input, j.usage_cached_input, j.usage_output, j.usage_reasoning
    FROM job j {_JOINS} WHERE j.id = ?
"""


def listing(*, state: bool, type_: bool, run: bool, project: bool) -> tuple[str, str]:
    """Return the SQL of a page of jobs, newest first, and that of their number.

    Parameters: those of state, type, run and project (twice) that are asked for, then limit and
    offset.
    """
    conditions = [
        *(["n.state = ?"] if state else []),
        *(["n.type = ?"] if type_ else []),
        *(["n.run_id = ?"] if run else []),
        *([_OF_PROJECT] if project else []),
    ]
    if not (state or run or project):
        conditions.append("n.created_at > -1")  # a walk along the index of the newest
    chosen = " AND ".join(conditions)
    page = f"""
        SELECT {_COLUMNS}
        FROM (
            SELECT n.rowid AS place FROM job n WHERE {chosen}
            ORDER BY n.created_at DESC, n.id DESC LIMIT ? OFFSET ?
        ) page
        CROSS JOIN job j ON j.rowid = page.place {_JOINS}
        ORDER BY j.created_at DESC, j.id DESC
    """
    return page, f"SELECT count(*) FROM job n WHERE {chosen}"


async def page(
    link: Link,
    state: str | None,
    type_: str | None,
    run_ref: str | None,
    project_ref: str | None,
    limit: int,
    offset: int,
) -> Page[JobRow]:
    """Return jobs, newest first; raises `InvalidInput`, `NotFound` and `Ambiguous`."""
    values = [
        *([_checked(state)] if state is not None else []),
        *([clean_text(type_)] if type_ is not None else []),
        *([await by_beginning(link, "run", run_ref)] if run_ref is not None else []),
        *(2 * [await project_id(link, project_ref)] if project_ref is not None else []),
    ]
    rows, count = listing(
        state=state is not None,
        type_=type_ is not None,
        run=run_ref is not None,
        project=project_ref is not None,
    )
    found = await link.rows(rows, (*values, limit, offset))
    return Page(each(_row, found), (await link.rows(count, values))[0][0], limit, offset)


async def detail(link: Link, ref: str) -> JobDetail:
    """Return a job; raises `NotFound` and `Ambiguous`."""
    job_id = await by_beginning(link, "job", ref)
    found = each(_detail, await link.rows(_DETAIL, (job_id,)))[0]
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


async def queued(link: Link) -> list[tuple[str, str, str, int]]:
    """Return id, project, priority and time (microseconds) of the jobs that wait."""
    found = await link.rows(IN_STATE, (JobState.QUEUED.value,))
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
