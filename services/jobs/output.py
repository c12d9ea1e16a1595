"""Output files: whoever produces appends in batches, whoever shows reads what it paints."""

from __future__ import annotations

from pathlib import Path

from foredeck.services.domain.segments import SegmentKind


class OutputWriter:
    """Appends to one output file and its segments file (see `domain.segments`).

    Lives on one event loop. Writes are collected and reach the file within
    `FLUSH_SECONDS` or `FLUSH_BYTES`, whichever is first. On a full disk the bytes wait
    in memory, bounded, and are written when there is room again; `full` says so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def size(self) -> int:
        """Bytes written so far, those still in memory included."""
        raise NotImplementedError

    def segment(self, kind: SegmentKind, label: str = "") -> int:
        """Begin a part of that kind here, on a fresh line; return its byte offset."""
        raise NotImplementedError

    def write(self, text: str | bytes) -> None:
        """Append to the present part; control sequences are kept as they are."""
        raise NotImplementedError

    def insert(self, at: int, text: str | bytes) -> None:
        """Put bytes in at offset `at`, moving everything behind."""
        raise NotImplementedError

    def flush(self) -> None:
        """Bring everything to the file now; raises `StorageFull` if there is no room."""
        raise NotImplementedError

    def close(self) -> None:
        """Flush and close; raises `StorageFull` if bytes had to be given up."""
        raise NotImplementedError
