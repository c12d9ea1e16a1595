"""The patches of codex, read back from the output that tells of them.

Nothing else keeps them: a job knows which files it changed, and not how. What `codex.narration`
writes of a patch is a line for each file, and below it the diff of one that was there before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from foredeck.services.codex.written import Span, parts_of, read_span
from foredeck.services.domain.segments import SegmentKind

PATCH = "patch"
# Bytes of one part of the output that are read; a patch beyond that is cut.
_PART_LIMIT = 256 * 1024
# A line of a diff begins with a space, a sign, or `@`, `\`; so none is taken for a file's line.
_FILE_LINE = re.compile(r"[a-z]+ +(?P<path>\S.*)\Z")


@dataclass(frozen=True, slots=True)
class Patch:
    """What was done to one file at a moment: its diff, cut if `cut`."""

    path: str
    at: datetime
    diff: str
    cut: bool = False

    @property
    def added(self) -> int:
        """How many lines came."""
        return _lines_with(self.diff, "+")

    @property
    def removed(self) -> int:
        """How many lines went."""
        return _lines_with(self.diff, "-")


def patches_in(output: Path) -> Iterator[Patch]:
    """Yield the patches that an attempt's output tells of, oldest first; blocks.

    None for a file that is not there (any more).
    """
    for segment, span in parts_of(output, SegmentKind.FILES):
        if segment.label != PATCH:
            continue
        end = min(span.end, span.start + _PART_LIMIT)
        try:
            data = read_span(output, Span(span.kind, span.start, end))
        except OSError:
            return
        at = datetime.fromtimestamp(segment.ms / 1000, UTC)
        yield from _patches(data.decode("utf-8", "replace"), at, cut=end < span.end)


def _patches(text: str, at: datetime, *, cut: bool) -> Iterator[Patch]:
    path, lines = "", list[str]()
    for line in text.split("\n"):
        if match := _FILE_LINE.match(line):
            if lines:
                yield Patch(path, at, "\n".join(lines))
            path, lines = match["path"], []
        elif path:
            lines.append(line)
    if diff := "\n".join(lines).rstrip("\n"):
        yield Patch(path, at, diff, cut)


def _lines_with(diff: str, sign: str) -> int:
    header = sign * 3
    return sum(line.startswith(sign) and not line.startswith(header) for line in diff.split("\n"))
