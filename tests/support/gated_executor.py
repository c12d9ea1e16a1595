"""The real executor, held up where a test wants it to be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from foredeck.services.domain.states import FINAL_JOBS
from foredeck.services.jobs.executor import Command, Found, Handle
from foredeck.services.jobs.local_executor import LocalExecutor

BEFORE_START, AFTER_START = "before its start", "after its start"
AFTER_END, BEFORE_CANCEL = "after its end was seen", "before it is cancelled"


@dataclass
class Gate:
    """The first who comes waits here until it is open; who comes later passes."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_(self) -> None:
        if not self.reached.is_set():
            self.reached.set()
            await self.open.wait()


class GatedExecutor(LocalExecutor):
    """Runs commands as any other; a place where a gate is set is passed through it."""

    def __init__(self, root: Path, grace: float) -> None:
        super().__init__(root, grace)
        self._gates: dict[str, Gate] = {}

    @asynccontextmanager
    async def held(self, place: str) -> AsyncIterator[Gate]:
        """Set a gate at that place; it is open at the latest when the test is done with it."""
        gate = self._gates[place] = Gate()
        try:
            yield gate
        finally:
            gate.open.set()
            del self._gates[place]

    async def submit(self, handle: Handle, command: Command) -> None:
        await self._pass(BEFORE_START)
        await super().submit(handle, command)
        await self._pass(AFTER_START)

    async def probe(self, handle: Handle) -> Found:
        found = await super().probe(handle)
        if found.state in FINAL_JOBS:
            await self._pass(AFTER_END)
        return found

    async def cancel(self, handle: Handle) -> None:
        await self._pass(BEFORE_CANCEL)
        await super().cancel(handle)

    async def _pass(self, place: str) -> None:
        if place in self._gates:
            await self._gates[place].pass_()
