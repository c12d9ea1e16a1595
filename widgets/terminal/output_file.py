"""One output file as the pane sees it: what is new, which lines it has, what they are.

Nothing here raises for a file that is missing, shrinks, or is replaced: it is read as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from foredeck.services.domain.segments import SUFFIX, Insertion, SegmentKind
from foredeck.widgets.terminal.line_index import (
    BlockCounts,
    LineIndex,
    RawLine,
    count_newlines,
    tail_rows,
)
from foredeck.widgets.terminal.segment_map import SegmentMap

STEP = 1024 * 1024
"""Bytes that `poll` counts itself; what is beyond is left to `catch_up`."""
AHEAD = 8 * 1024 * 1024
_TAIL_ROWS = 200
_AVERAGE_LINE = 80


@dataclass(frozen=True, slots=True)
class Change:
    """What a poll found: `inserted` moved known lines, `restarted` is another file now."""

    grown: int = 0
    inserted: tuple[Insertion, ...] = ()
    restarted: bool = False

    def __bool__(self) -> bool:
        return bool(self.grown or self.inserted or self.restarted)


class OutputFile:
    """A file that may be missing, growing, or cut; read by offset, never as a whole.

    While `complete` is False the last lines are known from the end of the file alone and
    `lines` is an estimate. Close it after use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.index = LineIndex()
        self.segments = SegmentMap()
        self._log = _Followed(path)
        self._records = _Followed(path.with_name(path.name + SUFFIX))
        self._tail: tuple[int, int, list[RawLine]] = (-1, 0, [])
        self._generation = 0

    def close(self) -> None:
        """Close both files."""
        self._log.close()
        self._records.close()

    @property
    def exists(self) -> bool:
        """Whether there is such a file."""
        return self._log.fd is not None

    @property
    def complete(self) -> bool:
        """Whether every line is counted."""
        return self.index.counted >= self.size

    @property
    def lines(self) -> int:
        """Number of lines; an estimate that never shrinks below what is known, until complete."""
        if self.complete:
            return self.index.lines
        rest = self.size - self.index.counted
        known = self.index.counted // max(1, self.index.newlines) if self.index.newlines else 0
        return self.index.newlines + rest // max(1, known or _AVERAGE_LINE) + _TAIL_ROWS

    def poll(self) -> Change:
        """Look whether the files have changed; count what is new if it is little."""
        before = self.size
        restarted = self._log.look()
        size = self._log.size
        insertions: list[Insertion] = []
        if self._records.look() or restarted or size < before:
            self.segments = SegmentMap()
            self._records.position = 0
        while data := self._records.read_on(STEP):
            insertions += self.segments.feed(data)
        if restarted:
            self._forget(0)
        elif size < before:
            self._forget(max(0, size - 1))
        for insertion in insertions:
            self._forget(insertion.at)
        self.size = size
        if 0 < size - self.index.counted <= STEP:
            self.index.extend(count_newlines(self.read, self.index.counted, size))
        known = () if before == 0 or restarted else tuple(insertions)
        return Change(max(0, size - before), known, restarted or size < before)

    def catch_up(self) -> Callable[[], Callable[[], bool]]:
        """Return a step of counting: to be called in a thread, its result on the loop.

        The result says whether it was of use; it is not if the file changed meanwhile.
        """
        generation, start = self._generation, self.index.counted
        end = min(self.size, start + AHEAD)

        def count() -> Callable[[], bool]:
            counts = count_newlines(self.read, start, end)
            return lambda: self._take(generation, counts)

        return count

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes there, fewer at the end of the file; usable from any thread."""
        return self._log.read(offset, size)

    def rows(self, first: int, count: int, shift: int = 0) -> list[RawLine | None]:
        """Return the lines `first`… as far as there are any; None for one not known yet."""
        total = self.lines
        count = max(0, min(count, total - first))
        if self.complete:
            return [*self.index.rows(first, count, self.read, shift)]
        rows: list[RawLine | None] = [None] * count
        counted = self.index.rows(first, min(count, self.index.newlines - first), self.read, shift)
        rows[: len(counted)] = counted
        tail = self._last_rows(shift)
        for place in range(count):
            from_end = total - (first + place)
            if rows[place] is None and from_end <= len(tail):
                rows[place] = tail[-from_end]
        return rows

    def kind_of(self, row: RawLine) -> tuple[SegmentKind | None, bool]:
        """Return the kind of the part a line belongs to, and whether the part begins there."""
        return self.segments.kind_at(row.start), self.segments.begins_at(row.start)

    def _last_rows(self, shift: int) -> list[RawLine]:
        if self._tail[:2] != (self.size, shift):
            self._tail = (self.size, shift, tail_rows(self.size, _TAIL_ROWS, self.read, shift))
        return self._tail[2]

    def _forget(self, offset: int) -> None:
        self.index.forget(offset)
        self._tail = (-1, 0, [])
        self._generation += 1

    def _take(self, generation: int, counts: BlockCounts) -> bool:
        return generation == self._generation and self.index.extend(counts)


class _Followed:
    """A path whose file may come, grow, shrink, be replaced or go."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode: tuple[int, int] | None = None
        self.fd: int | None = None
        self.size = 0
        self.position = 0

    def look(self) -> bool:
        """Update `size`; True if there is another file now than the one before, or none."""
        try:
            status = self._path.stat()
            if not S_ISREG(status.st_mode):
                raise FileNotFoundError(self._path)
            if self._inode != (status.st_dev, status.st_ino):
                return self._open()
        except OSError:
            had_one = self.fd is not None
            self.close()
            return had_one
        self.size = status.st_size
        return False

    def read(self, offset: int, size: int) -> bytes:
        if self.fd is None or size <= 0:
            return b""
        try:
            return os.pread(self.fd, size, offset)
        except OSError:
            return b""

    def read_on(self, size: int) -> bytes:
        """Return the next bytes that were not read yet."""
        if self.position >= self.size:
            return b""
        data = self.read(self.position, min(size, self.size - self.position))
        self.position += len(data)
        return data

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
        self.fd = self._inode = None
        self.size = self.position = 0

    def _open(self) -> bool:
        had_one = self.fd is not None
        self.close()
        self.fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(self.fd)
        self._inode = (status.st_dev, status.st_ino)
        self.size = status.st_size
        return had_one
