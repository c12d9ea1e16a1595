"""Reads an output file back as the parts it consists of."""

from __future__ import annotations

from pathlib import Path

from foredeck.services.domain.segments import SUFFIX, Insertion, Segment, SegmentKind, parse_line


def parts(path: Path) -> list[tuple[SegmentKind, str]]:
    """Return (kind, text) of every part, in the order of the file."""
    data = path.read_bytes()
    segments: list[Segment] = []
    for line in path.with_name(path.name + SUFFIX).read_text().splitlines():
        record = parse_line(line)
        if isinstance(record, Segment):
            segments.append(record)
        elif isinstance(record, Insertion):
            segments = [_moved(segment, record) for segment in segments]
    starts = [segment.at for segment in segments] + [len(data)]
    assert starts == sorted(starts)
    return [
        (segment.kind, data[segment.at : end].decode())
        for segment, end in zip(segments, starts[1:], strict=True)
    ]


def texts(path: Path, kind: SegmentKind) -> list[str]:
    """Return the texts of the parts of one kind."""
    return [text for found, text in parts(path) if found is kind]


def _moved(segment: Segment, insertion: Insertion) -> Segment:
    if segment.at <= insertion.at:
        return segment
    return Segment(segment.at + insertion.length, segment.kind, segment.ms, segment.label)
