"""The services on a loop of their own: hand-over, order, errors, closing."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from foredeck.services.domain.errors import Conflict, HostBusy, HostGone
from foredeck.services.domain.events import Event, NoticeRaised, Resync
from foredeck.services.event_bus import EventBus
from foredeck.services.host.in_process import OpenHost, ServiceThread
from foredeck.services.host.interface import Command, Host, Query
from foredeck.services.host.service import Handler, HostService, OpeningHost


@dataclass(frozen=True)
class WhichThread(Query[str]):
    """Asks on which thread it is answered."""


@dataclass(frozen=True)
class Shout(Command[int]):
    """Publishes notices and returns how many."""

    count: int = 1


@dataclass(frozen=True)
class Break(Command[None]):
    """Raises a domain error."""


def opener(closed: list[str]) -> OpenHost:
    @asynccontextmanager
    async def open_host(_answers: Callable[[Host], Awaitable[None]]) -> AsyncIterator[Host]:
        bus = EventBus()

        async def which(_query: WhichThread) -> str:
            return threading.current_thread().name

        async def shout(command: Shout) -> int:
            for number in range(command.count):
                bus.publish(NoticeRaised(severity="information", message=str(number)))
            return command.count

        async def break_(_command: Break) -> None:
            raise Conflict("No.", "Ask differently.")

        yield HostService(bus, {WhichThread: which, Shout: shout, Break: break_})
        closed.append(threading.current_thread().name)

    return open_host


@asynccontextmanager
async def running() -> AsyncIterator[Host]:
    closed: list[str] = []
    thread = ServiceThread(opener(closed))
    try:
        yield await thread.start()
    finally:
        await thread.close()
    assert closed == ["services"]


async def test_the_services_answer_on_their_own_thread() -> None:
    async with running() as host:
        assert await host.ask(WhichThread()) == "services"


async def test_who_asks_after_the_end_is_told_that_the_host_is_gone() -> None:
    async with running() as host:
        pass
    with pytest.raises(HostGone, match="not there any more"):
        await host.ask(WhichThread())
    with pytest.raises(HostGone):
        await host.do(Shout())


async def test_a_domain_error_crosses_the_boundary_as_it_is() -> None:
    async with running() as host:
        with pytest.raises(Conflict, match="Ask differently"):
            await host.do(Break())


async def test_events_arrive_in_order_and_none_before_the_next_answer_is_missed() -> None:
    async with running() as host:
        events = host.events()
        await host.do(Shout(100))
        seen = [await asyncio.wait_for(anext(events), 10) for _ in range(100)]
        assert [event.seq for event in seen] == list(range(1, 101))


async def test_a_reader_that_never_reads_gets_one_resync_and_goes_on() -> None:
    async with running() as host:
        events = host.events()
        await host.do(Shout(5000))
        first: Event = await asyncio.wait_for(anext(events), 10)
        seen = [first]
        while seen[-1].seq < 5000:
            seen.append(await asyncio.wait_for(anext(events), 10))
        assert any(isinstance(event, Resync) for event in seen)


async def test_the_services_go_on_while_the_screens_loop_is_blocked() -> None:
    async with running() as host:
        answered = threading.Event()
        future = asyncio.ensure_future(host.ask(WhichThread()))
        future.add_done_callback(lambda _done: answered.set())
        await asyncio.sleep(0)
        # This loop is stuck here; the services' thread is not.
        other = threading.Thread(target=lambda: asyncio.run(_ask_elsewhere(host)))
        other.start()
        other.join(10)
        assert not other.is_alive()
        assert await future == "services"


async def _ask_elsewhere(host: Host) -> None:
    assert await host.ask(WhichThread()) == "services"


async def test_what_opening_raises_reaches_the_caller_and_the_thread_ends() -> None:
    def open_host(_answers: Callable[[Host], Awaitable[None]]) -> AbstractAsyncContextManager[Host]:
        raise HostBusy("Someone else works here.", "Close that one.")

    thread = ServiceThread(open_host)
    with pytest.raises(HostBusy, match="Someone else"):
        await thread.start()
    await thread.close()


class Opening:
    """Opens in two steps, the second one when it is told to, perhaps in vain."""

    def __init__(self, error: Exception | None = None) -> None:
        self.gate, self.goes_on = threading.Event(), threading.Event()
        self.error = error

    @asynccontextmanager
    async def open(self, answers: Callable[[Host], Awaitable[None]]) -> AsyncIterator[Host]:
        async def which(_query: WhichThread) -> str:
            return "early"

        async def shout(command: Shout) -> int:
            return command.count

        rest: dict[type, Handler] = {Shout: shout}
        host = OpeningHost(EventBus(), {WhichThread: which})
        await answers(host)
        self.goes_on.set()
        try:
            await asyncio.to_thread(self.gate.wait)
            if self.error:
                raise self.error
            host.complete(rest)
            yield host
        finally:
            host.give_up()


async def test_what_is_stored_can_be_read_before_all_is_open_and_commands_wait_for_that() -> None:
    opening = Opening()
    thread = ServiceThread(opening.open)
    host = await thread.start()
    doing = asyncio.ensure_future(host.do(Shout(3)))
    assert await host.ask(WhichThread()) == "early"
    assert not doing.done()
    assert not opening.goes_on.is_set()
    thread.go_on()
    opening.gate.set()
    assert await doing == 3
    await thread.opened()
    await thread.close()


async def test_who_waits_for_a_host_that_fails_half_way_hears_that_it_was_not_begun() -> None:
    opening = Opening(Conflict("The disk is full."))
    thread = ServiceThread(opening.open)
    host = await thread.start()
    doing = asyncio.ensure_future(host.do(Shout()))
    assert await host.ask(WhichThread()) == "early"
    opening.gate.set()
    with pytest.raises(HostGone):
        await doing
    with pytest.raises(Conflict, match="disk is full"):
        await thread.opened()
    await thread.close()


async def test_closing_before_the_services_are_up_ends_all_the_same() -> None:
    closed: list[str] = []
    thread = LateThread(opener(closed))
    starting = asyncio.create_task(thread.start())
    await asyncio.sleep(0)
    starting.cancel()
    thread.ask_to_close()
    thread.gate.set()
    assert await asyncio.to_thread(thread.ends_within, 5)
    assert closed == ["services"]


class LateThread(ServiceThread):
    """Its loop begins when the gate opens."""

    def __init__(self, open_host: OpenHost) -> None:
        super().__init__(open_host)
        self.gate = threading.Event()
        self._thread = threading.Thread(target=self._run, name="services", daemon=True)

    def ends_within(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self.gate.wait()
        super()._run()
