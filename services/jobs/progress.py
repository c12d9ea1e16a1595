"""How far a command says that it is, read from what it prints: pure."""

from __future__ import annotations

import re

from foredeck.services.domain.safe_text import safe_line

# Longer lines say nothing; longer sequences there are none.
_LONGEST = 4096
_LONGEST_SEQUENCE = 64
_MESSAGE_LIMIT = 200

_NUMBER = rb"(-?\d{1,9}(?:\.\d{1,9})?)"
# Possessive throughout: a line that goes on for long must not be tried in every other way as well.
_LINE = re.compile(
    rb"[\r\n][ \t]*+progress:[ \t]*+"
    + _NUMBER
    + rb"(?:[ \t]*+%)?+(?:[ \t]++([^\r\n]*+))?+(?=[\r\n])",
    re.IGNORECASE,
)
# OSC 9;4;STATE;PERCENT: state 1 is plain progress, 2 an error, 4 a warning.
_OSC = re.compile(rb"\x1b\]9;4;[124];" + _NUMBER + rb"(?:\x07|\x1b\\)")


class ProgressReader:
    """Fed with what a command prints, in blocks cut anywhere, it remembers the last it said.

    `percent` is between 0 and 100, None before the first word; `message` is one safe line.
    """

    def __init__(self) -> None:
        self.percent: float | None = None
        self.message = ""
        self._rest = b"\n"

    def feed(self, block: bytes) -> None:
        """Take in more of what was printed."""
        data = self._rest + block
        lines = (line for line in _LINE.finditer(data) if len(line[0]) <= _LONGEST)
        found = [*lines, *_OSC.finditer(data)]
        for match in sorted(found, key=lambda one: one.end()):
            self._hear(match)
        self._rest = _unfinished(data)

    def _hear(self, match: re.Match[bytes]) -> None:
        self.percent = min(100.0, max(0.0, float(match[1])))
        if match.re is _LINE:
            words = (match[2] or b"").decode("utf-8", "replace")
            self.message = safe_line(words, limit=_MESSAGE_LIMIT).strip()


def _unfinished(data: bytes) -> bytes:
    """Return the end of the data that may go on: its last line, unless that is too long."""
    start = max(data.rfind(b"\n"), data.rfind(b"\r"), 0)
    rest = data[start:]
    if len(rest) <= _LONGEST:
        return rest
    # The line is nothing to us any more; a sequence within it may still be.
    return b"x" + rest[-_LONGEST_SEQUENCE:]
