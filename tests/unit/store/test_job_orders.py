"""Jobs of their own in the store, and their queue."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from foredeck.services.domain.jobs import JobOrder, Priority, QueueState
from foredeck.services.domain.records import Job
from foredeck.services.domain.states import JobState
from foredeck.services.store import job_orders
from foredeck.services.store.jobs import JobFilter
from foredeck.services.store.store import Store
from tests.support import records as make


async def added(store: Store, **fields: object) -> tuple[Job, JobOrder]:
    """Store a job of its own in a project."""
    async with store.transaction() as tx:
        project = await tx.projects.by_name("demo")
        if project is None:
            project = make.project()
            await tx.projects.add(project)
        job = make.job(type="shell_command", queued_at=make.MOMENT)
        order = JobOrder(job.id, project.id, **fields)  # type: ignore[arg-type]
        await tx.jobs.add(job)
        await tx.job_orders.add(order)
    return job, order


async def test_an_order_comes_back_as_it_was_stored(store: Store) -> None:
    job, order = await added(
        store,
        priority=Priority.CRITICAL,
        description="what it is for",
        words=("printf", "%s", "\udcff"),
        environment=(("A", "1"), ("T", "env:TOKEN")),
        input_data='{"a": 1}',
        input_file="/tmp/in",
        output_file="/tmp/\udcff",
        created_by="ada/a test",
        max_retries=7,
        retry_count=2,
        auto_retry=True,
        merge_stderr=True,
        metadata=(("k", "v"),),
        batch_index=3,
        progress=12.5,
        progress_message="on",
        trace_id="t",
        memory=512 << 20,
        output_removed_at=make.MOMENT,
    )
    async with store.transaction() as tx:
        assert await tx.job_orders.get(job.id) == order
        assert await tx.job_orders.of(job) == order
        changed = replace(order, progress=50.0, priority=Priority.LOW)
        await tx.job_orders.save(changed)
        assert await tx.job_orders.get(job.id) == changed
        assert await tx.job_orders.of(make.job()) is None
    shown = await store.queries.job(job.id)
    assert (shown.job.priority, shown.job.progress) == (Priority.LOW, 50.0)
    assert (shown.job.project_name, shown.order) == ("demo", replace(changed, input_data=""))


async def test_the_queue_knows_jobs_of_their_own_alone(store: Store) -> None:
    job, order = await added(store)
    async with store.transaction() as tx:
        run = make.run(order.project_id)
        await tx.runs.add(run)
        step = make.step(run)
        await tx.steps.add(step)
        await tx.jobs.add(make.job(step))  # a codex turn that waits
        (queued,) = await tx.job_orders.queued()
        assert queued[:3] == (job.id, order.project_id, "normal")
        assert await tx.job_orders.working() == []
        await tx.move_job(job.id, JobState.IN_PROGRESS)
        assert await tx.job_orders.queued() == []
        assert await tx.job_orders.working() == [(job.id, order.project_id)]
    view = await store.queries.job_queue(10)
    assert (view.working, view.queued, view.limit, view.paused_at) == (1, 0, 10, None)
    page = await store.queries.jobs(JobFilter(project="demo"))
    assert page.total == 2


async def test_what_people_decide_for_the_queue_is_kept_and_audited(store: Store) -> None:
    async with store.transaction() as tx:
        assert await tx.job_queue.get() == QueueState()
        await tx.job_queue.set(QueueState(make.MOMENT, 3), "pause")
        assert await tx.job_queue.get() == QueueState(make.MOMENT, 3)
    assert (await store.queries.job_queue(10)).limit == 3
    last = (await store.queries.audit_after(0, 100))[-1]
    assert last.action == "job_queue.pause"


@pytest.mark.parametrize("sql", [job_orders.IN_STATE, job_orders.WAITING, job_orders.COUNT])
async def test_the_queue_scans_no_table(store: Store, sql: str) -> None:
    async with store._database.reading() as link:
        values = ("queued", None)[: sql.count("?")]
        plan = [row[3] for row in await link.rows(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert any("job_alone_in_state" in line for line in plan)
    assert [line for line in plan if re.match("SCAN ", line)] == []
