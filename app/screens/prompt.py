"""Screens that answer keys at once."""

from __future__ import annotations

import time
from typing import TypeVar

from textual import events
from textual.screen import Screen

T = TypeVar("T")

# How long after a key what changes may be its doing, in seconds: less than a frame.
_SOON = 0.04


class PromptScreen(Screen[T]):
    """Paints what a key has changed without waiting for the next frame.

    Frames are few, for the sake of slow lines, and while much changes there is always one under
    way: a key would wait for half of it in the middle.
    """

    _keyed = float("-inf")

    def expect_change(self) -> None:
        """Paint at once what changes now: somebody has pressed a key."""
        self._keyed = time.monotonic()

    async def _on_idle(self, event: events.Idle) -> None:
        # The handler of the base class, which waits for the frame, is called after this one.
        if time.monotonic() - self._keyed < _SOON and self.is_current and self._is_to_be_painted:
            event.prevent_default()
            self._on_timer_update()

    @property
    def _is_to_be_painted(self) -> bool:
        layout = self._layout_required or self._scroll_required or self._repaint_required
        return layout or bool(self._dirty_widgets)
