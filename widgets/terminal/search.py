"""Looking through an output file in slices: words, and lines that tell of an error.

The scans are generators over slices of a megabyte: they yield None after every slice,
before it the byte offsets of its hits, and end at the end. Whoever drives one decides when
to go on, in which thread, and when to stop. Bytes are searched as they are in the file: a
word that a colour sequence cuts in two is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from foredeck.widgets.terminal.line_index import Read

SLICE = 1024 * 1024
_LINE_LIMIT = 4096

# What a line that tells of an error may hold, in lower case: found by plain search first,
# because a pattern alone reads thirty times slower.
_HINTS = (b"error", b"fail", b"traceback", b"panic", b"fatal", b"exception")
_ERROR = re.compile(
    rb"\b(?i:error|failed|failure|fatal|panic|panicked|exception)\b"
    rb"|\b[A-Z]\w*(?:Error|Exception)\b|Traceback \(most recent"
)
_NO_ERROR = re.compile(
    rb"\b(?:0|no|without(?: an?)?) (?:\w+ )?(?:errors?|failed|failures?|exceptions?)\b",
    re.IGNORECASE,
)
_ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")

Scan = Iterator[int | None]


class Needle:
    """A word to look for; written in lower case it is found in any (ASCII) case."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._bytes = text.encode("utf-8", "replace")
        # Lower-casing the file costs as much as searching it: only if it can matter.
        self._any_case = text == text.lower() and text != text.upper()
        flags = re.IGNORECASE if self._any_case else re.NOFLAG
        self._pattern = re.compile(re.escape(text), flags)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where the word stands in a shown line, as (start, end) in characters."""
        return [match.span() for match in self._pattern.finditer(text)]

    def forward(self, read: Read, start: int, end: int) -> Scan:
        """Yield the hits that begin within `start`…`end`, first to last."""
        for base in range(start, end, SLICE):
            data = self._slice(read, base, min(SLICE, end - base))
            at = data.find(self._bytes)
            while at >= 0:
                yield base + at
                at = data.find(self._bytes, at + 1)
            yield None

    def backward(self, read: Read, start: int, end: int) -> Scan:
        """Yield the hits that begin within `start`…`end`, last to first."""
        while end > start:
            base = max(start, end - SLICE)
            data = self._slice(read, base, end - base)
            at = data.rfind(self._bytes)
            while at >= 0:
                yield base + at
                at = data.rfind(self._bytes, 0, at + len(self._bytes) - 1)
            yield None
            end = base

    def counts(self, read: Read, end: int) -> Iterator[int]:
        """Yield, slice by slice, how many hits begin in it."""
        for base in range(0, end, SLICE):
            yield self._slice(read, base, min(SLICE, end - base)).count(self._bytes)

    def _slice(self, read: Read, base: int, size: int) -> bytes:
        """Return a slice and as much more as a hit that begins in it may need."""
        data = read(base, size + len(self._bytes) - 1)
        return data.lower() if self._any_case else data


class ErrorLines:
    """Lines that tell of an error: the same scans as `Needle`, one hit (its start) per line."""

    def forward(self, read: Read, start: int, end: int) -> Scan:
        """Yield the lines that begin within `start`…`end`, first to last; `start` is a line's."""
        for base in range(start, end, SLICE):
            yield from _error_lines(read, base, min(SLICE, end - base))
            yield None

    def backward(self, read: Read, start: int, end: int) -> Scan:
        """Yield the lines that begin within `start`…`end`, last to first."""
        while end > start:
            base = max(start, end - SLICE)
            yield from reversed(list(_error_lines(read, base, end - base)))
            yield None
            end = base


def is_error(line: bytes) -> bool:
    """Whether a line tells of an error; "0 failed" and "no errors" do not."""
    line = _ESCAPES.sub(b"", line)
    return _ERROR.search(_NO_ERROR.sub(b"", line)) is not None


def _error_lines(read: Read, base: int, size: int) -> Iterator[int]:
    """Yield the error lines that begin within a slice; the last may reach beyond it."""
    lead = 1 if base else 0
    data = read(base - lead, size + lead + _LINE_LIMIT)
    folded = data.lower()
    # A line that began before the slice belongs to the slice before.
    start = data.find(b"\n") + 1 if lead and data[:1] != b"\n" else lead
    if lead and start == 0:
        return
    places = {hint: folded.find(hint, start) for hint in _HINTS}
    while hits := [place for place in places.values() if place >= 0]:
        start = data.rfind(b"\n", 0, min(hits)) + 1
        if start >= size + lead:
            return
        end = data.find(b"\n", start)
        end = min(len(data) if end < 0 else end, start + _LINE_LIMIT)
        if is_error(data[start:end]):
            yield base - lead + start
        for hint, place in places.items():
            if 0 <= place < max(end, start + 1):
                places[hint] = _next_hint(data, folded, hint, end)


def _next_hint(data: bytes, folded: bytes, hint: bytes, end: int) -> int:
    """Return where the hint stands next, in a line that begins behind `end`."""
    next_line = data.find(b"\n", end)
    return folded.find(hint, next_line + 1) if next_line >= 0 else -1
