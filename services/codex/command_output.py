"""Compares a command's output as it came live with what codex reports at its end.

What a command writes before codex has announced it never comes live, after 10,000 deltas
nothing more does, and on a loaded machine codex leaves out pieces in the middle (and
sometimes in its report as well, which nobody can notice). While no Foredeck is there, nothing
is heard at all: then the live output has several pieces. The report at the end has at
most 1 MiB: the whole output, or its head and tail around `... N bytes omitted ...`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SAMPLE = 4096
_DIFFERS = "Codex left out pieces of this output while it ran; its report at the end follows."
_OMITTED = re.compile(rb"\n\.\.\. (\d+) bytes omitted \.\.\.\n")


@dataclass(frozen=True, slots=True)
class Missing:
    """What has to go in front of the live output, and behind it; `note` says what is odd.

    `between` has, for each piece of it but the first, what has to go in front of that one.
    """

    head: bytes = b""
    tail: bytes = b""
    note: str = ""
    between: tuple[bytes, ...] = ()


class _Piece:
    """What is remembered of output without a gap: its size and both its ends."""

    def __init__(self) -> None:
        self.size = 0
        self.first = b""
        self.last = b""

    def add(self, data: bytes) -> None:
        if len(self.first) < _SAMPLE:
            self.first += data[: _SAMPLE - len(self.first)]
        self.last = (self.last + data[-_SAMPLE:])[-_SAMPLE:]
        self.size += len(data)

    def place_in(self, report: bytes, begin: int) -> tuple[int, int] | None:
        """Return where it begins and ends in the report, not before `begin`.

        Its last newline may be the file's own, put there to begin the next part.
        """
        for size, last in ((self.size, self.last), (self.size - 1, self.last[:-1])):
            start = report.find(self.first[:size], begin)
            if start >= 0 and report[: start + size].endswith(last):
                return start, start + size
            if not self.last.endswith(b"\n"):
                break
        return None


class LiveTrace:
    """What is remembered of a live output, a piece for each time without a gap."""

    def __init__(self) -> None:
        self._pieces = [_Piece()]

    @property
    def size(self) -> int:
        """Bytes that came live."""
        return sum(piece.size for piece in self._pieces)

    @property
    def at_a_cut(self) -> bool:
        """Whether what comes next begins a piece."""
        return self._pieces[-1].size == 0

    def add(self, data: bytes) -> None:
        """Take note of more live output."""
        self._pieces[-1].add(data)

    def cut(self) -> None:
        """What comes from now on may not join what has come."""
        if not self.at_a_cut:
            self._pieces.append(_Piece())

    def missing_from(self, report: bytes) -> Missing:
        """Return what of the report never came live; all of it if the two do not fit."""
        pieces = [piece for piece in self._pieces if piece.size]
        if not pieces or not report:
            return Missing(tail=report)
        cut = _OMITTED.search(report)
        if len(pieces) > 1:
            return _of_pieces(pieces, report) if cut is None else _differing(report, len(pieces))
        if cut is None:
            return _of_whole(pieces[0], report)
        return _of_shortened(pieces[0], report, cut)


def _differing(report: bytes, pieces: int) -> Missing:
    return Missing(tail=report, note=_DIFFERS, between=(b"",) * (pieces - 1))


def _of_pieces(pieces: list[_Piece], report: bytes) -> Missing:
    gaps, end = [], 0
    for piece in pieces:
        place = piece.place_in(report, end)
        if place is None:
            return _differing(report, len(pieces))
        gaps.append(report[end : place[0]])
        end = place[1]
    return Missing(gaps[0], report[end:], between=tuple(gaps[1:]))


def _of_whole(piece: _Piece, report: bytes) -> Missing:
    start = _start_in(piece, report, len(report) - piece.size)
    end = start + piece.size
    if start < 0 or not report[:end].endswith(piece.last):
        place = piece.place_in(report, 0)
        if place is None:
            return _differing(report, 1)
        start, end = place
    return Missing(report[:start], report[end:])


def _of_shortened(piece: _Piece, report: bytes, cut: re.Match[bytes]) -> Missing:
    head, tail = report[: cut.start()], report[cut.end() :]
    whole = len(head) + int(cut[1]) + len(tail)
    start = _start_in(piece, head, whole - piece.size)
    if start < 0:
        return _differing(report, 1)
    place = tail.rfind(piece.last)
    if place >= 0:
        rest = tail[place + len(piece.last) :]
        return Missing(head[:start], rest, _gap(whole - start - piece.size - len(rest)))
    # It stopped coming in the middle: the report's own line says that bytes are missing.
    return Missing(head[:start], report[cut.start() :])


def _start_in(piece: _Piece, text: bytes, expected: int) -> int:
    """Return where the live output begins; −1 if nowhere.

    Where its size says, if it is there; else at the first place that looks like it
    (a report in which bytes that are no UTF-8 were replaced has another length).
    """
    if 0 <= expected <= len(text):
        sample = piece.first[: len(text) - expected]
        if sample and text.startswith(sample, expected):
            return expected
    return text.find(piece.first)


def _gap(size: int) -> str:
    return f"Codex left out about {size} bytes of this output." if size > 0 else ""
