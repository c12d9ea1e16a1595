"""Every subscriber gets every event in order, or is told that it missed some."""

import asyncio
import gc
from collections.abc import AsyncIterator

from foredeck.services.domain.events import Event, NoticeRaised, ProjectSaved, Resync
from foredeck.services.event_bus import EventBus


async def take(events: AsyncIterator[Event], count: int) -> list[Event]:
    return [await asyncio.wait_for(anext(events), 5) for _ in range(count)]


def notice(number: int) -> NoticeRaised:
    return NoticeRaised(severity="information", message=str(number))


async def test_events_are_numbered_and_arrive_in_order() -> None:
    bus = EventBus()
    one, two = bus.subscribe(), bus.subscribe()
    for number in range(5):
        bus.publish(notice(number))
    for events in (one, two):
        got = await take(events, 5)
        assert [event.seq for event in got] == [1, 2, 3, 4, 5]
        assert [e.message for e in got if isinstance(e, NoticeRaised)] == list("01234")
    assert bus.seq == 5


async def test_a_subscription_begins_at_the_call() -> None:
    bus = EventBus()
    bus.publish(notice(1))
    events = bus.subscribe()
    bus.publish(ProjectSaved(project_id="p"))
    assert await take(events, 1) == [ProjectSaved(project_id="p", seq=2)]


async def test_a_waiting_subscriber_is_woken() -> None:
    bus = EventBus()
    events = bus.subscribe()
    task = asyncio.create_task(take(events, 1))
    await asyncio.sleep(0)
    bus.publish(notice(1))
    assert [event.seq for event in await task] == [1]


async def test_who_falls_behind_gets_one_resync_and_then_what_follows() -> None:
    bus = EventBus(limit=3)
    slow, quick = bus.subscribe(), bus.subscribe()
    for number in range(4):
        bus.publish(notice(number))
        assert [event.seq for event in await take(quick, 1)] == [number + 1]
    bus.publish(notice(4))
    got = await take(slow, 2)
    assert got[0] == Resync(seq=4)
    assert got[1].seq == 5
    assert [event.seq for event in await take(quick, 1)] == [5]


async def test_a_flood_leaves_no_more_than_the_limit() -> None:
    bus = EventBus(limit=3)
    events = bus.subscribe()
    for number in range(1000):
        bus.publish(notice(number))
    got: list[Event] = []
    while not got or got[-1].seq < 1000:
        got += await take(events, 1)
    assert isinstance(got[0], Resync)
    assert len(got) <= 3
    assert [event.seq for event in got] == list(range(got[0].seq, 1001))


async def test_closing_a_subscription_ends_it() -> None:
    bus = EventBus()
    events = bus.subscribe()
    bus.publish(notice(1))
    await take(events, 1)
    await events.aclose()
    assert len(bus._subscribers) == 0
    bus.publish(notice(2))


async def test_a_subscription_closed_before_its_first_event_ends_too() -> None:
    bus = EventBus()
    events = bus.subscribe()
    await events.aclose()
    assert len(bus._subscribers) == 0


async def test_closing_wakes_who_waits() -> None:
    bus = EventBus()
    events = bus.subscribe()

    async def follow() -> list[Event]:
        return [event async for event in events]

    task = asyncio.create_task(follow())
    bus.publish(notice(1))
    await asyncio.sleep(0)
    await events.aclose()
    got = await asyncio.wait_for(task, 5)
    assert [event.seq for event in got] == [1]
    assert [event async for event in events] == []


async def test_a_cancelled_subscriber_loses_nothing() -> None:
    bus = EventBus()
    events = bus.subscribe()
    task = asyncio.create_task(take(events, 1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    bus.publish(notice(1))
    assert [event.seq for event in await take(events, 1)] == [1]


async def test_a_dropped_subscription_costs_nothing() -> None:
    bus = EventBus()
    events = bus.subscribe()
    bus.publish(notice(1))
    del events
    gc.collect()
    assert len(bus._subscribers) == 0
