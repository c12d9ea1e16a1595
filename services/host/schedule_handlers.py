"""What answers the queries about schedules, and what pauses them all (SPEC T4)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from foredeck.services.domain import clock
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.schedules import FireRow, ScheduleBoard
from foredeck.services.domain.views import Page
from foredeck.services.host import task_requests as t
from foredeck.services.host.service import Handler
from foredeck.services.scheduling import cron, zones
from foredeck.services.store.store import Store

_MOST_SHOWN = 1000


class ScheduleQueries:
    """Reads only; `runs` says whether this host starts what is due."""

    def __init__(self, store: Store, *, runs: bool) -> None:
        self._queries = store.queries
        self._runs = runs
        self._zone = ""

    def table(self) -> dict[type, Handler]:
        """Return the handler of each query type."""
        return {
            t.PreviewSchedule: self.preview,
            t.ListFires: self.fires,
            t.GetScheduleBoard: self.board,
        }

    async def preview(self, query: t.PreviewSchedule) -> tuple[str, ...]:
        """Answer `PreviewSchedule`."""
        if not 1 <= query.count <= _MOST_SHOWN:
            raise InvalidInput(f"A preview has 1 to {_MOST_SHOWN} due times, not {query.count}.")
        zone = query.timezone or zones.machine_zone()
        # In a thread of its own: of what is seldom due, decades are looked through.
        if wrong := await asyncio.to_thread(cron.check, query.cron, zone):
            raise InvalidInput(" ".join(wrong))
        now, count = clock.now(), query.count
        moments = await asyncio.to_thread(cron.preview, query.cron, zone, now, count)
        return tuple(moment.isoformat() for moment in moments)

    async def fires(self, query: t.ListFires) -> Page[FireRow]:
        """Answer `ListFires`."""
        return await self._queries.fires(query.task, query.limit, query.offset, odd=query.odd)

    async def board(self, _query: t.GetScheduleBoard) -> ScheduleBoard:
        """Answer `GetScheduleBoard`."""
        if not self._zone:
            self._zone = await asyncio.to_thread(zones.machine_zone)
        board = await self._queries.schedule_board(clock.now())
        return replace(board, runs=self._runs, timezone=self._zone)


class ScheduleCommands:
    """Returns how the schedules stand once the change is durable."""

    def __init__(self, store: Store, queries: ScheduleQueries) -> None:
        self._store = store
        self._queries = queries

    def table(self) -> dict[type, Handler]:
        """Return the handler of each command type."""
        return {t.PauseSchedules: self.pause}

    async def pause(self, command: t.PauseSchedules) -> ScheduleBoard:
        """Carry out `PauseSchedules`; what is so already stays as it is."""
        async with self._store.transaction("user") as tx:
            if (await tx.scheduler.paused_at() is not None) != command.paused:
                await tx.scheduler.pause(clock.now() if command.paused else None)
        return await self._queries.board(t.GetScheduleBoard())
