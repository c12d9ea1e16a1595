"""The parts of an output file.

Beside every output file `NAME.log` stands `NAME.log.seg`: JSON lines, append-only.
A line `{"at": OFFSET, "kind": KIND, "ms": UNIX_MS, "label": TEXT}` says that a part of
that kind begins at that byte, and with `"of": OWNER` whose words it holds, so that whoever
takes a codex turn over knows what of it is written already; a line
`{"insert": OFFSET, "length": N}` says that N bytes were put in at OFFSET and everything
behind moved by N (codex reports the first chunk of a command's output only when the command
ends). A reader that sees an insert forgets what it knew of the file from OFFSET on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

SUFFIX = ".seg"


class SegmentKind(StrEnum):
    """What a part of an output file is."""

    STAGE = "stage"
    AGENT = "agent"
    TOOL = "tool"
    PROMPT = "prompt"
    MESSAGE = "message"
    REASONING = "reasoning"
    COMMAND = "command"
    OUTPUT = "output"
    FILES = "files"
    NOTE = "note"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of an output file beginning at byte `at`; `ms` is Unix time in milliseconds.

    `of` is empty or names what it is a part of, an item of a codex turn: `JOB/ITEM`.
    """

    at: int
    kind: SegmentKind
    ms: int
    label: str = ""
    of: str = ""

    def to_line(self) -> str:
        """Return the segment as a line of the segments file."""
        fields = {"at": self.at, "kind": self.kind.value, "ms": self.ms, "label": self.label}
        if self.of:
            fields["of"] = self.of
        return json.dumps(fields, separators=(",", ":")) + "\n"


@dataclass(frozen=True, slots=True)
class Insertion:
    """`length` bytes were put in at byte `at`."""

    at: int
    length: int

    def to_line(self) -> str:
        """Return the insertion as a line of the segments file."""
        return json.dumps({"insert": self.at, "length": self.length}, separators=(",", ":")) + "\n"


def parse_line(line: str) -> Segment | Insertion | None:
    """Return what a line of a segments file says, or None if it says nothing we know."""
    try:
        fields = json.loads(line)
        if "insert" in fields:
            return Insertion(int(fields["insert"]), int(fields["length"]))
        kind = SegmentKind(fields["kind"])
        label, owner = str(fields.get("label", "")), str(fields.get("of", ""))
        return Segment(int(fields["at"]), kind, int(fields["ms"]), label, owner)
    except (ValueError, KeyError, TypeError):
        return None
