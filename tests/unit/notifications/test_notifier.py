"""What is told of runs: each thing once, and only what somebody wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from foredeck.services.domain import clock
from foredeck.services.domain.errors import StoreError
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.notices import Cause, Channel, DeliveryState
from foredeck.services.domain.schedules import Fire, FireState
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.notifications import notifier as notifier_module
from foredeck.services.notifications.notifier import AT_ONCE, Notifier
from foredeck.services.store.store import Store
from tests.support.newsroom import Newsroom
from tests.unit.notifications.conftest import Recorder

ALL = (Cause.FINISH, Cause.FAILURE, Cause.WAITING)


def make(
    store: Store,
    bus: Recorder,
    causes: tuple[Cause, ...] = ALL,
    channels: tuple[Channel, ...] = (),
    told: Callable[[], None] = lambda: None,
) -> Notifier:
    return Notifier(store, bus, causes, channels, told)


@pytest.mark.parametrize(
    ("state", "cause", "words"),
    [
        (RunState.SUCCESS, Cause.FINISH, "demo: succeeded."),
        (RunState.FAILED, Cause.FAILURE, "demo: failed: no compiler"),
        (RunState.PARTIAL_SUCCESS, Cause.FAILURE, "demo: succeeded in part: no compiler"),
    ],
)
async def test_an_end_is_told_once(
    state: RunState, cause: Cause, words: str, store: Store, bus: Recorder, room: Newsroom
) -> None:
    run = await room.run("Make it\x1b]0;x\x07")
    await room.end(run, state, "" if state is RunState.SUCCESS else "no compiler")
    notifier = make(store, bus)
    await notifier.look()
    await notifier.look()
    (row,) = await room.told()
    assert (row.run_id, row.cause, row.state) == (run.id, cause, state)
    assert (row.title, row.text, row.project_name) == ("Make it", words, "demo")
    (event,) = bus.rung()
    assert (event.run_id, event.cause, event.text) == (run.id, cause, words)


async def test_no_words_wipe_out_what_stands_before_them(
    store: Store, bus: Recorder, room: Newsroom
) -> None:
    await room.ended("a run", RunState.FAILED, "bad\rdemo: succeeded.")
    await make(store, bus).look()
    (row,) = await room.told()
    assert row.text.startswith("demo: failed: ")


async def test_a_cancelled_run_is_not_told(store: Store, bus: Recorder, room: Newsroom) -> None:
    await room.ended("not wanted", RunState.CANCELLED)
    await make(store, bus).look()
    assert not await room.told()


@pytest.mark.parametrize(
    ("causes", "expected"),
    [
        ((), []),
        ((Cause.FAILURE,), [("bad", Cause.FAILURE)]),
        ((Cause.FINISH,), [("good", Cause.FINISH), ("bad", Cause.FINISH)]),
        ((Cause.WAITING,), []),
    ],
)
async def test_only_the_causes_of_the_settings_are_told(
    causes: tuple[Cause, ...],
    expected: list[tuple[str, Cause]],
    store: Store,
    bus: Recorder,
    room: Newsroom,
) -> None:
    await room.ended("good", RunState.SUCCESS)
    await room.ended("bad", RunState.FAILED)
    await make(store, bus, causes).look()
    assert [(row.title, row.cause) for row in await room.told()] == expected


@pytest.mark.parametrize(("own", "told"), [((), False), ((Cause.FAILURE,), True), (None, True)])
async def test_a_task_says_what_is_told_of_its_runs(
    own: tuple[Cause, ...] | None, told: bool, store: Store, bus: Recorder, room: Newsroom
) -> None:
    run = await room.run()
    task = await room.of_task(run, own)
    await room.end(run, RunState.FAILED)
    await make(store, bus).look()
    rows = await room.told()
    assert bool(rows) is told
    assert all((row.task_id, row.task_name) == (task.id, task.name) for row in rows)


async def test_what_waits_is_told_once(store: Store, bus: Recorder, room: Newsroom) -> None:
    notifier = make(store, bus)
    run = await room.run()
    step, other = await room.step(run), await room.step(run, "qa_qc")
    await room.ask(run, step, "Which port?")
    await notifier.look()
    await room.ask(run, step, "Which host?")
    await notifier.look()
    # Another step backs off and goes on meanwhile: the run moves, the question stays.
    async with store.transaction() as tx:
        await tx.move_run(run.id, RunState.RUNNING)
    async with store.transaction() as tx:
        await tx.move_step(other.id, StepState.SUCCESS)
        await tx.move_run(run.id, RunState.WAITING)
    await notifier.look()
    (row,) = await room.told()
    assert (row.cause, row.state) == (Cause.WAITING, RunState.WAITING)
    assert row.text == "demo: waits for you: Which port?"


async def test_the_next_wait_is_told_again(store: Store, bus: Recorder, room: Newsroom) -> None:
    notifier = make(store, bus)
    run = await room.run()
    step = await room.step(run)
    for title in ("Which port?", "Which host?"):
        question = await room.ask(run, step, title)
        await notifier.look()
        await room.answer(question)
        await notifier.look()
    assert [row.text.rpartition(": ")[2] for row in await room.told()] == [
        "Which port?",
        "Which host?",
    ]


async def test_what_was_answered_meanwhile_is_not_told(
    store: Store, bus: Recorder, room: Newsroom
) -> None:
    run = await room.run()
    step = await room.step(run)
    await room.answer(await room.ask(run, step))
    await make(store, bus).look()
    assert not await room.told()


async def test_a_wait_for_a_time_is_not_told(store: Store, bus: Recorder, room: Newsroom) -> None:
    run = await room.run()
    step = await room.step(run)
    async with store.transaction() as tx:
        await tx.move_step(step.id, StepState.WAITING, reason="limit", retry_at=clock.now())
        await tx.move_run(run.id, RunState.WAITING)
    await make(store, bus).look()
    assert not await room.told()


async def test_a_step_that_is_lost_beside_others_at_work_is_told(
    store: Store, bus: Recorder, room: Newsroom
) -> None:
    run = await room.run()
    step = await room.step(run)
    async with store.transaction() as tx:
        await tx.move_step(step.id, StepState.WAITING, reason="Its job is lost.")
    await make(store, bus).look()
    (row,) = await room.told()
    assert row.text == "demo: waits for you: Its job is lost."


async def test_what_was_there_before_notifications_is_not_told(
    store: Store, bus: Recorder, room: Newsroom
) -> None:
    await room.ended("long ago", RunState.SUCCESS)
    async with store.transaction() as tx:
        for moved in await tx.attention.behind(1000):
            await tx.attention.looked(moved.id)
    await make(store, bus).look()
    assert not await room.told()


async def test_more_than_fits_into_one_look_is_told_in_order(
    store: Store, bus: Recorder, room: Newsroom
) -> None:
    names = [f"run {number}" for number in range(AT_ONCE + 5)]
    for name in names:
        await room.ended(name, RunState.SUCCESS)
    await make(store, bus).look()
    assert [event.title for event in bus.rung()] == names


async def test_every_channel_gets_a_delivery(store: Store, bus: Recorder, room: Newsroom) -> None:
    told: list[bool] = []
    channels = (Channel.COMMAND, Channel.WEBHOOK)
    await room.ended("a run", RunState.SUCCESS)
    await make(store, bus, channels=channels, told=lambda: told.append(True)).look()
    (row,) = await room.told()
    assert {delivery.channel for delivery in row.deliveries} == set(channels)
    assert {delivery.state for delivery in row.deliveries} == {DeliveryState.PENDING}
    assert told == [True]


async def test_secrets_are_not_told(store: Store, bus: Recorder, room: Newsroom) -> None:
    await room.ended("say hunter2-hunter2", RunState.FAILED, "hunter2-hunter2 is wrong")
    await make(store, bus).look()
    (row,), (event,) = await room.told(), bus.rung()
    assert "hunter2" not in repr((row, event))


async def test_nothing_is_lost_when_it_fails_in_between(
    store: Store, bus: Recorder, room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cursor does not move without the notifications."""
    await room.ended("a run", RunState.SUCCESS)
    monkeypatch.setattr(notifier_module, "_on_its_way", _broken)
    notifier = make(store, bus, channels=(Channel.COMMAND,))
    with pytest.raises(StoreError):
        await notifier.look()
    assert not await room.told()
    monkeypatch.undo()
    await notifier.look()
    assert [row.title for row in await room.told()] == ["a run"]
    assert len(bus.rung()) == 1


