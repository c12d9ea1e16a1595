"""The lines of a Markdown plan, and the small words that are read from them (SPEC D8)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto

from foredeck.services.domain.safe_text import clean


@dataclass(frozen=True, slots=True)
class Note:
    """Something in a plan that was not understood; `line` counts from 1."""

    line: int
    text: str
    why: str


class LineKind(Enum):
    """What a line is, before anything of its words is read."""

    BLANK = auto()
    TEXT = auto()
    HEADING = auto()
    FENCE = auto()
    CODE = auto()
    HIDDEN = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plan; `number` counts from 1, `level` is that of a heading.

    Of a heading `text` is its words alone; of a fence the language of its block.
    """

    number: int
    text: str
    kind: LineKind
    level: int = 0

    @property
    def indent(self) -> int:
        """How many spaces stand in front of it."""
        return len(self.text) - len(self.text.lstrip(" "))


_LONGEST_HEADING = 1000
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_FENCE = re.compile(r"\s*(`{3,}|~{3,})\s*([^`]*)$")
_BULLET = re.compile(r"\s*(?:[-*+]|\d{1,4}[.)])\s+")
_CODE_SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)([^`]+)\1(?!`)")
_EMPHASIS = re.compile(r"\*\*|__|~~|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)")
_LINK = re.compile(r"\[([^\[\]]{1,200})\]\([^()]{0,500}\)")


def read_lines(text: str) -> tuple[list[Line], list[Note]]:
    """Return the lines of a plan, and a note for a code block that nothing closes."""
    rows = clean(text).split("\n")
    hidden = _front_matter(rows)
    lines: list[Line] = []
    fence, opened, commented = "", 0, False
    for number, row in enumerate(rows, start=1):
        match = _FENCE.match(row)
        if number <= hidden or commented:
            lines.append(Line(number, row, LineKind.HIDDEN))
            commented = commented and "-->" not in row
        elif fence:
            closes = match and match[1].startswith(fence) and not match[2].strip()
            kind = LineKind.FENCE if closes else LineKind.CODE
            lines.append(Line(number, "" if closes else row, kind))
            fence = "" if closes else fence
        elif match:
            fence, opened = match[1], number
            lines.append(Line(number, match[2].strip().lower(), LineKind.FENCE))
        elif row.lstrip().startswith("<!--"):
            commented = "-->" not in row
            lines.append(Line(number, row, LineKind.HIDDEN))
        else:
            lines.append(_plain_line(number, row))
    unclosed = "nothing closes this code block: all that follows was read as code"
    return lines, [Note(opened, rows[opened - 1].strip(), unclosed)] if fence else []


def _plain_line(number: int, row: str) -> Line:
    if not row.strip():
        return Line(number, "", LineKind.BLANK)
    if len(row) <= _LONGEST_HEADING and (match := _HEADING.match(row)):
        words = (match[2] or "").strip()
        return Line(number, _without_closing(words), LineKind.HEADING, len(match[1]))
    return Line(number, row.rstrip(), LineKind.TEXT)


def _without_closing(words: str) -> str:
    bare = words.rstrip("#")
    return bare.rstrip() if not bare or bare.endswith(" ") else words


def _front_matter(rows: list[str]) -> int:
    """Return how many lines at the top are front matter."""
    if rows[0].strip() != "---":
        return 0
    ends = (number for number, row in enumerate(rows[1:], start=2) if row.strip() == "---")
    return next(ends, 0)


def without_bullet(text: str) -> str:
    """Return the text of a list item, or the text itself."""
    match = _BULLET.match(text)
    return (text[match.end() :] if match else text).strip()


def is_bullet(text: str) -> bool:
    """Whether the line begins a list item."""
    return _BULLET.match(text) is not None


def code_spans(text: str) -> list[re.Match[str]]:
    """Return the matches of all `code` in a text; group 2 is the code."""
    return list(_CODE_SPAN.finditer(text))


def plain_words(text: str) -> str:
    """Return a text without emphasis, backticks and the targets of links."""
    return " ".join(_EMPHASIS.sub("", _LINK.sub(r"\1", text)).replace("`", "").split())


def slug(text: str, limit: int = 40) -> str:
    """Return a text as lower-case ASCII letters and digits with `-` between; may be empty."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", folded).strip("-")[:limit].rstrip("-")


def paragraph(rows: list[str]) -> str:
    """Return rows without their common indentation, and without blank ones around."""
    rows = [row.rstrip() for row in rows]
    margin = min((len(r) - len(r.lstrip(" ")) for r in rows if r), default=0)
    text = "\n".join(row[margin:] for row in rows)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n").rstrip()
