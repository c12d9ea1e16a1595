"""Compares a command's output as it came live with what codex reports at its end.

What a command writes before codex has announced it never comes live, after 10,000 deltas
nothing more does, and on a loaded machine codex leaves out pieces in the middle (and
sometimes in its report as well, which nobody can notice). The report at the end has at
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
    """What has to go in front of the live output, and behind it; `note` says what is odd."""

    head: bytes = b""
    tail: bytes = b""
    note: str = ""


class LiveTrace:
    """What is remembered of a live output: its size and both its ends."""

    def __init__(self) -> None:
        self.size = 0
        self._first = b""
        self._last = b""

    def add(self, data: bytes) -> None:
        """Take note of more live output."""
        if len(self._first) < _SAMPLE:
            self._first += data[: _SAMPLE - len(self._first)]
        self._last = (self._last + data[-_SAMPLE:])[-_SAMPLE:]
        self.size += len(data)

    def missing_from(self, report: bytes) -> Missing:
        """Return what of the report never came live; all of it if the two do not fit."""
        if not self.size or not report:
            return Missing(tail=report)
        cut = _OMITTED.search(report)
        if cut is None:
            return self._of_whole(report)
        return self._of_shortened(report, cut)

    def _of_whole(self, report: bytes) -> Missing:
        start = self._start_in(report, len(report) - self.size)
        end = start + self.size
        if start < 0 or not report[:end].endswith(self._last):
            return Missing(tail=report, note=_DIFFERS)
        return Missing(report[:start], report[end:])

    def _of_shortened(self, report: bytes, cut: re.Match[bytes]) -> Missing:
        head, tail = report[: cut.start()], report[cut.end() :]
        whole = len(head) + int(cut[1]) + len(tail)
        start = self._start_in(head, whole - self.size)
        if start < 0:
            return Missing(tail=report, note=_DIFFERS)
        place = tail.rfind(self._last)
        if place >= 0:
            rest = tail[place + len(self._last) :]
            return Missing(head[:start], rest, _gap(whole - start - self.size - len(rest)))
        # It stopped coming in the middle: the report's own line says that bytes are missing.
        return Missing(head[:start], report[cut.start() :])

    def _start_in(self, text: bytes, expected: int) -> int:
        """Return where the live output begins; −1 if nowhere.

        Where its size says, if it is there; else at the first place that looks like it
        (a report in which bytes that are no UTF-8 were replaced has another length).
        """
        if 0 <= expected <= len(text):
            sample = self._first[: len(text) - expected]
            if sample and text.startswith(sample, expected):
                return expected
        return text.find(self._first)


def _gap(size: int) -> str:
    return f"Codex left out about {size} bytes of this output." if size > 0 else ""