def _broken(*_: Any) -> Any:
    raise StoreError("It broke.")


async def test_it_follows_what_happens_and_complains_once(
    store: Store, bus: Recorder, room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier_module, "PAUSE", 0.01)
    events = bus.subscribe()
    await room.ended("before", RunState.SUCCESS)
    tries: list[bool] = []

    async def sometimes() -> bool:
        tries.append(True)
        if len(tries) < 4:
            raise StoreError("It is not there.")
        return await real()

    notifier = make(store, bus)
    real = notifier._look_through_some
    monkeypatch.setattr(notifier, "_look_through_some", sometimes)
    following = asyncio.create_task(notifier.follow(events))
    await _until(lambda: len(bus.rung()) == 1)
    await room.ended("after", RunState.FAILED)
    await _until(lambda: len(bus.rung()) == 2)
    assert [event.title for event in bus.rung()] == ["before", "after"]
    assert len(bus.notices()) == 1
    await events.aclose()
    async with asyncio.timeout(60):
        await following


async def test_a_host_that_closes_does_not_wait_for_what_cannot_be_stored(
    store: Store, bus: Recorder, room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier_module, "PAUSE", 0.01)
    notifier = make(store, bus)
    events = bus.subscribe()
    await room.ended("a run", RunState.SUCCESS)
    monkeypatch.setattr(notifier, "_look_through_some", _never)
    following = asyncio.create_task(notifier.follow(events))
    await _until(lambda: bool(bus.notices()))
    await events.aclose()
    async with asyncio.timeout(60):
        await following


