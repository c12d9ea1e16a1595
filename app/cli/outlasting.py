"""What a command does that was the host while others began runs with it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from foredeck.app.cli.interrupts import Interrupts
from foredeck.app.cli.render import say

if TYPE_CHECKING:
    from foredeck.app.container import Services

_POLL = 0.2


async def outlast(services: Services) -> None:
    """Stay until the runs that other processes began here rest, or until an interrupt."""
    if services.orchestrator.driven:
        say("Other runs were started here meanwhile; this waits for them. Ctrl-C stops them.")
    interrupts = Interrupts()
    await _until_idle(services, interrupts)
    # Whoever comes now is not served any more; what came in the last moment still is.
    await services.server.close()
    await _until_idle(services, interrupts)


async def _until_idle(services: Services, interrupts: Interrupts) -> None:
    stopping = interrupts.first
    while services.orchestrator.driven and not stopping.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _POLL)
