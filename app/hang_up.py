"""A terminal that goes away is heard at any moment: the kernel and a shell may both say it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType


def on_hang_up(heard: Callable[[], None]) -> None:
    """Call `heard` on the running loop at each SIGHUP; call this on the main thread.

    asyncio's own handlers give the signal back to the system when they are removed and when
    the loop closes: a second one in that moment would kill what is just ending in order. Once
    one was heard, those that come after the loop has closed do nothing.
    """
    loop, told = asyncio.get_running_loop(), False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal told
        if not loop.is_closed():
            told = True
            loop.call_soon_threadsafe(heard)
        elif not told:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    signal.signal(signal.SIGHUP, handle)
