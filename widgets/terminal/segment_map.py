"""What part of an output file a byte belongs to; see `services.domain.segments`."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import pairwise

from foredeck.services.domain.segments import Insertion, SegmentKind, parse_line

_KINDS = tuple(SegmentKind)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}


class SegmentMap:
    """The parts known so far, fed with the segments file piece by piece."""

    def __init__(self) -> None:
        self._starts = array("Q")
        self._kinds = bytearray()
        self._rest = b""

    def __len__(self) -> int:
        return len(self._starts)

    def feed(self, data: bytes) -> list[Insertion]:
        """Take the next bytes of the segments file; return the insertions they tell of."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        insertions: list[Insertion] = []
        for line in lines:
            record = parse_line(line.decode("utf-8", "replace"))
            if isinstance(record, Insertion):
                self._make_room(record)
                insertions.append(record)
            elif record is not None and record.at >= 0:
                self._add(record.at, record.kind)
        return insertions

    def kind_at(self, offset: int) -> SegmentKind | None:
        """Return the kind of the part that the byte at `offset` belongs to."""
        place = bisect_right(self._starts, offset) - 1
        return _KINDS[self._kinds[place]] if place >= 0 else None

    def begins_at(self, offset: int) -> bool:
        """Whether a part begins exactly there."""
        place = bisect_left(self._starts, offset)
        return place < len(self._starts) and self._starts[place] == offset

    def starts(self, kind: SegmentKind) -> list[int]:
        """Return where the parts of one kind begin; of adjoining ones the first."""
        code = _CODES[kind]
        pairs = pairwise([-1, *self._kinds])
        return [
            at
            for at, (before, now) in zip(self._starts, pairs, strict=True)
            if now == code and before != code
        ]

    def _add(self, at: int, kind: SegmentKind) -> None:
        place = bisect_right(self._starts, at)
        self._starts.insert(place, at)
        self._kinds.insert(place, _CODES[kind])

    def _make_room(self, insertion: Insertion) -> None:
        """A part that begins exactly at the insertion stays and gets the bytes."""
        for place in range(bisect_right(self._starts, insertion.at), len(self._starts)):
            self._starts[place] += insertion.length
