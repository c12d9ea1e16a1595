"""Drives the scans of an output file: in a thread, a few slices at a time, cancellable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice

from foredeck.services.domain.segments import SegmentKind
from foredeck.widgets.terminal.output_file import OutputFile
from foredeck.widgets.terminal.search import ErrorLines, Needle, Scan

_SLICES = 4
_INDEX_WAIT = 0.02
# Parts in which "error" is only talked about.
_TALK = frozenset(
    {SegmentKind.PROMPT, SegmentKind.MESSAGE, SegmentKind.REASONING, SegmentKind.STAGE}
)


class Finder:
    """Finds lines of one file. Every method may be cancelled at any of its awaits."""

    def __init__(self, file: OutputFile) -> None:
        self._file = file

    async def word(self, needle: Needle, line: int, *, forward: bool) -> int | None:
        """Return the next line from `line` on (or before it) that holds the word, else None."""
        start, end = await self._range(line, forward=forward)
        scan = needle.forward if forward else needle.backward
        hit = await _first(scan(self._file.read, start, end))
        return None if hit is None else await self._line_of(hit)

    async def error(self, line: int, *, forward: bool) -> int | None:
        """Return the next line from `line` on (or before it) that tells of an error."""
        start, end = await self._range(line, forward=forward)
        parts = [at for at in self._file.segments.starts(SegmentKind.ERROR) if start <= at < end]
        lines = ErrorLines()
        scan = (lines.forward if forward else lines.backward)(self._file.read, start, end)
        hit = await _first(self._told_by_programs(scan))
        found = [*parts, *([] if hit is None else [hit])]
        if not found:
            return None
        return await self._line_of(min(found) if forward else max(found))

    async def count(self, needle: Needle) -> AsyncIterator[tuple[int, float]]:
        """Yield how often the word has been found so far, and the share of the file read."""
        end, found, done = self._file.size, 0, 0
        counts = needle.counts(self._file.read, end)
        while batch := await asyncio.to_thread(lambda: list(islice(counts, _SLICES))):
            found += sum(batch)
            done += len(batch)
            yield found, min(1.0, done * (1 << 20) / max(1, end))

    def _told_by_programs(self, scan: Scan) -> Scan:
        kind_at = self._file.segments.kind_at
        for hit in scan:
            if hit is None or kind_at(hit) not in _TALK:
                yield hit

    async def _range(self, line: int, *, forward: bool) -> tuple[int, int]:
        """Return the bytes to look at; line numbers need an index that has got there."""
        file = self._file
        while not file.complete and line > 0:  # noqa: ASYNC110 - it is counted by the pane
            await asyncio.sleep(_INDEX_WAIT)
        edge = file.size if line > file.index.newlines else file.index.start_of(line, file.read)
        return (edge, file.size) if forward else (0, edge)

    async def _line_of(self, offset: int) -> int:
        file = self._file
        while file.index.counted < offset < file.size:  # noqa: ASYNC110 - counted by the pane
            await asyncio.sleep(_INDEX_WAIT)
        return file.index.line_of(offset, file.read)


async def _first(scan: Scan) -> int | None:
    """Return the first hit of a scan."""
    while batch := await asyncio.to_thread(_advance, scan):
        if batch[-1] is not None:
            return batch[-1]
    return None


def _advance(scan: Iterator[int | None]) -> list[int | None]:
    """Go on until a hit, or for a few slices."""
    batch: list[int | None] = []
    for hit in scan:
        batch.append(hit)
        if hit is not None or len(batch) >= _SLICES:
            break
    return batch
