"""The conversation of an agent as its library keeps it: items in the store.

Follows the session protocol of the Agents SDK without importing it.
"""

from __future__ import annotations

from typing import Any

from foredeck.services.store.store import Store


class StoreSession:
    """One attempt's items, oldest first; `session_id` is `STEP_ID:ATTEMPT`.

    An attempt that is tried again begins a session of its own, because the workspace
    may have changed since and a cut-off exchange must not be continued.
    """

    def __init__(self, store: Store, session_id: str) -> None:
        self._store = store
        self.session_id = session_id
        self.session_settings: Any = None

    async def get_items(self, limit: int | None = None) -> list[Any]:
        """Return all items, or the latest `limit`, oldest first."""
        async with self._store.transaction("agent") as tx:
            return list(await tx.sessions.items(self.session_id, limit))

    async def add_items(self, items: list[Any]) -> None:
        """Append items."""
        if items:
            async with self._store.transaction("agent") as tx:
                await tx.sessions.append(self.session_id, [dict(item) for item in items])

    async def pop_item(self) -> Any | None:
        """Remove and return the latest item; None when there is none."""
        async with self._store.transaction("agent") as tx:
            return await tx.sessions.pop(self.session_id)

    async def clear_session(self) -> None:
        """Remove every item."""
        async with self._store.transaction("agent") as tx:
            await tx.sessions.clear(self.session_id)
