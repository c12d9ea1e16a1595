"""Reads one thing at a time: a burst of changes becomes one more read, never a pile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from textual.dom import DOMNode
from textual.screen import Screen

from foredeck.app.screens.shell import shell_of
from foredeck.services.domain.errors import ForedeckError, HostGone


class Refresher:
    """Runs `read` when asked; asks that come while it runs become one further run.

    `running` says that a read is under way. What `read` raises goes to `failed`; the next
    request tries again.
    """

    def __init__(
        self,
        owner: DOMNode,
        read: Callable[[], Awaitable[None]],
        failed: Callable[[Exception], None],
    ) -> None:
        self._owner = owner
        self._read = read
        self._failed = failed
        self._wanted = False
        self.running = False

    def request(self) -> None:
        """Ask for a read; returns at once."""
        self._wanted = True
        if not self.running:
            self.running = True
            self._owner.run_worker(self._run(), exit_on_error=False)

    async def _run(self) -> None:
        try:
            while self._wanted:
                self._wanted = False
                try:
                    await self._read()
                except Exception as error:
                    self._failed(error)
        finally:
            self.running = False


def failure_in(
    screen: Screen[Any], fail: Callable[[Exception], None], has_read: Callable[[], bool]
) -> Callable[[Exception], None]:
    """Return what lets a pane `fail` with what a read has raised.

    When the host is gone, what was read before (`has_read`) stays: the application says what has
    happened. The unexpected is told as such, too.
    """

    def failed(error: Exception) -> None:
        gone = isinstance(error, HostGone) or shell_of(screen).host is None
        if (gone and has_read()) or not screen.is_attached:
            return
        fail(error)
        if not isinstance(error, ForedeckError):
            shell_of(screen).show_error(error)

    return failed


class Rest:
    """The time between two reads of what changes without end, so that others get a turn.

    A read is followed by `factor` times as long as it took, but not by more than `longest`
    seconds. What a person waits for is not kept waiting by that: `hurry` ends the rest.
    """

    def __init__(self, factor: float, longest: float) -> None:
        self._factor, self._longest = factor, longest
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """End the rest that goes on, or is to come."""
        self._hurry.set()

    @asynccontextmanager
    async def after(self) -> AsyncIterator[None]:
        """Rest after what is done in this context, unless somebody is in a hurry by then."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._hurry.clear()
        yield
        with suppress(TimeoutError):
            rest = min(self._longest, self._factor * (loop.time() - began))
            await asyncio.wait_for(self._hurry.wait(), rest)
