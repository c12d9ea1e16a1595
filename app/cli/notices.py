"""What the host has to tell a person, on stderr."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from foredeck.app.cli.render import say
from foredeck.services.domain.events import NoticeRaised
from foredeck.services.host.interface import Host

T = TypeVar("T")

# Several may listen in one command; each notice is said once. By the events' numbers.
_said: set[int] = set()


def say_notice(notice: NoticeRaised) -> None:
    """Say it, unless it was said."""
    if notice.seq not in _said:
        _said.add(notice.seq)
        say(f"{notice.severity}: {notice.message}")


async def telling(host: Host, work: Callable[[Host], Awaitable[T]]) -> T:
    """Do `work` and meanwhile say what the host tells, such as a locked database."""
    saying = asyncio.create_task(_say_all(host))
    await asyncio.sleep(0)  # it listens before anything can happen
    try:
        return await work(host)
    finally:
        saying.cancel()


async def _say_all(host: Host) -> None:
    async for event in host.events():
        if isinstance(event, NoticeRaised):
            say_notice(event)
