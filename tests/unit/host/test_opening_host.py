"""What few hosts need is made when it is wanted for the first time, and once."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass

import pytest

from foredeck.services.event_bus import EventBus
from foredeck.services.host.interface import Query
from foredeck.services.host.service import Handler, OpeningHost


@dataclass(frozen=True)
class Seldom(Query[str]):
    """Is wanted of few hosts."""


class Kitchen:
    """Makes the handlers of this module."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def make(self) -> dict[type, Handler]:
        self.threads.append(threading.current_thread())
        return {Seldom: self.answer}

    async def answer(self, _query: Seldom) -> str:
        return "here"


@pytest.fixture
def kitchen() -> Kitchen:
    return Kitchen()


@pytest.fixture
async def host(kitchen: Kitchen) -> OpeningHost:
    host = OpeningHost(EventBus(), {})
    host.complete({}, {__name__: kitchen.make})
    return host


async def test_it_is_made_once_and_off_the_loop(host: OpeningHost, kitchen: Kitchen) -> None:
    assert kitchen.threads == []
    assert await asyncio.gather(*(host.ask(Seldom()) for _ in range(5))) == ["here"] * 5
    assert len(kitchen.threads) == 1
    assert kitchen.threads[0] is not threading.current_thread()


async def test_a_client_of_another_process_finds_it_by_its_name(host: OpeningHost) -> None:
    assert await host.kind_of("Seldom") is Seldom
    assert await host.ask(Seldom()) == "here"


async def test_what_no_module_has_is_not_known(host: OpeningHost) -> None:
    assert await host.kind_of("Never") is None


async def test_what_could_not_be_made_is_tried_again(kitchen: Kitchen) -> None:
    tries: list[int] = []

    def make() -> dict[type, Handler]:
        tries.append(1)
        if len(tries) == 1:
            raise MemoryError
        return kitchen.make()

    host = OpeningHost(EventBus(), {})
    host.complete({}, {__name__: make})
    with pytest.raises(MemoryError):
        await host.ask(Seldom())
    assert await host.ask(Seldom()) == "here"
