"""Keys that come in a burst, one after another, as a slow line brings them.

Textual gives a key that writes a letter to the field at once, and one that does something
(tab, enter, backspace) on a longer way, up through all that is around the field: of letters,
a tab and letters again in one packet, all letters would go into the first field.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual.app import App
from textual.dom import DOMNode

# A key whose end is not seen (what had the focus went away meanwhile) keeps the next ones waiting
# no longer than that, in seconds.
_PATIENCE = 1.0
# Up to the application once for the key itself, and once more for what it has set off.
_ROUNDS = 2


class KeyOrder:
    """Hands on each key, or pasted text, once the one before has had its effect.

    `hand_on` gives it to what has the focus.
    """

    def __init__(self, app: App[Any], hand_on: Callable[[events.Event], Awaitable[None]]) -> None:
        self._app = app
        self._hand_on = hand_on
        self._waiting: deque[events.Event] = deque()
        self._number = 0
        self._at_work = False

    async def take(self, event: events.Event) -> None:
        """Hand on what the person has typed, now or when its turn comes."""
        self._waiting.append(event)
        if not self._at_work:
            await self._next()

    async def _next(self) -> None:
        """Hand on the next one, and see when it has had its effect."""
        if self._at_work or not self._waiting:
            return
        self._at_work = True
        self._number += 1
        number = self._number
        asyncio.get_running_loop().call_later(_PATIENCE, self._app.call_later, self._done, number)
        path = (self._app.focused or self._app.screen).ancestors_with_self
        await self._hand_on(self._waiting.popleft())
        await self._walk(path * _ROUNDS, number)

    async def _walk(self, path: list[DOMNode], number: int) -> None:
        """Go through the queues of these, behind what was handed on."""
        while path:
            node, *path = path
            if node.call_later(self._walk, path, number):
                return
        await self._done(number)

    async def _done(self, number: int) -> None:
        if self._at_work and number == self._number:
            self._at_work = False
            await self._next()