async def _never() -> bool:
    raise StoreError("It is not there.")


async def test_what_comes_last_is_told_before_it_ends(
    store: Store, bus: Recorder, room: Newsroom
) -> None:
    events = bus.subscribe()
    following = asyncio.create_task(make(store, bus).follow(events))
    await room.ended("the last", RunState.SUCCESS)
    await events.aclose()
    async with asyncio.timeout(60):
        await following
    assert [event.title for event in bus.rung()] == ["the last"]


async def test_a_due_time_that_failed_is_stored_with_its_fire_and_wakes_what_delivers(
    store: Store, bus: Recorder, room: Newsroom
) -> None:
    woken = asyncio.Event()
    notifier = make(store, bus, channels=(Channel.COMMAND,), told=woken.set)
    events = bus.subscribe()
    following = asyncio.create_task(notifier.follow(events, at_once=False))
    task = await room.of_task(await room.run(), None)
    now = clock.now()
    fire = Fire(new_id(), task.id, now, now, FireState.FAILED, None, "hunter2-hunter2 is gone.")
    async with store.transaction() as tx:
        await tx.fires.add(fire)
        await notifier.due_time_failed(tx, task, fire)
    async with asyncio.timeout(60):
        await woken.wait()
    (row,) = await room.told()
    assert (row.run_id, row.task_id, row.title) == ("", task.id, task.name)
    assert row.text.startswith(f"demo: was due at {now:%Y-%m-%d %H:%M} UTC. ")
    assert "hunter2" not in row.text
    assert [delivery.state for delivery in row.deliveries] == [DeliveryState.PENDING]
    (event,) = bus.rung()
    assert (event.run_id, event.cause, event.title) == ("", Cause.FAILURE, task.name)
    await events.aclose()
    async with asyncio.timeout(60):
        await following


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            with suppress(TimeoutError):
                await asyncio.sleep(0.005)
