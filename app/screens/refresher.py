"""Reads one thing at a time: a burst of changes becomes one more read, never a pile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.dom import DOMNode


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
