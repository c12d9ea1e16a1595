"""So many commands run at once, of all runs together; who finds no place stands in line."""

from __future__ import annotations

import asyncio
from collections import deque


class Places:
    """The places there are; `limit` is how many. There are `free` ones, or so many too few."""

    def __init__(self, limit: int) -> None:
        self.free = max(1, limit)
        self.queue: deque[Applicant] = deque()

    def occupy(self) -> None:
        """Count what is at work already, under an earlier host, whether there is a place or not."""
        self.free -= 1

    def give_back(self) -> None:
        """Hand a place to the first in the line, or keep it free."""
        self.free += 1
        if self.free < 1 or not self.queue:
            return
        self.free -= 1
        first = self.queue.popleft()
        first.granted += 1
        first.wake.set()


class Applicant:
    """One run's standing in the line; `wake` is set when a place is granted to it.

    It has one place in the line however many of its steps wait, so that the runs take turns.
    """

    def __init__(self, places: Places, wake: asyncio.Event) -> None:
        self._places = places
        self.wake = wake
        self.granted = 0

    def take(self) -> bool:
        """Take a place to be given back to the `Places`; False if it has to stand in line."""
        places = self._places
        if self.granted:
            self.granted -= 1
        elif places.free > 0 and not places.queue:
            places.free -= 1
        else:
            if self not in places.queue:
                places.queue.append(self)
            return False
        return True

    def pass_on(self) -> None:
        """Let those behind have what was granted and is not needed any more."""
        while self.granted:
            self.granted -= 1
            self._places.give_back()

    def leave(self) -> None:
        """Go out of the line."""
        if self in self._places.queue:
            self._places.queue.remove(self)
        self.pass_on()
