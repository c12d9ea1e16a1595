"""How notifications are brought out: attempts, pauses, and what is told of failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from foredeck.services.domain.audit import Severity
from foredeck.services.domain.notices import Channel, Delivery, DeliveryState
from foredeck.services.domain.states import RunState
from foredeck.services.notifications import courier as courier_module
from foredeck.services.notifications.channel import Outcome
from foredeck.services.notifications.courier import AT_ONCE, MOST_ATTEMPTS, Courier, backoff
from foredeck.services.notifications.notifier import Notifier
from foredeck.services.notifications.wording import Telling
from foredeck.services.store.audit import AuditFilter
from foredeck.services.store.store import Store
from tests.support.newsroom import Newsroom
from tests.unit.notifications.conftest import Recorder
from tests.unit.notifications.test_notifier import ALL

NOT_YET = Outcome("It answered 503.")
NEVER = Outcome("It answered 400.", final=True)


class Mailbox:
    """A channel that answers as it is told to.

    `held` keeps it from answering, with `pairs` it answers only together with others.
    """

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.got: list[Telling] = []
        self.held: asyncio.Event | None = None
        self.pairs: asyncio.Barrier | None = None
        self.at_once = self.most_at_once = 0

    async def __call__(self, telling: Telling) -> Outcome:
        self.got.append(telling)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.held:
                await self.held.wait()
            if self.pairs:
                await self.pairs.wait()
        finally:
            self.at_once -= 1
        return self.outcomes.pop(0) if self.outcomes else Outcome()


@asynccontextmanager
async def working(courier: Courier) -> AsyncIterator[None]:
    task = asyncio.create_task(courier.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        await courier.close()


class Post:
    """Tells what there is through a webhook, and looks how it arrives."""

    def __init__(self, store: Store, bus: Recorder, box: Mailbox) -> None:
        self.store, self.bus, self.box = store, bus, box
        self.pauses: list[int] = []
        self.courier = Courier(store, bus, {Channel.WEBHOOK: box}, self._pause)

    def _pause(self, attempts: int) -> float:
        self.pauses.append(attempts)
        return 0.001

    async def tell(self) -> None:
        await Notifier(self.store, self.bus, ALL, [Channel.WEBHOOK], self.courier.wake).look()

    async def deliveries(self) -> list[Delivery]:
        page = await self.store.news.notifications(limit=1000)
        return [delivery for row in page.items for delivery in row.deliveries]

    async def over(self) -> list[Delivery]:
        """Return how everything arrived, once it has."""
        async with asyncio.timeout(60):
            while any(d.state is DeliveryState.PENDING for d in await self.deliveries()):
                await asyncio.sleep(0.005)
        return await self.deliveries()


@pytest.fixture
def post(store: Store, bus: Recorder) -> Post:
    return Post(store, bus, Mailbox())


async def test_it_is_tried_until_it_arrives(post: Post, room: Newsroom) -> None:
    post.box.outcomes = [NOT_YET, NOT_YET]
    await room.ended("a run", RunState.SUCCESS)
    await post.tell()
    async with working(post.courier):
        (delivery,) = await post.over()
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 3)
    assert (delivery.next_at, delivery.error) == (None, "")
    assert len({telling.id for telling in post.box.got}) == 1
    assert post.pauses == [1, 2]
    assert not post.bus.notices()


async def test_what_was_to_go_through_a_channel_that_is_gone_is_withdrawn(
    post: Post, room: Newsroom, store: Store, bus: Recorder
) -> None:
    for number in range(3):
        await room.ended(f"run {number}", RunState.SUCCESS)
    await post.tell()
    one_shot = Courier(store, bus, {}, only_new=True)
    async with working(one_shot):
        one_shot.wake()
    assert {d.state for d in await post.deliveries()} == {DeliveryState.PENDING}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(courier_module, "_MOST_WITHDRAWN", 2)
        async with working(Courier(store, bus, {Channel.COMMAND: Mailbox()})):
            ended = await post.over()
    assert [(d.state, d.attempts) for d in ended] == [(DeliveryState.WITHDRAWN, 0)] * 3
    assert {d.error for d in ended} == {"The setting notify_webhook is gone."}
    page = await store.queries.audit(AuditFilter(action="notification.deliver"))
    assert page.total == 3
    assert not bus.notices()


async def test_what_is_final_is_not_tried_again(post: Post, room: Newsroom) -> None:
    post.box.outcomes = [NEVER]
    await room.ended("a run", RunState.SUCCESS)
    await post.tell()
    async with working(post.courier):
        (delivery,) = await post.over()
    assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, 1)
    assert delivery.error == "It answered 400."
    (notice,) = post.bus.notices()
    assert "webhook" in notice
    assert "It answered 400." in notice


async def test_it_is_given_up_after_a_bound(post: Post, room: Newsroom) -> None:
    post.box.outcomes = [NOT_YET] * 100
    await room.ended("a run", RunState.SUCCESS)
    await post.tell()
    async with working(post.courier):
        (delivery,) = await post.over()
    assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, MOST_ATTEMPTS)
    assert len(post.bus.notices()) == 1


async def test_a_storm_is_brought_out_two_at_a_time_and_complained_about_once(
    post: Post, room: Newsroom
) -> None:
    names = [f"run {number}" for number in range(40)]
    for name in names:
        await room.ended(name, RunState.FAILED)
    await post.tell()
    post.box.outcomes = [NEVER] * len(names)
    post.box.pairs = asyncio.Barrier(AT_ONCE)
    async with working(post.courier):
        deliveries = await post.over()
    assert {delivery.state for delivery in deliveries} == {DeliveryState.FAILED}
    assert sorted(telling.title for telling in post.box.got) == sorted(names)
    assert post.box.most_at_once == AT_ONCE
    assert len(post.bus.notices()) == 1


async def test_what_hangs_does_not_hold_up_the_next(post: Post, room: Newsroom) -> None:
    await room.ended("hangs", RunState.SUCCESS)
    await post.tell()
    post.box.held = held = asyncio.Event()
    async with working(post.courier):
        await _until(lambda: len(post.box.got) == 1)
        post.box.held = None
        await room.ended("goes", RunState.SUCCESS)
        await post.tell()
        await _until(lambda: len(post.box.got) == 2)
        states = {d.state for d in await post.deliveries()}
        held.set()
        await post.over()
    assert DeliveryState.PENDING in states
    assert [telling.title for telling in post.box.got] == ["hangs", "goes"]


async def test_a_question_that_was_answered_meanwhile_is_withdrawn(
    post: Post, room: Newsroom
) -> None:
    run = await room.run()
    question = await room.ask(run, await room.step(run))
    await post.tell()
    await room.answer(question)
    async with working(post.courier):
        (delivery,) = await post.over()
    assert (delivery.state, delivery.attempts) == (DeliveryState.WITHDRAWN, 0)
    assert not post.box.got


async def test_closing_leaves_what_hangs_to_the_next_host(
    post: Post, room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_module, "LAST_WAIT", 0.05)
    await room.ended("a run", RunState.SUCCESS)
    await post.tell()
    post.box.held = asyncio.Event()
    async with working(post.courier):
        await _until(lambda: len(post.box.got) == 1)
    (delivery,) = await post.deliveries()
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 0)
    later = Post(post.store, post.bus, Mailbox())
    async with working(later.courier):
        (delivery,) = await later.over()
    assert delivery.state is DeliveryState.DELIVERED
    assert [t.id for t in later.box.got] == [t.id for t in post.box.got]


async def test_closing_brings_out_what_came_last(post: Post, room: Newsroom) -> None:
    await room.ended("a run", RunState.SUCCESS)
    await post.tell()
    await post.courier.close()
    (delivery,) = await post.deliveries()
    assert delivery.state is DeliveryState.DELIVERED


async def test_a_channel_that_breaks_is_a_failure_with_a_sentence(
    store: Store, bus: Recorder, room: Newsroom
) -> None:
    async def broken(_telling: Telling) -> Outcome:
        raise ZeroDivisionError

    post = Post(store, bus, Mailbox())
    post.courier = Courier(store, bus, {Channel.WEBHOOK: broken})
    await room.ended("a run", RunState.SUCCESS)
    await post.tell()
    async with working(post.courier):
        (delivery,) = await post.over()
    assert (delivery.state, delivery.error) == (
        DeliveryState.FAILED,
        "It could not be sent. See the log.",
    )


async def test_the_other_side_says_how_long_to_wait(post: Post, room: Newsroom) -> None:
    post.box.outcomes = [Outcome("It answered 429.", wait=3600)]
    await room.ended("a run", RunState.SUCCESS)
    await post.tell()
    async with working(post.courier):
        async with asyncio.timeout(60):
            while not (await post.deliveries())[0].attempts:
                await asyncio.sleep(0.005)
    (delivery,) = await post.deliveries()
    (row,) = await room.told()
    assert delivery.state is DeliveryState.PENDING
    assert delivery.next_at is not None
    assert 3590 < (delivery.next_at - row.at).total_seconds() < 3700


async def test_a_host_that_does_not_stay_leaves_what_is_older(post: Post, room: Newsroom) -> None:
    await room.ended("older", RunState.SUCCESS)
    await post.tell()
    post.courier = Courier(post.store, post.bus, {Channel.WEBHOOK: post.box}, only_new=True)
    await room.ended("newer", RunState.SUCCESS)
    await post.tell()
    async with working(post.courier):
        await _until(lambda: bool(post.box.got))
    assert [telling.title for telling in post.box.got] == ["newer"]


async def test_each_attempt_is_in_the_audit_trail(post: Post, room: Newsroom) -> None:
    post.box.outcomes = [NOT_YET]
    await room.ended("a run", RunState.SUCCESS)
    await post.tell()
    async with working(post.courier):
        await post.over()
    wanted = AuditFilter(action="notification")
    rows = (await post.store.queries.audit(wanted)).items
    assert [(row.severity, row.description) for row in reversed(rows)] == [
        (Severity.WARNING, "not delivered by webhook, attempt 1: It answered 503."),
        (Severity.INFO, "delivered by webhook, attempt 2"),
    ]


def test_the_pauses_double_up_to_a_bound() -> None:
    pauses = [backoff(attempts) for attempts in range(1, MOST_ATTEMPTS + 1)]
    assert 2 <= pauses[0] <= 2.5
    assert all(pause <= 2250 for pause in pauses)
    least = [min(2.0**attempts, 1800.0) for attempts in range(1, MOST_ATTEMPTS + 1)]
    assert all(bound <= pause for bound, pause in zip(least, pauses, strict=True))
    assert 3000 < sum(least[:-1]) < 2 * 3600


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.005)
