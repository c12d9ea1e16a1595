"""One run at a time works in a workspace (SPEC P2)."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary


class WorkspaceTurn:
    """The right to work in one workspace; whoever waits for it is served in order of coming."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._holder = ""

    @property
    def holder(self) -> str:
        """The title of the run that works there now, empty if none does."""
        return self._holder

    async def take(self, title: str, given_up: asyncio.Event) -> bool:
        """Wait for the turn; False, without it, if `given_up` is set first."""
        taking = asyncio.create_task(self._lock.acquire())
        giving_up = asyncio.create_task(given_up.wait())
        try:
            await asyncio.wait({taking, giving_up}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._let_go(taking)
            raise
        finally:
            giving_up.cancel()
        if given_up.is_set():
            self._let_go(taking)
            return False
        self._holder = title
        return True

    def give_back(self) -> None:
        """Let the next one in."""
        self._holder = ""
        self._lock.release()

    def _let_go(self, taking: asyncio.Task[bool]) -> None:
        """Leave the queue; what was taken at the same moment is given back."""
        if taking.done():
            self._lock.release()
        else:
            taking.add_done_callback(self._release_if_taken)
            taking.cancel()

    def _release_if_taken(self, taking: asyncio.Task[bool]) -> None:
        if not taking.cancelled():
            self._lock.release()


class WorkspaceTurns:
    """The turns of all workspaces, by path."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[str, WorkspaceTurn] = WeakValueDictionary()

    def of(self, workspace: str) -> WorkspaceTurn:
        """Return the turn of that workspace, the same for all who hold or want it."""
        turn = self._turns.get(workspace)
        if turn is None:
            self._turns[workspace] = turn = WorkspaceTurn()
        return turn
