"""What a report consists of, before it is HTML or PDF: sections, and a few kinds of blocks.

Both formats are written from this one document, so they say the same in the same order. All
texts are plain; whoever writes a format makes them harmless for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

from foredeck.services.domain.amounts import plural
from foredeck.services.domain.report_model import Excerpt, ReportedStep
from foredeck.services.reports import wording
from foredeck.services.reports.spans import Chart


@dataclass(frozen=True, slots=True)
class Sign:
    """A state by glyph and word, in its colour."""

    state: str

    @property
    def glyph(self) -> str:
        """The sign that stands before the word."""
        return wording.glyph(self.state)

    @property
    def word(self) -> str:
        """The state in words."""
        return wording.word(self.state)

    @property
    def colour(self) -> str:
        """The name of its colour, one of `wording.COLOURS`."""
        return wording.colour(self.state)


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment, with the date or, where that is known, only by the time of day."""

    at: datetime | None
    whole: bool = True

    @property
    def text(self) -> str:
        """The moment in words."""
        return wording.moment(self.at) if self.whole else wording.clock(self.at)


class Tone(StrEnum):
    """How a word is set."""

    CODE = "code"
    STRONG = "strong"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Toned:
    """A word in a tone of its own; links lead to its `anchor`."""

    text: str
    tone: Tone
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead to another place of the report."""

    text: str
    anchor: str


Word = str | Sign | Instant | Toned | Link
Words = Word | tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A line or a few; `kind` is `standing`, `message`, `note` or nothing."""

    words: Words
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values; `kind` is `facts`, `small` for in one line, or `figures` for large."""

    pairs: tuple[tuple[str, Words], ...]
    kind: str = "facts"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; `widths` are shares of the width, where that is known."""

    label: str
    header: tuple[str, ...]
    rows: tuple[tuple[Words, ...], ...]
    widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prose:
    """A long text as it was written, with its lines; `code` sets it in columns."""

    excerpt: Excerpt
    label: str = ""
    code: bool = True


@dataclass(frozen=True, slots=True)
class Diff:
    """A change of a file, by lines."""

    excerpt: Excerpt


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list under a heading."""

    label: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """The graph of the steps."""

    steps: tuple[ReportedStep, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """When which step was at work."""

    chart: Chart


@dataclass(frozen=True, slots=True)
class Article:
    """Something with a heading of its own; `kind` is `failure`, `overcome`, `said`, `question`."""

    kind: str
    heading: Words
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Something behind its summary: folded on a screen unless `opened`, whole on paper."""

    summary: Words
    blocks: tuple[Block, ...]
    opened: bool = False


Block = Paragraph | Facts | Table | Prose | Diff | Bullets | Drawing | Bars | Article | Fold


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report; `anchor` is a word of our own."""

    anchor: str
    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report; `made_at` dates it."""

    kind: str
    title: str
    standing: tuple[Paragraph, ...]
    sections: tuple[Section, ...]
    foot: str
    made_at: datetime


def sign(state: Enum | str) -> Sign:
    """Return the sign of a state of whatever it is."""
    return Sign(str(state.value if isinstance(state, Enum) else state))


def quiet(text: str) -> Toned:
    """Return a word that stands back."""
    return Toned(text, Tone.QUIET)


def code(text: str) -> Words:
    """Return a word as it would be typed; nothing stays nothing."""
    return Toned(text, Tone.CODE) if text else ""


def note(text: str) -> Paragraph:
    """Return a quiet sentence."""
    return Paragraph(text, "note")


def facts(pairs: Iterable[tuple[str, Words | None]], kind: str = "facts") -> Facts:
    """Return the facts among `pairs` that have a value."""
    return Facts(tuple((name, value) for name, value in pairs if value not in (None, "")), kind)


def moment(at: datetime | None) -> Instant | None:
    """Return a moment for the facts, None if it has not come."""
    return Instant(at) if at else None


def prose(excerpt: Excerpt, label: str = "", *, code: bool = True) -> list[Block]:
    """Return a long text, or nothing for an empty one."""
    return [Prose(excerpt, label, code)] if excerpt else []


def left_out(count: int, noun: str, where: str) -> list[Block]:
    """Return the sentence that says what is not here, and where it is; nothing if all is."""
    if not count:
        return []
    return [note(f"{plural(count, noun)} not in this report: {where}.")]


def table(
    label: str, columns: Sequence[tuple[str, int]], rows: Iterable[tuple[Words, ...]]
) -> list[Block]:
    """Return a table of `columns` (name, share of the width), or nothing without rows."""
    body = tuple(rows)
    header, widths = zip(*columns, strict=True)
    return [Table(label, header, body, widths)] if body else []
