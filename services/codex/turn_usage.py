"""The tokens of a turn, stored while it works."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from foredeck.services.codex.orders import TurnReport
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.records import TokenUsage
from foredeck.services.store.store import Store

_log = logging.getLogger(__name__)

# Often enough to see it grow; each time costs a durable commit.
SAVE_SECONDS = 2.0


@asynccontextmanager
async def storing_usage(store: Store, job_id: str, report: TurnReport) -> AsyncIterator[None]:
    """Store what a job has used every `SAVE_SECONDS` while the block runs.

    The end of the job stores the final figure, so an error here is only logged.
    """
    saver = asyncio.create_task(_save_now_and_then(store, job_id, report), name="store usage")
    try:
        yield
    finally:
        saver.cancel()
        await asyncio.wait({saver})


async def _save_now_and_then(store: Store, job_id: str, report: TurnReport) -> None:
    saved = TokenUsage()
    while True:
        await asyncio.sleep(SAVE_SECONDS)
        usage = report.usage
        if usage != saved:
            try:
                await _save(store, job_id, report)
            except ForedeckError as error:
                _log.warning("the tokens of job %s could not be stored yet: %s", job_id, error)
            else:
                saved = usage


async def _save(store: Store, job_id: str, report: TurnReport) -> None:
    async with store.transaction() as tx:
        job = await tx.jobs.get(job_id)
        await tx.jobs.save(replace(job, usage=report.usage, model=report.model))
