"""What finished jobs of their own have printed is removed after some days (SPEC J7)."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

from foredeck.services.domain import clock
from foredeck.services.event_bus import EventBus
from foredeck.services.jobs.executor import Executor, Handle
from foredeck.services.jobs.upkeep import AT_ONCE, Pause, daily, warn
from foredeck.services.store.store import Store

_log = logging.getLogger(__name__)


class JobRetention:
    """Removes the output of jobs that ended more than `days` ago; what is stored of them stays.

    `pause` waits for so many seconds.
    """

    def __init__(
        self,
        store: Store,
        bus: EventBus,
        executor: Executor,
        days: int,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._store = store
        self._bus = bus
        self._executor = executor
        self._days = days
        self._pause = pause
        # Behind this one it goes on: what cannot be removed must not hold up the others.
        self._after = ""

    async def keep_up(self) -> None:
        """Remove what is old enough, now and once a day, until this is cancelled."""
        await daily(self.tidy, "jobs", self._bus, self._pause)

    async def tidy(self) -> bool:
        """Remove the output of at most `AT_ONCE` jobs; return whether more are left."""
        before = clock.now() - timedelta(days=self._days)
        async with self._store.transaction("retention") as tx:
            found = await tx.job_orders.with_output(before, AT_ONCE, self._after)
        self._after = found[-1][0] if len(found) == AT_ONCE else ""
        removed = [job for job, attempts in found if await self._is_removed(job, attempts)]
        if removed:
            async with self._store.transaction("retention") as tx:
                await tx.job_orders.output_removed(removed, before, self._days)
        if left := len(found) - len(removed):
            _log.warning("the output of %d old jobs cannot be removed", left)
            warn(
                self._bus,
                f"The output of {left} old jobs cannot be removed: look at the permissions of "
                f"{Path(self._executor.path(Handle('', 1))).parents[1]}.",
            )
        return bool(self._after)

    async def _is_removed(self, job_id: str, attempts: int) -> bool:
        """Remove what all attempts have left; whether nothing of it is there any more."""
        handles = [Handle(job_id, number) for number in range(1, attempts + 1)]
        for handle in handles:
            await self._executor.discard(handle)
        paths = [Path(self._executor.path(handle)) for handle in handles]
        return not await asyncio.to_thread(lambda: any(path.exists() for path in paths))
