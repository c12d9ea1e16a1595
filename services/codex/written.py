"""What an output file already tells of a codex turn, for whoever takes the turn over.

The segments file names the owner of each part, so the output file is its own record of how
far the turn was written down. What is missing from it, codex itself still knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from foredeck.services.domain.segments import (
    SUFFIX,
    Insertion,
    Segment,
    SegmentKind,
    parse_line,
)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start` to `end` of the file, of one kind."""

    kind: SegmentKind
    start: int
    end: int


@dataclass(slots=True)
class WrittenItem:
    """The parts of one item of the turn, in the order of the file."""

    spans: list[Span] = field(default_factory=list)

    def has(self, *kinds: SegmentKind) -> bool:
        """Whether there is a part of one of these kinds."""
        return any(span.kind in kinds for span in self.spans)

    def of(self, kind: SegmentKind) -> list[Span]:
        """Return the parts of that kind."""
        return [span for span in self.spans if span.kind is kind]


def name_of(mark: str, item_id: str) -> str:
    """Return what the segments file calls an item of the turn with that mark."""
    return f"{mark}/{item_id}"


def owner_of(name: str) -> str:
    """Return the mark of the turn, or the id of the job, that an item is of."""
    return name.partition("/")[0]


def read_written(path: Path, mark: str) -> Mapping[str, WrittenItem]:
    """Return by item id what the output file at `path` holds of the turn with that mark."""
    found: dict[str, WrittenItem] = {}
    for segment, span in _parts(path):
        owner, slash, item_id = segment.of.partition("/")
        if slash and owner == mark and item_id:
            found.setdefault(item_id, WrittenItem()).spans.append(span)
    return found


def parts_of(path: Path, kind: SegmentKind) -> Iterator[tuple[Segment, Span]]:
    """Yield the parts of one kind that the output file at `path` has, none without the file."""
    try:
        parts = _parts(path)
    except OSError:
        return
    yield from (part for part in parts if part[0].kind is kind)


def read_span(path: Path, span: Span) -> bytes:
    """Return the bytes of a part."""
    with path.open("rb") as file:
        file.seek(span.start)
        return file.read(span.end - span.start)


def _parts(path: Path) -> list[tuple[Segment, Span]]:
    segments = _segments(path.with_name(path.name + SUFFIX))
    if not segments:
        return []
    ends = [*(segment.at for segment in segments[1:]), path.stat().st_size]
    return [
        (segment, Span(segment.kind, segment.at, end))
        for segment, end in zip(segments, ends, strict=True)
    ]


def _segments(records: Path) -> list[Segment]:
    """Return the parts where they lie now: what was put in later has moved some of them."""
    found: list[Segment] = []
    try:
        text = records.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return found
    for line in text.splitlines():
        entry = parse_line(line)
        if isinstance(entry, Segment):
            found.append(entry)
        elif isinstance(entry, Insertion):
            found = [_moved(segment, entry) for segment in found]
    return found


def _moved(segment: Segment, by: Insertion) -> Segment:
    return replace(segment, at=segment.at + by.length) if segment.at > by.at else segment
