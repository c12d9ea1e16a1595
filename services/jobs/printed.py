"""How much of what a command prints stands in its step's output file already."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

_BLOCK = 1 << 16


class Part(Protocol):
    """Bytes `start` to `end` of the file."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class Printed:
    """Compares a stream, given from its beginning, with the parts of it in the file.

    A part that something else was written behind may have been given a line break at its end
    that is not in the stream.
    """

    def __init__(self, path: Path, parts: Iterable[Part]) -> None:
        self._path = path
        self._parts = [(part.start, part.end) for part in parts if part.start < part.end]

    def missing(self, data: bytes) -> bytes:
        """Return what of the next bytes of the stream is not in the file; raises `OSError`."""
        while data and self._parts:
            start, end = self._parts[0]
            found = self._read(start, min(end - start, len(data), _BLOCK))
            same = _common(found, data)
            if same < len(found) and not (end - start - same == 1 and found[same:] == b"\n"):
                same = len(found)  # written when other secrets were known: its length counts
            data = data[same:]
            self._parts[0] = (start + same, end)
            if same < len(found) or start + same == end:
                del self._parts[0]
        return data

    def _read(self, start: int, length: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(length)


def _common(found: bytes, data: bytes) -> int:
    """Return how many bytes at the beginning of both are the same; `found` is not longer."""
    if data.startswith(found):
        return len(found)
    return next(at for at, byte in enumerate(found) if byte != data[at])
