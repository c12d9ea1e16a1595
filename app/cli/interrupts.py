"""Signals that end a command: the first one ends it in order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from foredeck.app.cli.render import say
from foredeck.app.hang_up import on_hang_up
from foredeck.services.domain.errors import ForedeckError

INTERRUPTED = 130

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE = 3


class Interrupts:
    """Counts ending signals on the running loop until that loop closes.

    The first sets `first`; what it stops takes seconds, so the second only says so, and
    the third leaves at once. `hung_up` is whether the first one said that the terminal is
    gone. A signal that was ignored when the program began (nohup, a background job of a
    script) stays ignored.
    """

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.hung_up = False
        self._count = 0
        loop = asyncio.get_running_loop()
        for number in _heard(_ENDING):
            if number is signal.SIGHUP:
                on_hang_up(self._hang_up)
            else:
                loop.add_signal_handler(number, self._one_more)

    def _hang_up(self) -> None:
        """End once; the kernel and a shell may both say it, which makes it no more urgent."""
        if not self.first.is_set():
            self.hung_up = True
            self._one_more()

    def _one_more(self) -> None:
        self._count += 1
        if self._count == 1:
            self.first.set()
        elif self._count < _PATIENCE:
            say("Still stopping what was started. Once more leaves it behind and ends at once.")
        else:
            os._exit(INTERRUPTED)


class LineDropped(ForedeckError):
    """The terminal is gone: what was begun from it goes on without this process."""

    exit_code = INTERRUPTED


def end_undisturbed() -> None:
    """Let SIGTERM and SIGHUP do nothing any more: this program is about to end as it is.

    The kernel and a shell may both say that the terminal is gone, and what is left to do then
    has to be done.
    """
    for number in _heard(_ENDING[1:]):
        signal.signal(number, _nothing)


@contextmanager
def ending_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, so that it can clean up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGINT)

    before = {number: signal.getsignal(number) for number in _heard(_ENDING[1:])}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    return


def _heard(numbers: tuple[signal.Signals, ...]) -> list[signal.Signals]:
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
