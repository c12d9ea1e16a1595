"""The time that stages may take: it stands still while a person is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass


@dataclass(eq=False)
class _Running:
    """A limit in force; `left` are its seconds while it stands, None while it runs."""

    limit: asyncio.Timeout
    asking: int = 0
    left: float | None = None


class StageClock:
    """The limits of the steps at work; lives on the services' loop."""

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}

    @asynccontextmanager
    async def limit(self, step_id: str, seconds: float) -> AsyncIterator[asyncio.Timeout]:
        """Raise `TimeoutError` in the block after so many seconds of the step's own time."""
        async with asyncio.timeout(seconds) as limit:
            self._running[step_id] = _Running(limit)
            try:
                yield limit
            finally:
                del self._running[step_id]

    @contextmanager
    def stopped(self, step_id: str | None) -> Iterator[None]:
        """Let the step's time stand still in the block; nothing happens without a limit."""
        running = self._running.get(step_id) if step_id else None
        if running is not None:
            _stop(running)
        try:
            yield
        finally:
            if running is not None:
                _go_on(running)


def _stop(running: _Running) -> None:
    running.asking += 1
    when = running.limit.when()
    if running.asking == 1 and when is not None:
        running.left = when - asyncio.get_running_loop().time()
        running.limit.reschedule(None)


def _go_on(running: _Running) -> None:
    running.asking -= 1
    if running.asking or running.left is None:
        return
    seconds, running.left = running.left, None
    if not running.limit.expired():
        try:
            running.limit.reschedule(asyncio.get_running_loop().time() + seconds)
        except RuntimeError:
            return  # the stage ended while it was asked
