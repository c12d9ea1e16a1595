"""How long a turn may still take."""

from __future__ import annotations

import math
import time


class TurnClock:
    """Counts the seconds of a turn down; it stands still while a person is asked."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._asking = 0
        self._stopped_at = 0.0

    @property
    def stopped(self) -> bool:
        """Whether an answer is waited for."""
        return self._asking > 0

    @property
    def left(self) -> float:
        """The seconds that are left, infinite while the clock stands."""
        return math.inf if self.stopped else self._deadline - time.monotonic()

    def person_asked(self, *, begins: bool) -> None:
        """Stop with the first question, go on after the last one."""
        if begins:
            if not self._asking:
                self._stopped_at = time.monotonic()
            self._asking += 1
        elif self._asking:
            self._asking -= 1
            if not self._asking:
                self._deadline += time.monotonic() - self._stopped_at
