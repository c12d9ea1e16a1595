"""Trusted workflow files, and the attempts of a run."""

from __future__ import annotations

from foredeck.services.domain import clock
from foredeck.services.domain.records import Failure, FailureClass
from foredeck.services.domain.states import StepState
from foredeck.services.store.store import Store
from tests.support import records


async def test_a_content_is_trusted_in_one_project_and_as_it_is(store: Store) -> None:
    project, other = records.project("one"), records.project("other")
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.projects.add(other)
        assert not await tx.trusted_workflows.knows(project.id, "digest")
        for _ in range(2):
            await tx.trusted_workflows.add(project.id, "digest", "/w/release.yaml")
    async with store.transaction() as tx:
        assert await tx.trusted_workflows.knows(project.id, "digest")
        assert not await tx.trusted_workflows.knows(project.id, "another")
        assert not await tx.trusted_workflows.knows(other.id, "digest")
    trail = await store.queries.audit_after(0, 100)
    assert [row.action for row in trail].count("workflow.trust") == 2


async def test_the_attempts_of_a_run_come_step_by_step(store: Store) -> None:
    project = records.project()
    run = records.run(project)
    steps = [records.step(run, key, place) for place, key in enumerate(("first", "second"))]
    failure = Failure(FailureClass.COMMAND, "make ended with exit code 2.", detail="the tail")
    now = clock.now()
    tries = [
        records.attempt(steps[1], number=1, state=StepState.SUCCESS, ended_at=now),
        records.attempt(steps[0], number=1, state=StepState.RETRY, ended_at=now, failure=failure),
        records.attempt(steps[0], number=2),
    ]
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
        for step in steps:
            await tx.steps.add(step)
        for attempt in tries:
            await tx.attempts.add(attempt)
    found = await store.queries.attempts(run.id[:6])
    assert [(row.step_key, row.number, row.state) for row in found] == [
        ("first", 1, StepState.RETRY),
        ("first", 2, StepState.RUNNING),
        ("second", 1, StepState.SUCCESS),
    ]
    assert found[0].failure == failure
    assert found[1].ended_at is None
