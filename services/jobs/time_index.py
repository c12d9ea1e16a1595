"""When a job printed what: made while its output is followed, as exact as that is (SPEC J2).

A file beside the output, a line for each look that found something new: the time in
microseconds since 1970, and how long stdout and stderr were then, in bytes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from foredeck.services.domain import clock
from foredeck.services.store.codecs import to_microseconds, to_moment

NAME = "times"
# How often a mark is made at most, in seconds: the second one once there are many.
_SOON, _LATER = 0.2, 2.0
_MANY = 1 << 20  # bytes of the index
# What was marked so long before the last mark has long been heard and stored.
_SURELY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Mark:
    """How many bytes of stdout and of stderr were there at that time."""

    moment: datetime
    output: int
    errors: int


class TimeIndex:
    """Adds marks for one attempt, whose stdout is `output` and whose stderr is `errors`, if any."""

    def __init__(self, output: str, errors: str | None) -> None:
        self._path = Path(output).with_name(NAME)
        self._errors = errors
        self._size = 0
        self._told: tuple[int, int] | None = None
        self._due = 0.0

    def note(self, output: int, *, last: bool = False) -> None:
        """Make a mark if there is news, and not too often; one that is missed is no reason to end.

        `output` is how many bytes of stdout were read.
        """
        now = time.monotonic()
        if now < self._due and not last:
            return
        with suppress(OSError):
            there = output, size_of(self._errors)
            if self._told is None:
                self._told = self._left_by_another_host()
            if there != self._told:
                self._append(*there)
                self._told = there
                self._due = now + (_SOON if self._size < _MANY else _LATER)

    def is_there(self) -> bool:
        """Whether an earlier host has made marks."""
        return self._path.exists()

    def heard(self) -> int:
        """Return how much of stdout an earlier host has surely read and stored what it says.

        That is what was there some seconds before its last mark, in bytes: there may be very much.
        It reads a file, so not on an event loop.
        """
        found = [mark for _, mark in marks(self._path)]
        latest = found[-1].moment if found else clock.now()
        return max((mark.output for mark in found if latest - mark.moment >= _SURELY), default=0)

    def _left_by_another_host(self) -> tuple[int, int]:
        last = (0, 0)
        for size, mark in marks(self._path):
            self._size, last = size, (mark.output, mark.errors)
        return last

    def _append(self, output: int, errors: int) -> None:
        line = f"{to_microseconds(clock.now())} {output} {errors}\n".encode()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        with os.fdopen(os.open(self._path, flags, 0o600), "ab") as file:
            file.write(line)
        self._size += len(line)


def marks(path: Path, start: int = 0) -> Iterator[tuple[int, Mark]]:
    """Yield the marks from that byte of the index on, each with the byte behind it.

    A line that is still being written, or is none, is left out.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(start)
        for line in file:
            start += len(line)
            if line.endswith(b"\n") and (mark := _mark(line)):
                yield start, mark


def _mark(line: bytes) -> Mark | None:
    try:
        moment, output, errors = map(int, line.split())
        return Mark(to_moment(moment), output, errors)
    except (ValueError, OverflowError):
        return None


def size_of(path: str | None) -> int:
    """Return how long a file is, in bytes; 0 for one that is not there, and for None."""
    if path is None:
        return 0
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return 0
