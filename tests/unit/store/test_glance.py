"""What can be seen of the database without opening a store."""

from pathlib import Path

import pytest

from foredeck.services.domain.jobs import JobOrder
from foredeck.services.domain.states import ACTIVE_RUNS, JobState, RunState
from foredeck.services.store import glance
from foredeck.services.store.place import NAME
from foredeck.services.store.store import Store
from tests.support import records as make


@pytest.mark.parametrize("state", RunState)
async def test_whether_a_run_works_is_told_by_its_state(
    store: Store, tmp_path: Path, state: RunState
) -> None:
    project = make.project()
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(make.run(project, state=state))
    assert glance.works(tmp_path / "data") is (state in ACTIVE_RUNS)
    await store.close()
    assert glance.works(tmp_path / "data") is (state in ACTIVE_RUNS)


@pytest.mark.parametrize("state", JobState)
async def test_whether_a_job_of_its_own_works(
    store: Store, tmp_path: Path, state: JobState
) -> None:
    project = make.project()
    async with store.transaction() as tx:
        await tx.projects.add(project)
        job = make.job(state=state)
        await tx.jobs.add(job)
    assert not glance.works(tmp_path / "data")  # a job that belongs to no run, and is no order
    async with store.transaction() as tx:
        await tx.job_orders.add(JobOrder(job.id, project.id))
    works = state in {JobState.QUEUED, JobState.IN_PROGRESS}
    assert glance.works(tmp_path / "data") is works


def test_where_nobody_can_say_something_may_work(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"not a database, and longer than its header would be" * 4)
    assert glance.works(tmp_path)
    assert glance.runs(tmp_path, "") == []
