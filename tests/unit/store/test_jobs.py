"""How jobs are listed and shown."""

import re
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from foredeck.services.domain.errors import Ambiguous, InvalidInput, NotFound
from foredeck.services.domain.records import Failure, FailureClass
from foredeck.services.domain.states import JobState
from foredeck.services.domain.views import Page
from foredeck.services.store import jobs
from foredeck.services.store.jobs import JobFilter
from foredeck.services.store.store import Store
from tests.support import records as make


async def fill(store: Store) -> None:
    """Two projects with a run of two jobs each, and a job without a run."""
    async with store.transaction() as tx:
        for number, name in enumerate(("shop", "blog")):
            project = make.project(name)
            run = make.run(project, id=f"{name}run", title=f"Build the {name}")
            step = make.step(run, "build", id=f"{name}step")
            await tx.projects.add(project)
            await tx.runs.add(run)
            await tx.steps.add(step)
            for place, type_ in enumerate(("codex", "shell_command")):
                moment = make.MOMENT.replace(minute=10 * number + place)
                await tx.jobs.add(
                    make.job(step, id=f"{name}job{place}", type=type_, created_at=moment)
                )
        await tx.jobs.add(make.job(id="alone", created_at=make.MOMENT.replace(minute=50)))


async def ids(store: Store, **wanted: Any) -> list[str]:
    limit, offset = wanted.pop("limit", 50), wanted.pop("offset", 0)
    page = await store.queries.jobs(JobFilter(**wanted), limit, offset)
    assert isinstance(page, Page)
    assert page.total >= len(page.items)
    return [row.id for row in page.items]


async def test_jobs_are_listed_newest_first_by_what_is_asked_for(store: Store) -> None:
    await fill(store)
    all_of_them = ["alone", "blogjob1", "blogjob0", "shopjob1", "shopjob0"]
    assert await ids(store) == all_of_them
    assert await ids(store, limit=2, offset=1) == all_of_them[1:3]
    assert (await store.queries.jobs(limit=2)).total == 5
    assert await ids(store, type="shell_command") == ["blogjob1", "shopjob1"]
    assert await ids(store, run="shop") == ["shopjob1", "shopjob0"]
    assert await ids(store, project="blog", type="codex") == ["blogjob0"]
    assert await ids(store, state="lost") == []
    assert (await store.queries.jobs(JobFilter(state="queued", project="shop"))).total == 2


async def test_what_is_not_there_is_told(store: Store) -> None:
    await fill(store)
    with pytest.raises(InvalidInput, match="The states are pending, queued"):
        await store.queries.jobs(JobFilter(state="done"))
    with pytest.raises(NotFound, match="jobs list"):
        await store.queries.job("zzz")
    with pytest.raises(NotFound):
        await store.queries.jobs(JobFilter(run="zzz"))
    with pytest.raises(Ambiguous, match="several jobs"):
        await store.queries.job("shopjob")


async def test_a_job_is_shown_with_its_run_and_what_it_has_cost(store: Store) -> None:
    await fill(store)
    failure = Failure(FailureClass.COMMAND, "It broke.", "Mend it.", "the tail")
    async with store.transaction() as tx:
        job = await tx.move_job("shopjob1", JobState.IN_PROGRESS, started_at=make.MOMENT)
        await tx.move_job(
            job.id,
            JobState.FAILED,
            ended_at=make.MOMENT,
            exit_code=3,
            failure=failure,
            cpu_seconds=1.25,
            peak_memory=7 << 20,
        )
    shown = await store.queries.job("shopjob1")
    assert (shown.job.run_title, shown.job.project_name, shown.job.step_key) == (
        "Build the shop",
        "shop",
        "build",
    )
    assert (shown.job.state, shown.job.exit_code) == (JobState.FAILED, 3)
    assert (shown.job.cpu_seconds, shown.job.peak_memory) == (1.25, 7 << 20)
    assert shown.failure == failure
    alone = (await store.queries.job("alone")).job
    assert (alone.run_id, alone.run_title, alone.project_name, alone.step_key) == (None, "", "", "")
    assert replace(alone, cpu_seconds=None) == alone


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("asked", list(product((False, True), repeat=5)))
async def test_no_list_of_jobs_scans_a_table(
    store: Store, asked: tuple[bool, ...], alone: bool
) -> None:
    await fill(store)
    said = ("failed", "codex", "shoprun", "shop", "alone")
    words = [word if one else None for word, one in zip(said, asked, strict=True)]
    wanted = replace(JobFilter(*words), alone=alone)  # type: ignore[arg-type]
    async with store._database.reading() as link:
        found = [one async for one in wanted.conditions(link)]
        values = [value for _, some in found for value in some]
        page, count = jobs.listing([one for one, _ in found], of_batch=asked[-1])
        for sql, more in ((page, (1, 0)), (count, ())):
            plan = await link.rows(f"EXPLAIN QUERY PLAN {sql}", (*values, *more))
            scans = [row[3] for row in plan if re.match(r"SCAN (?!page\b)", row[3])]
            assert scans == []
