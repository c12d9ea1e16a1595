"""Who writes where in an output file that several writers share.

The codex turns and the agent of one stage attempt write to the same file. A part
belongs to one of them, so whoever finds that somebody else wrote in between begins a new
part; and an insertion moves every place that anyone remembers. Secrets are taken out here,
of a text that grows as well: what may be the beginning of one waits for what follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from weakref import WeakValueDictionary

from foredeck.services.domain.segments import SegmentKind
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.redaction import Redaction


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
        self._growing: dict[tuple[object, SegmentKind], Redaction] = {}
        self._end = writer.size

    @classmethod
    def of(cls, writer: OutputWriter) -> LiveOutput:
        """Return what is known about the file of that writer."""
        shared = cls._shared.get(id(writer))
        if shared is None:
            cls._shared[id(writer)] = shared = cls(writer)
        return shared

    def write(
        self,
        owner: object,
        kind: SegmentKind,
        data: str | bytes,
        label: str = "",
        of: str = "",
        *,
        growing: bool = False,
    ) -> int | None:
        """Append to the owner's part, redacted; return where it begins if it is a new one.

        `of` is the owner's name in the segments file. With `growing` more of the text is to
        come, and its end may be held back till then.
        """
        return self.put(owner, kind, self.redacted(owner, kind, data, growing=growing), label, of)

    def redacted(
        self, owner: object, kind: SegmentKind, data: str | bytes, *, growing: bool = False
    ) -> bytes:
        """Return what of the owner's text can be written now, for `put`."""
        raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
        if growing:
            stream = self._growing.get((owner, kind))
            if stream is None:
                stream = self._growing[owner, kind] = self._writer.redactor.stream()
            return stream.feed(raw)
        held = self._growing.pop((owner, kind), None)
        if held is None:
            return self._writer.redactor.data(raw)
        return held.feed(raw) + held.finish()

    def let_go(self, owner: object, kind: SegmentKind) -> None:
        """Forget what is held back of the owner's text: it comes another way."""
        self._growing.pop((owner, kind), None)

    def put(
        self, owner: object, kind: SegmentKind, data: bytes, label: str = "", of: str = ""
    ) -> int | None:
        """Append what is redacted already; return where its part begins if it is a new one."""
        if not data:
            return None
        began = None
        if self._owner != (owner, kind) or self._end != self._writer.size:
            began = self._writer.segment(kind, self._writer.redactor.text(label), of)
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
        """Put redacted bytes in at the anchor; what stood there stands behind them."""
        if not data:
            return
        ours = self._end == self._writer.size
        self._writer.insert(anchor.at, data)
        for other in self._anchors:
            if other.at > anchor.at:
                other.at += len(data)
        if ours:
            self._end = self._writer.size
