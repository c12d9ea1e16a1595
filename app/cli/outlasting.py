"""What a command does that was the host while others began runs with it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from foredeck.app.cli.interrupts import Interrupts, LineDropped
from foredeck.app.cli.render import say
from foredeck.services.domain.states import RunState

if TYPE_CHECKING:
    from foredeck.app.assembly import Services

_POLL = 0.2


async def outlast(services: Services) -> None:
    """Stay until the runs and jobs that other processes began here rest, or until an interrupt.

    A run that waits for a person is left to the next host, with its question; and so are jobs
    at an interrupt. Raises
    `LineDropped` if the terminal goes away while some work: they are left, too.
    """
    if services.jobs.working:
        say("Jobs still work here: it waits for them. Ctrl-C leaves them to the next host.")
    elif await _works(services):
        say("Runs still work in this process: it waits for them. Ctrl-C stops them.")
    interrupts = Interrupts()
    await _until_idle(services, interrupts)
    # Whoever comes now is not served any more; what came in the last moment still is.
    await services.server.close()
    await _until_idle(services, interrupts)
    if not services.orchestrator.driven and not services.jobs.working:
        return
    services.departure.leaving = interrupts.hung_up or not interrupts.first.is_set()
    if interrupts.hung_up:
        raise LineDropped("The terminal is gone.", "See the runs: foredeck runs list")


async def _until_idle(services: Services, interrupts: Interrupts) -> None:
    stopping = interrupts.first
    while not stopping.is_set() and await _works(services):
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _POLL)


async def _works(services: Services) -> bool:
    """Whether a job works here, or a run does more than wait for a person."""
    if services.jobs.working:
        return True
    for run_id in services.orchestrator.driven_runs:
        run = (await services.store.queries.run(run_id)).run
        if run.state is not RunState.WAITING or not run.questions:
            return True
    return False
