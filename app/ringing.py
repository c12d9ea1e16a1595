"""Rings the terminal: its bell, and a notice on the desktop (OSC 9), also through tmux."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from foredeck.services.domain.events import NotificationSaved
from foredeck.services.domain.notices import Cause
from foredeck.services.domain.safe_text import safe_line

# Seconds between two rings: what comes in between is one.
INTERVAL = 1.0
BELL = "\a"
# Of the text of a notice, in characters; desktops show no more, and tmux passes no more than
# a few hundred.
_LENGTH = 200
_SEVERAL = {
    Cause.FAILURE: ("run failed", "runs failed"),
    Cause.WAITING: ("run waits for you", "runs wait for you"),
    Cause.FINISH: ("run finished", "runs finished"),
}


@dataclass(frozen=True, slots=True)
class Rings:
    """Which of the two a dashboard does (the settings `notify_bell` and `notify_desktop`)."""

    bell: bool = False
    desktop: bool = False


class Ringer:
    """Rings at most once an `interval`; lives on the app's loop.

    `put` writes to the terminal and returns False while that takes nothing: then what is to
    be told is told together when it does again.
    """

    def __init__(
        self,
        put: Callable[[str], bool],
        rings: Rings,
        environ: Mapping[str, str] = os.environ,
        interval: float = INTERVAL,
    ) -> None:
        self._put = put
        self._rings = rings
        self._environ = environ
        self._interval = interval
        self._counts: Counter[Cause] = Counter()
        self._latest: NotificationSaved | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last = float("-inf")

    def take(self, event: NotificationSaved) -> None:
        """Ring for this, at once or together with what comes within the interval."""
        if self._rings.bell or self._rings.desktop:
            self._counts[event.cause] += 1
            self._latest = event
            self._schedule()

    def close(self) -> None:
        """Ring no more for what came so far."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._counts.clear()

    def _schedule(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            wait = max(0.0, self._last + self._interval - loop.time())
            self._timer = loop.call_later(wait, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._last = asyncio.get_running_loop().time()
        if self._put(sequence(self._words(), self._rings, self._environ)):
            self._counts.clear()
        else:
            self._schedule()

    def _words(self) -> str:
        if self._latest is not None and self._counts.total() == 1:
            return f"{self._latest.title} – {self._latest.text}"
        return ", ".join(
            f"{count} {words[count > 1]}"
            for cause, words in _SEVERAL.items()
            if (count := self._counts[cause])
        )


def sequence(words: str, rings: Rings, environ: Mapping[str, str]) -> str:
    """Return what rings a terminal and shows the words, which may be untrusted.

    The bell stands outside of what tmux may not let through (`allow-passthrough`).
    """
    bell = BELL if rings.bell else ""
    # The Linux console would show the words where its cursor is.
    if not rings.desktop or environ.get("TERM", "") == "linux":
        return bell
    # It begins with our name, so that no words can be one of the numbers that ConEmu goes by.
    notice = f"\x1b]9;Foredeck: {safe_line(words, limit=_LENGTH)}\a"
    return bell + _passed_through(notice, environ)


def _passed_through(notice: str, environ: Mapping[str, str]) -> str:
    """Return the notice such that the terminal around tmux or screen gets it.

    On another machine only TERM tells; what is screen's form is ignored by tmux, while tmux's
    would be shown by screen.
    """
    term = environ.get("TERM", "")
    if environ.get("TMUX") or (term.startswith("tmux") and not environ.get("STY")):
        return "\x1bPtmux;" + notice.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environ.get("STY") or term.startswith("screen"):
        return f"\x1bP{notice}\x1b\\"
    return notice
