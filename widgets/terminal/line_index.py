"""Which line begins where in a large, growing file, for about a hundredth of a byte per line.

The file is seen as blocks of 64 KiB; of each block only the number of newlines before it
is kept. A line is found by a binary search over the blocks and one over its block. Lines
end with `\\n` alone; a carriage return before it belongs to the line.

The index does no input itself: it is given a `Read`, and counts in steps that the caller
chooses, so that a gigabyte never stops a screen.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

BLOCK = 64 * 1024
LINE_BYTES = 4096
"""Bytes of a line that are read at most; the rest of a longer one is named, not shown."""
LINE_STEP = 2048
_SLICE = 1024 * 1024
_TAIL_LIMIT = 4 * 1024 * 1024

Read = Callable[[int, int], bytes]
"""(offset, size) → the bytes there, fewer at the end of the file."""


@dataclass(frozen=True, slots=True)
class RawLine:
    """One line as it is in the file.

    `data` begins `skipped` bytes behind the line's start at byte `start` and has at most
    `LINE_BYTES` bytes; `length` is that of the whole line without its newline.
    """

    start: int
    data: bytes
    length: int
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class BlockCounts:
    """Newlines of the parts of `start`…`end`, cut at multiples of `BLOCK`."""

    start: int
    end: int
    newlines: list[int]
    open_end: bool


def count_newlines(read: Read, start: int, end: int) -> BlockCounts:
    """Count what lies between two offsets; pure, so it may run in a thread.

    Ends earlier if the file does.
    """
    counts: list[int] = []
    position, last = start, b""
    while position < end:
        data = read(position, min(_SLICE - position % BLOCK, end - position))
        if not data:
            break
        first = BLOCK - position % BLOCK
        edges = [0, *range(first, len(data), BLOCK), len(data)]
        counts += [data.count(b"\n", *pair) for pair in pairwise(edges)]
        position += len(data)
        last = data[-1:]
    return BlockCounts(start, position, counts, last not in {b"", b"\n"})


class LineIndex:
    """Line numbers (from 0) ↔ byte offsets of the part of a file that has been counted."""

    def __init__(self) -> None:
        self._before = array("Q", [0])
        self._partial = 0
        self._open_end = False
        self.counted = 0

    @property
    def newlines(self) -> int:
        """Newlines in the counted part."""
        return self._before[-1] + self._partial

    @property
    def lines(self) -> int:
        """Lines in the counted part, an unfinished last one included."""
        return self.newlines + self._open_end

    @property
    def memory(self) -> int:
        """Bytes that the index itself takes."""
        return self._before.itemsize * len(self._before)

    def extend(self, counts: BlockCounts) -> bool:
        """Add what was counted; False if it does not continue the counted part."""
        if counts.start != self.counted:
            return False
        for newlines in counts.newlines:
            self._partial += newlines
            self.counted = min(self.counted - self.counted % BLOCK + BLOCK, counts.end)
            if self.counted % BLOCK == 0:
                self._before.append(self._before[-1] + self._partial)
                self._partial = 0
        if counts.newlines:
            self._open_end = counts.open_end
        return True

    def forget(self, offset: int) -> None:
        """Forget everything from the block of `offset` on; it has to be counted again."""
        if offset >= self.counted:
            return
        block = offset // BLOCK
        del self._before[block + 1 :]
        self._partial = 0
        self._open_end = False
        self.counted = block * BLOCK

    def start_of(self, line: int, read: Read) -> int:
        """Return the offset at which a counted line begins."""
        if line <= 0:
            return 0
        block = bisect_left(self._before, line) - 1
        data = read(block * BLOCK, BLOCK)
        return block * BLOCK + _after_newline(data, line - self._before[block])

    def line_of(self, offset: int, read: Read) -> int:
        """Return the number of the line that the byte at a counted offset belongs to."""
        block = min(offset, self.counted) // BLOCK
        return self._before[block] + read(block * BLOCK, offset - block * BLOCK).count(b"\n")

    def rows(self, first: int, count: int, read: Read, shift: int = 0) -> list[RawLine]:
        """Return up to `count` lines from `first` on, of long ones the part at `shift`."""
        rows: list[RawLine] = []
        last = min(first + count, self.lines)
        if first >= last:
            return rows
        start = base = self.start_of(first, read)
        data = b""
        for line in range(first, last):
            end = data.find(b"\n", start - base)
            if end < 0:
                base, data = start, read(start, min(BLOCK, self.counted - start))
                end = data.find(b"\n")
            stop = self._end_of(line, read) if end < 0 else base + end
            known = data[start - base : min(stop, start + LINE_BYTES) - base]
            rows.append(_row(known, start, stop - start, read, shift))
            start = stop + 1
        return rows

    def _end_of(self, line: int, read: Read) -> int:
        """Return the offset of the newline that ends a line, or the end of the counted part."""
        if line >= self.newlines:
            return self.counted
        return self.start_of(line + 1, read) - 1


def tail_rows(size: int, count: int, read: Read, shift: int = 0) -> list[RawLine]:
    """Return the last lines of a file of `size` bytes without knowing how many there are.

    A line whose beginning is not within the last 4 MiB is left out, unless it is the last.
    """
    want = min(size, BLOCK)
    while True:
        base = size - want
        data = read(base, want)
        if want == size or want >= _TAIL_LIMIT or data.count(b"\n") > count:
            break
        want = min(size, want * 4, _TAIL_LIMIT)
    lines = data.removesuffix(b"\n").split(b"\n")
    if base > 0 and len(lines) > 1:
        base += len(lines.pop(0)) + 1
    rows: list[RawLine] = []
    for line in lines if data else []:
        rows.append(_row(line, base, len(line), read, shift))
        base += len(line) + 1
    return rows[-count:]


def _row(data: bytes, start: int, length: int, read: Read, shift: int) -> RawLine:
    if length <= LINE_BYTES:
        return RawLine(start, data[:length], length)
    skipped = min(shift - shift % LINE_STEP, length - length % LINE_STEP)
    if skipped or len(data) < LINE_BYTES:
        data = read(start + skipped, min(LINE_BYTES, length - skipped))
    return RawLine(start, data[:LINE_BYTES], length, skipped)


def _after_newline(data: bytes, number: int) -> int:
    """Return the position behind the `number`th newline (from 1) of a block."""
    low, high = 0, len(data)
    while high - low > 256:
        middle = (low + high) // 2
        before = data.count(b"\n", low, middle)
        if before < number:
            number -= before
            low = middle
        else:
            high = middle
    for _ in range(number):
        low = data.find(b"\n", low) + 1
    return low
