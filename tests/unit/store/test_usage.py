"""Tokens flow from jobs and messages up to steps, runs, projects and models."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foredeck.services.domain.records import Job, Run, Step, TokenUsage
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.store.store import Store
from tests.support import records as make
from tests.unit.store.conftest import Recorder

ONE, TWO = TokenUsage(10, 4, 3, 2), TokenUsage(100, 40, 30, 20)


async def begun(store: Store) -> tuple[Run, Step]:
    project = make.project()
    run = make.run(project)
    step = make.step(run)
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
        await tx.steps.add(step)
    return run, step


async def add_job(store: Store, step: Step, model: str, usage: TokenUsage) -> Job:
    job = make.job(step, model=model, usage=usage)
    async with store.transaction() as tx:
        await tx.jobs.add(job)
    return job


async def used(store: Store, run: Run) -> dict[str, TokenUsage]:
    """Return the run's tokens by model, having compared every sum with every other."""
    detail = await store.queries.run(run.id)
    by_model = await store.queries.usage_by_model(run.id)
    total = sum((usage for _, usage in by_model), TokenUsage())
    assert detail.run.usage == total
    assert sum((step.usage for step in detail.steps), TokenUsage()) == total
    assert await store.queries.usage_by_model(run.project_id) == by_model
    assert await store.queries.usage_by_model_total() == by_model
    assert await store.queries.tokens_total() == total
    assert (await store.queries.project(run.project_id)).usage == total
    return dict(by_model)


async def test_nothing_used_is_no_row(store: Store) -> None:
    run, step = await begun(store)
    await add_job(store, step, "codex", TokenUsage())
    async with store.transaction() as tx:
        await tx.messages.add(make.message(step))
    assert await used(store, run) == {}


async def test_jobs_and_messages_of_several_models_add_up(store: Store) -> None:
    run, step = await begun(store)
    await add_job(store, step, "codex", ONE)
    await add_job(store, step, "codex", TWO)
    async with store.transaction() as tx:
        await tx.messages.add(make.message(step, model="gpt", usage=TWO))
        await tx.messages.add(make.message(step, model="codex", usage=ONE))
    assert await used(store, run) == {"codex": ONE + TWO + ONE, "gpt": TWO}


async def test_a_figure_that_grows_is_counted_by_its_difference(store: Store) -> None:
    run, step = await begun(store)
    job = await add_job(store, step, "codex", ONE)
    for usage in (ONE + ONE, TWO, TWO):
        async with store.transaction() as tx:
            await tx.jobs.save(replace(job, usage=usage))
        assert await used(store, run) == {"codex": usage}
    async with store.transaction() as tx:
        await tx.move_job(job.id, JobState.IN_PROGRESS)
        await tx.move_job(job.id, JobState.COMPLETED, usage=TWO + ONE)
    assert await used(store, run) == {"codex": TWO + ONE}


async def test_a_model_that_is_known_late_takes_its_tokens_along(store: Store) -> None:
    run, step = await begun(store)
    job = await add_job(store, step, "asked for", ONE)
    async with store.transaction() as tx:
        await tx.jobs.save(replace(job, model="answered", usage=TWO))
    assert await used(store, run) == {"answered": TWO, "asked for": TokenUsage()}


async def test_a_record_read_earlier_takes_nothing_back(store: Store) -> None:
    run, step = await begun(store)
    await add_job(store, step, "codex", ONE)
    async with store.transaction() as tx:
        await tx.runs.save(replace(run, summary="old", usage=TWO))
        await tx.steps.save(replace(step, summary="old"))
        moved = await tx.move_run(run.id, RunState.RUNNING, usage=TWO)
        stepped = await tx.move_step(step.id, StepState.RUNNING, usage=TWO)
        assert (moved.usage, stepped.usage) == (ONE, ONE)
        assert (await tx.runs.get(run.id)).summary == "old"
    assert await used(store, run) == {"codex": ONE}


async def test_what_is_rolled_back_was_never_used(store: Store) -> None:
    run, step = await begun(store)

    async def fail_after_use() -> None:
        async with store.transaction() as tx:
            await tx.jobs.add(make.job(step, model="codex", usage=ONE))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_after_use()
    assert await used(store, run) == {}


async def test_a_job_without_a_run_counts_for_none(store: Store) -> None:
    run, _ = await begun(store)
    async with store.transaction() as tx:
        await tx.jobs.add(make.job(model="codex", usage=ONE))
    assert await used(store, run) == {}


async def test_runs_are_told_apart(store: Store) -> None:
    one, step = await begun(store)
    two, other = await begun(store)
    await add_job(store, step, "codex", ONE)
    await add_job(store, other, "codex", TWO)
    assert dict(await store.queries.usage_by_model(one.id)) == {"codex": ONE}
    assert dict(await store.queries.usage_by_model(two.project_id)) == {"codex": TWO}
    assert dict(await store.queries.usage_by_model_total()) == {"codex": ONE + TWO}


async def test_step_and_run_are_told_to_have_changed(store: Store, bus: Recorder) -> None:
    _, step = await begun(store)
    message = make.message(step)
    async with store.transaction() as tx:
        await tx.messages.add(message)
    bus.published.clear()
    async with store.transaction() as tx:
        await tx.messages.save(replace(message, content="more"))
    assert bus.names() == ["MessageSaved"]
    bus.published.clear()
    async with store.transaction() as tx:
        await tx.messages.save(replace(message, content="more", usage=ONE))
    assert bus.names() == ["MessageSaved", "StepSaved", "RunSaved"]


_COUNTS = st.builds(TokenUsage, *(st.integers(0, 2**40) for _ in range(4)))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(saves=st.lists(st.tuples(st.integers(0, 2), st.sampled_from("ab"), _COUNTS), max_size=8))
async def test_sums_hold_whatever_is_saved(
    store: Store, saves: list[tuple[int, str, TokenUsage]]
) -> None:
    run, step = await begun(store)
    jobs = [make.job(step) for _ in range(3)]
    async with store.transaction() as tx:
        for job in jobs:
            await tx.jobs.add(job)
        for number, model, usage in saves:
            jobs[number] = replace(jobs[number], model=model, usage=usage)
            await tx.jobs.save(jobs[number])
    expected = {
        model: sum((job.usage for job in jobs if job.model == model), TokenUsage())
        for model in "ab"
    }
    found = dict(await store.queries.usage_by_model(run.id))
    assert {m: u for m, u in found.items() if u.total} == {
        m: u for m, u in expected.items() if u.total
    }
    assert (await store.queries.run(run.id)).run.usage == expected["a"] + expected["b"]
