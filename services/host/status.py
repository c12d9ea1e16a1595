"""The figures of the status bar."""

from __future__ import annotations

import asyncio
from typing import Protocol

from foredeck.services.agents.runner import resolve_mode
from foredeck.services.codex.binary import locate
from foredeck.services.domain.errors import CodexError
from foredeck.services.domain.views import HostStatus
from foredeck.services.event_bus import EventBus
from foredeck.services.pricing import cost
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store


class TurnCounters(Protocol):
    """What of the codex supervisor is counted."""

    @property
    def running_turns(self) -> int: ...
    @property
    def queued_turns(self) -> int: ...


class StatusReporter:
    """Puts the status together; `turns` is None where nothing runs in this process."""

    def __init__(
        self, settings: Settings, store: Store, bus: EventBus, turns: TurnCounters | None
    ) -> None:
        self._settings = settings
        self._store = store
        self._bus = bus
        self._turns = turns

    async def report(self) -> HostStatus:
        """Return the figures as they are now."""
        seq = self._bus.seq
        counts = await self._store.queries.counts()
        return HostStatus(
            active_runs=counts.active,
            waiting_runs=counts.waiting,
            queued_turns=self._turns.queued_turns if self._turns else 0,
            running_turns=self._turns.running_turns if self._turns else 0,
            turn_limit=self._settings.turn_limit,
            mode=resolve_mode(self._settings)[0],
            codex=await asyncio.to_thread(self._codex_version),
            tokens=await self._store.queries.tokens_total(),
            cost=cost(await self._store.queries.usage_by_model_total(), self._settings.prices),
            rehearsal=self._settings.rehearsal,
            seq=seq,
        )

    def _codex_version(self) -> str:
        """Return the version in use; asking for it starts the program the first time only."""
        try:
            return locate(self._settings).version
        except CodexError:
            return "missing"
