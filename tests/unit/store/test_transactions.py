"""Transitions, events and commits happen together or not at all."""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.domain.errors import Conflict, IllegalTransition, StoreError
from foredeck.services.domain.events import JobSaved, NoticeRaised, RunSaved, StepSaved
from foredeck.services.domain.records import Run
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.store.engine import WritingLink
from foredeck.services.store.store import Store
from tests.support import records as make
from tests.support.records import MOMENT
from tests.unit.store.conftest import Recorder


async def new_run(store: Store) -> Run:
    project = make.project()
    run = make.run(project)
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
    return run


async def test_moves_write_record_history_and_event(store: Store, bus: Recorder) -> None:
    run = await new_run(store)
    step, job = make.step(run), make.job()
    async with store.transaction("ada") as tx:
        await tx.steps.add(step)
        await tx.jobs.add(replace(job, run_id=run.id, step_id=step.id))
        bus.published.clear()
        moved = await tx.move_run(run.id, RunState.RUNNING, reason="go", started_at=MOMENT)
        stepped = await tx.move_step(step.id, StepState.WAITING, reason="ask", attempt=1)
        await tx.move_job(job.id, JobState.IN_PROGRESS, thread_id="t")
        assert bus.published == []
    assert (moved.state, moved.started_at) == (RunState.RUNNING, MOMENT)
    assert (stepped.reason, stepped.attempt) == ("ask", 1)
    assert bus.names()[:2] == ["StepSaved", "JobSaved"]
    run_saved, step_saved, job_saved = bus.published[2:]
    assert isinstance(run_saved, RunSaved)
    assert (run_saved.previous, run_saved.state) == (RunState.CREATED, RunState.RUNNING)
    assert isinstance(step_saved, StepSaved)
    assert (step_saved.previous, step_saved.key) == (StepState.PENDING, "planner")
    assert isinstance(job_saved, JobSaved)
    assert job_saved.state is JobState.IN_PROGRESS
    history = await store.queries.history(run.id)
    assert [(h.subject, h.old, h.new, h.actor, h.reason) for h in history] == [
        ("run", "", "created", "host", ""),
        ("planner", "", "pending", "ada", ""),
        ("builder", "", "queued", "ada", ""),
        ("run", "created", "running", "ada", "go"),
        ("planner", "pending", "waiting", "ada", "ask"),
        ("builder", "queued", "in_progress", "ada", ""),
    ]


async def test_an_illegal_move_undoes_the_whole_transaction(store: Store, bus: Recorder) -> None:
    run = await new_run(store)
    bus.published.clear()

    async def move_there_and_back() -> None:
        async with store.transaction() as tx:
            await tx.move_run(run.id, RunState.RUNNING)
            await tx.move_run(run.id, RunState.CREATED)

    with pytest.raises(IllegalTransition):
        await move_there_and_back()
    detail = await store.queries.run(run.id)
    assert detail.run.state is RunState.CREATED
    assert len(await store.queries.history(run.id)) == 1
    assert bus.published == []


@pytest.mark.parametrize("sql", ["UPDATE transition SET new = 'x'", "DELETE FROM transition"])
async def test_history_cannot_be_changed(store: Store, tmp_path: Path, sql: str) -> None:
    await new_run(store)
    connection = sqlite3.connect(tmp_path / "data" / "foredeck.db")
    try:
        with pytest.raises(sqlite3.IntegrityError, match="history is never"):
            connection.execute(sql)
    finally:
        connection.close()


async def test_published_events_keep_their_order(store: Store, bus: Recorder) -> None:
    async with store.transaction() as tx:
        tx.publish(NoticeRaised(severity="information", message="first"))
        await tx.projects.add(make.project())
        tx.publish(NoticeRaised(severity="information", message="last"))
    assert bus.names() == ["NoticeRaised", "ProjectSaved", "NoticeRaised"]
    assert [event.message for event in bus.published if isinstance(event, NoticeRaised)] == [
        "first",
        "last",
    ]


async def test_a_transaction_inside_another_is_refused(store: Store) -> None:
    async with store.transaction() as tx:
        with pytest.raises(StoreError, match="inside another"):
            async with store.transaction():
                pass
        await tx.projects.add(make.project())
    assert (await store.queries.projects()).total == 1


async def test_readers_see_nothing_before_the_commit(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.projects.add(make.project())
        assert (await store.queries.projects()).total == 0
    assert (await store.queries.projects()).total == 1


async def test_cancellation_at_any_moment_is_all_or_nothing(store: Store, bus: Recorder) -> None:
    run = await new_run(store)
    bus.published.clear()

    async def add_two(number: int) -> None:
        async with store.transaction() as tx:
            for half in ("a", "b"):
                await tx.steps.add(make.step(run, f"{half}{number}", number))

    cancelled = 0
    for number in range(120):
        task = asyncio.create_task(add_two(number))
        for _ in range(number):
            await asyncio.sleep(0)
        await asyncio.sleep(number * 0.00004)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            cancelled += 1
    stored = {step.key for step in (await store.queries.run(run.id)).steps}
    told = {event.key for event in bus.published if isinstance(event, StepSaved)}
    assert told == stored
    assert all((f"a{n}" in stored) == (f"b{n}" in stored) for n in range(120))
    assert cancelled > 0
    # The connection is still good.
    async with store.transaction() as tx:
        await tx.move_run(run.id, RunState.RUNNING)


async def test_a_cancelled_commit_still_publishes(
    store: Store, bus: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await new_run(store)
    bus.published.clear()
    committing = asyncio.Event()
    real = WritingLink._commit

    async def slow(self: WritingLink, then: Callable[[], None]) -> None:
        committing.set()
        await asyncio.sleep(0)
        await real(self, then)

    monkeypatch.setattr(WritingLink, "_commit", slow)

    async def move() -> None:
        async with store.transaction() as tx:
            await tx.move_run(run.id, RunState.RUNNING)

    task = asyncio.create_task(move())
    await asyncio.wait_for(committing.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bus.names() == ["RunSaved"]
    assert (await store.queries.run(run.id)).run.state is RunState.RUNNING


async def test_a_cancelled_query_leaves_the_readers_whole(store: Store) -> None:
    run = await new_run(store)
    for turn in range(40):
        task = asyncio.create_task(store.queries.run(run.id))
        for _ in range(turn % 13):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    details = await asyncio.gather(*(store.queries.run(run.id) for _ in range(12)))
    assert {detail.run.id for detail in details} == {run.id}


async def test_many_tasks_take_turns(store: Store) -> None:
    run = await new_run(store)

    async def add() -> None:
        async with store.transaction() as tx:
            stored = await tx.runs.get(run.id)
            await asyncio.sleep(0)
            await tx.runs.save(replace(stored, summary=stored.summary + "x"))

    await asyncio.gather(*(add() for _ in range(50)))
    assert (await store.queries.run(run.id)).summary == "x" * 50


async def test_closing_twice_is_harmless_and_then_it_is_closed(tmp_path: Path) -> None:
    store = await Store.open(tmp_path, Recorder())
    await store.close()
    await store.close()


async def test_a_read_only_store_answers_and_refuses(store: Store, tmp_path: Path) -> None:
    run = await new_run(store)
    beside = await Store.open(tmp_path / "data", Recorder(), read_only=True)
    try:
        assert (await beside.queries.run(run.id)).run.id == run.id
        with pytest.raises(Conflict, match="reading only"):
            async with beside.transaction():
                pass
        async with store.transaction() as tx:
            await tx.move_run(run.id, RunState.RUNNING)
        assert (await beside.queries.run(run.id)).run.state is RunState.RUNNING
    finally:
        await beside.close()
