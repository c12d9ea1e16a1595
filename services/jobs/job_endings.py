"""Stores how jobs have ended: together with those that end at the same time, and never in part."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from foredeck.services.jobs.job_moves import Owned
from foredeck.services.jobs.job_records import End, JobRecords
from foredeck.services.store.store import Store


@dataclass(frozen=True)
class _Ending:
    """How a job has ended; `stored` is done once that is durable."""

    end: End
    stored: asyncio.Future[None]


class JobEndings:
    """Gathers what has ended until the next turn of the queue."""

    def __init__(self, store: Store, records: JobRecords) -> None:
        self._store = store
        self._records = records
        self._waiting: list[_Ending] = []

    def add(self, end: End) -> asyncio.Future[None]:
        """Have an end stored with the next turn; what is returned is done when it is."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Ending(end, stored))
        return stored

    async def turn(self, chosen: frozenset[str] | None) -> tuple[Owned, ...]:
        """Store what has ended, and return the jobs that have begun: only of the `chosen`.

        None of them is begun if that raises; then each end was tried alone.
        """
        endings, self._waiting = self._waiting, []
        ends = [ending.end for ending in endings]
        try:
            begun = await self._store.durably(lambda: self._records.turn(ends, chosen))
        except Exception:
            await self._each_alone(endings)
            raise
        for ending in endings:
            ending.stored.set_result(None)
        return begun

    async def _each_alone(self, endings: Sequence[_Ending]) -> None:
        """Store what can be stored of what could not be together."""
        for ending in endings:
            try:
                turn = partial(self._records.turn, [ending.end], frozenset())
                await self._store.durably(turn)
            except Exception as error:
                ending.stored.set_exception(error)
            else:
                ending.stored.set_result(None)
