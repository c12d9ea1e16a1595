"""What finished jobs of their own have printed is removed after some days (SPEC J7)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from foredeck.services.domain import clock
from foredeck.services.domain.events import NoticeRaised
from foredeck.services.event_bus import EventBus
from foredeck.services.jobs.executor import Executor, Handle
from foredeck.services.store.store import Store

_log = logging.getLogger(__name__)

# So many jobs are tidied up at most before something else has its turn.
AT_ONCE = 100
# How long until the next of them, and until it is looked again, in seconds.
_NEXT, _DAY = 1.0, 86_400.0

Pause = Callable[[float], Awaitable[None]]


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
        while True:
            more = False
            try:
                more = await self.tidy()
            except Exception as error:  # never without a word, and never for the last time
                _log.exception("the output of old jobs could not be removed")
                self._tell(f"The output of old jobs could not be removed: {error}")
            await self._pause(_NEXT if more else _DAY)

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
            self._tell(
                f"The output of {left} old jobs cannot be removed: look at the permissions of "
                f"{Path(self._executor.path(Handle('', 1))).parents[1]}."
            )
        return bool(self._after)

    async def _is_removed(self, job_id: str, attempts: int) -> bool:
        """Remove what all attempts have left; whether nothing of it is there any more."""
        handles = [Handle(job_id, number) for number in range(1, attempts + 1)]
        for handle in handles:
            await self._executor.discard(handle)
        paths = [Path(self._executor.path(handle)) for handle in handles]
        return not await asyncio.to_thread(lambda: any(path.exists() for path in paths))

    def _tell(self, message: str) -> None:
        self._bus.publish(NoticeRaised(severity="warning", message=f"{message} See the log."))
