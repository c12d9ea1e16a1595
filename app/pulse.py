"""Whether the host of another process still answers: one that is stopped says nothing at all."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from foredeck.services.domain.errors import ForedeckError, HostGone
from foredeck.services.host.queries import Ping

if TYPE_CHECKING:
    from foredeck.app.application import ForedeckApp
    from foredeck.app.connection import Connection
    from foredeck.services.host.interface import Host

# Between two questions, in seconds.
_EVERY = 2.0
# How long an answer may take: so many times so many seconds. A dashboard that was stopped itself
# comes back with one such wait over, and finds the answer before the next is.
_WAITS, _WAIT = 3, 1.0
_WHY = "It may be stopped or hang. What you ask of it waits until it answers; ctrl+q leaves."


async def feel_pulse(app: ForedeckApp, connection: Connection) -> None:
    """Ask the host again and again, and show while it does not answer; until it is gone.

    That it is gone is told elsewhere.
    """
    with suppress(HostGone):
        while True:
            await _beat(app, connection)
            await asyncio.sleep(_EVERY)


async def _beat(app: ForedeckApp, connection: Connection) -> None:
    answer = asyncio.ensure_future(_answer(connection.host))
    try:
        if not await _comes_soon(answer):
            app.workbench.show_silence(silent=True)
            app.notice(f"{connection.attached_to} does not answer. {_WHY}", "warning")
            await answer
            app.workbench.show_silence(silent=False)
        await answer
    finally:
        answer.cancel()


async def _answer(host: Host) -> None:
    """Return when the host has answered; raises `HostGone`. One that refuses answers, too."""
    try:
        await host.ask(Ping())
    except HostGone:
        raise
    except ForedeckError:
        return


async def _comes_soon(answer: asyncio.Future[None]) -> bool:
    for _ in range(_WAITS):
        done, _pending = await asyncio.wait({answer}, timeout=_WAIT)
        if done:
            return True
    return False
