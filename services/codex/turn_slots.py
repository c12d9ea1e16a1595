"""Who may run a codex turn now: so many at once, also in a workspace, and one writer there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary


class TurnSlots:
    """At most `limit` turns at once; whoever waits is served in the order of coming."""

    def __init__(self, limit: int) -> None:
        self._slots = asyncio.Semaphore(max(1, limit))
        self._workspaces: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # By the limit too: when a project changes its own, turns under way keep the old one.
        self._shares: WeakValueDictionary[tuple[str, int], asyncio.Semaphore] = (
            WeakValueDictionary()
        )
        self.running = 0
        self.queued = 0

    def obstacle(self, workspace: str, *, writes: bool, share: int | None = None) -> str:
        """Say what a turn would have to wait for now; empty if for nothing."""
        writer = self._workspaces.get(workspace)
        if writes and writer is not None and writer.locked():
            return "another codex turn writes in this workspace"
        taken = self._shares.get((workspace, share)) if share is not None else None
        if taken is not None and taken.locked():
            return f"as many codex turns run in this project as its concurrency ({share}) allows"
        if self._slots.locked():
            return f"{self.running} codex turns run already, as many as turn_limit allows"
        return ""

    @asynccontextmanager
    async def turn(
        self, workspace: str, *, writes: bool, share: int | None = None
    ) -> AsyncIterator[None]:
        """Wait for a slot and hold it; a writer also waits for its workspace.

        `share` is how many slots the workspace may hold, None for as many as there are.
        """
        async with AsyncExitStack() as held:
            self.queued += 1
            try:
                if writes:  # first, so that nobody holds a slot while waiting for this
                    await held.enter_async_context(self._workspace(workspace))
                if share is not None:
                    await held.enter_async_context(self._share(workspace, share))
                await held.enter_async_context(self._slots)
            finally:
                self.queued -= 1
            self.running += 1
            held.callback(self._leave)
            yield

    def _leave(self) -> None:
        self.running -= 1

    def _workspace(self, path: str) -> asyncio.Lock:
        lock = self._workspaces.get(path)
        if lock is None:
            self._workspaces[path] = lock = asyncio.Lock()
        return lock

    def _share(self, path: str, size: int) -> asyncio.Semaphore:
        share = self._shares.get((path, size))
        if share is None:
            self._shares[path, size] = share = asyncio.Semaphore(max(1, size))
        return share
