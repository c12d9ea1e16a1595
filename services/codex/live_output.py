"""Who writes where in an output file that several writers share.

The codex turns and the agent of one stage attempt write to the same file. A part
belongs to one of them, so whoever finds that somebody else wrote in between begins a new
part; and an insertion moves every place that anyone remembers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from weakref import WeakValueDictionary

from foredeck.services.domain.segments import SegmentKind
from foredeck.services.jobs.output import OutputWriter


@dataclass(eq=False, slots=True)
class Anchor:
    """A byte of the file that stays the same byte when something is put in before it."""

    at: int


class LiveOutput:
    """One output file; `LiveOutput.of` returns the same object for the same writer."""

    # By the writer's id: an entry keeps its writer alive, and goes when nobody writes.
    _shared: ClassVar[WeakValueDictionary[int, LiveOutput]] = WeakValueDictionary()

    def __init__(self, writer: OutputWriter) -> None:
        self._writer = writer
        self._anchors: list[Anchor] = []
        self._owner: tuple[object, SegmentKind] | None = None
        self._end = writer.size

    @classmethod
    def of(cls, writer: OutputWriter) -> LiveOutput:
        """Return what is known about the file of that writer."""
        shared = cls._shared.get(id(writer))
        if shared is None:
            cls._shared[id(writer)] = shared = cls(writer)
        return shared

    def write(
        self, owner: object, kind: SegmentKind, data: str | bytes, label: str = "", of: str = ""
    ) -> int | None:
        """Append to the owner's part; return where it begins if it had to be begun anew.

        `of` is the owner's name in the segments file.
        """
        if not data:
            return None
        began = None
        if self._owner != (owner, kind) or self._end != self._writer.size:
            began = self._writer.segment(kind, label, of)
            self._owner = (owner, kind)
        self._writer.write(data)
        self._end = self._writer.size
        return began

    def end_part(self) -> None:
        """Let whatever is written next begin a part of its own."""
        self._owner = None

    def remember(self, at: int) -> Anchor:
        """Return an anchor for that byte, to be given back with `forget`."""
        anchor = Anchor(at)
        self._anchors.append(anchor)
        return anchor

    def forget(self, anchor: Anchor) -> None:
        """Follow that byte no longer."""
        if anchor in self._anchors:
            self._anchors.remove(anchor)

    def insert(self, anchor: Anchor, data: bytes) -> None:
        """Put bytes in at the anchor; what stood there stands behind them."""
        if not data:
            return
        ours = self._end == self._writer.size
        self._writer.insert(anchor.at, data)
        for other in self._anchors:
            if other.at > anchor.at:
                other.at += len(data)
        if ours:
            self._end = self._writer.size
