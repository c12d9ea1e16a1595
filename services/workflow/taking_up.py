"""What is read of a run before it is driven, in the order in which runs are taken up."""

from __future__ import annotations

import logging
from dataclasses import replace

from foredeck.services.domain import clock
from foredeck.services.domain.errors import StoreError
from foredeck.services.domain.records import Run
from foredeck.services.store.store import Transaction
from foredeck.services.workflow import definition
from foredeck.services.workflow.outcomes import RunContext

_log = logging.getLogger(__name__)


async def in_turn(tx: Transaction, runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """Return runs as they come first in their workspace: what works there, then the oldest.

    What a host has left at work writes already; another run must not get in front of it.
    """
    working = {job.run_id for job in await tx.jobs.active()}
    return tuple(sorted(runs, key=lambda r: (r.id not in working, r.created_at, r.id)))


async def context_of(tx: Transaction, run: Run) -> RunContext:
    """Return what the run's driver has to know; read before anything is promised."""
    project = await tx.projects.get(run.project_id)
    return RunContext(project, run, definition.from_json(run.definition))


async def read_left(tx: Transaction, run: Run, *, hold: bool) -> RunContext | Exception:
    """Return what the driver of a run has to know, or why it cannot be read.

    One run that cannot be read must not keep the house from opening.
    """
    try:
        if hold and run.paused_at is None:
            run = replace(run, paused_at=clock.now())
            await tx.runs.save(run)
        return await context_of(tx, run)
    except StoreError:
        raise
    except Exception as error:
        _log.exception("run %s could not be taken up again", run.id)
        return error
