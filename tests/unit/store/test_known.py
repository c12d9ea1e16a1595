"""What was read before is not read again, and is never what it was before it was written."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.domain.records import Run, Step, TokenUsage
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.store import known as module
from foredeck.services.store.known import Known
from foredeck.services.store.store import Store
from tests.support import records as make


async def new_run(store: Store, *keys: str) -> tuple[Run, list[Step]]:
    project = make.project()
    run = make.run(project)
    steps = [make.step(run, key, position) for position, key in enumerate(keys)]
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
        for step in steps:
            await tx.steps.add(step)
    return run, steps


async def titles(store: Store, run: Run) -> list[str]:
    async with store.transaction() as tx:
        return [step.title for step in await tx.steps.of_run(run.id)]


async def test_a_record_that_nobody_wrote_is_the_same_object(store: Store) -> None:
    run, _ = await new_run(store, "a", "b")
    async with store.transaction() as tx:
        first, steps = await tx.runs.get(run.id), await tx.steps.of_run(run.id)
    async with store.transaction() as tx:
        assert await tx.runs.get(run.id) is first
        again = await tx.steps.of_run(run.id)
    assert all(one is other for one, other in zip(steps, again, strict=True))


async def test_what_a_transaction_wrote_is_read_as_it_lies_in_the_file(store: Store) -> None:
    run, (a, b) = await new_run(store, "a", "b")
    store.redactor.learn(["hunter2-hunter2"])
    await titles(store, run)
    async with store.transaction() as tx:
        await tx.steps.save(replace(a, title="says hunter2-hunter2"))
        assert [s.title for s in await tx.steps.of_run(run.id)] == ["says [redacted]", b.title]
        assert (await tx.steps.get(a.id)).title == "says [redacted]"
    assert await titles(store, run) == ["says [redacted]", b.title]


async def test_a_transaction_that_fails_leaves_nothing_of_it_behind(store: Store) -> None:
    run, (a, b) = await new_run(store, "a", "b")

    async def fail() -> None:
        async with store.transaction() as tx:
            await tx.steps.save(replace(a, title="never"))
            await tx.move_run(run.id, RunState.RUNNING)
            await tx.steps.add(make.step(run, "c", 2))
            assert len(await tx.steps.of_run(run.id)) == 3
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await titles(store, run) == [a.title, b.title]
    async with store.transaction() as tx:
        assert (await tx.runs.get(run.id)).state is RunState.CREATED


async def test_steps_come_in_their_order_after_one_was_added_or_moved(store: Store) -> None:
    run, (a, _b) = await new_run(store, "a", "b")
    await titles(store, run)
    async with store.transaction() as tx:
        await tx.steps.add(make.step(run, "c", 2))
    assert await titles(store, run) == ["A", "B", "C"]
    async with store.transaction() as tx:
        await tx.steps.save(replace(a, position=5))
    assert await titles(store, run) == ["B", "C", "A"]


async def test_what_another_program_wrote_is_seen(store: Store, tmp_path: Path) -> None:
    run, (a, b) = await new_run(store, "a", "b")
    await titles(store, run)
    with closing(sqlite3.connect(tmp_path / "data" / "foredeck.db")) as other:
        other.execute("UPDATE step SET title = 'theirs' WHERE id = ?", (b.id,))
        other.execute("UPDATE run SET title = 'theirs' WHERE id = ?", (run.id,))
        other.commit()
    assert await titles(store, run) == [a.title, "theirs"]
    async with store.transaction() as tx:
        assert (await tx.runs.get(run.id)).title == "theirs"


async def test_usage_that_a_trigger_adds_is_seen(store: Store) -> None:
    run, (a, _) = await new_run(store, "a", "b")
    job = make.job(run_id=run.id, step_id=a.id, usage=TokenUsage(input=5))
    await titles(store, run)
    async with store.transaction() as tx:
        await tx.runs.get(run.id)
        await tx.jobs.add(job)
        assert (await tx.runs.get(run.id)).usage.input == 5
        assert (await tx.steps.of_run(run.id))[0].usage.input == 5
    async with store.transaction() as tx:
        await tx.jobs.save(replace(job, usage=TokenUsage(input=9)))
    async with store.transaction() as tx:
        assert (await tx.runs.get(run.id)).usage.input == 9
        assert (await tx.steps.get(a.id)).usage.input == 9


async def test_of_very_much_the_oldest_is_read_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LIMIT", 3)
    monkeypatch.setattr(module, "_LISTS", 1)
    runs = [(await new_run(store, "a", "b"))[0] for _ in range(4)]
    for run in runs * 2:
        assert await titles(store, run) == ["A", "B"]
    async with store.transaction() as tx:
        step = (await tx.steps.of_run(runs[0].id))[0]
        await tx.move_step(step.id, StepState.RUNNING)
    async with store.transaction() as tx:
        states = [step.state for step in await tx.steps.of_run(runs[0].id)]
    assert states == [StepState.RUNNING, StepState.PENDING]


def test_it_forgets_everything_once_the_file_has_another_version() -> None:
    known = Known()
    known.check(1)
    known.put("a", "record")
    known.check(1)
    assert known.get("a") == "record"
    known.check(2)
    assert known.get("a") is None
