"""The fields of a task in a plan: `**Status:** todo`, `- Files: a.py`, `#### Verification`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from foredeck.services.workflow.plan_import_text import (
    Line,
    LineKind,
    is_bullet,
    paragraph,
    plain_words,
)


class FieldKind(Enum):
    """What a field is for."""

    STATUS = auto()
    DESCRIPTION = auto()
    FILES = auto()
    VERIFY = auto()
    NEEDS = auto()
    DONE_WHEN = auto()
    CONSTRAINT = auto()
    META = auto()


K = FieldKind
_NAMES = {
    K.STATUS: "status|state|progress",
    K.DESCRIPTION: "description|goal|goals|objective|summary|purpose|details|what|what to do"
    "|scope|work|why|context|background|overview|task description",
    K.FILES: "files?|paths?|affected files?|modified files?|new files?|files touched"
    "|files? to (?:change|create|modify|touch|edit|update|add|read)|files? (?:changed|affected)"
    "|create|modify|creates|modifies|touches",
    K.VERIFY: "verification|verify|verify with|verified by|how to verify|validation|validate"
    "|tests?|testing|test command|verification commands?|verification steps?|checks?|check with",
    K.NEEDS: "dependencies|dependency|depends|depends on|dependent on|requires|needs|blocked by"
    "|after|prerequisites?|prereqs?|deps",
    K.DONE_WHEN: "acceptance|acceptance criteria|acceptance criterion|done when"
    "|definition of done|success criteria|expected(?: result| outcome)?|exit criteria",
    K.CONSTRAINT: "constraints?|notes?|rules|requirements|out of scope|hints?|implementation"
    "|implementation notes|implementation steps|approach|steps|risks?|details to keep",
    K.META: "owners?|assignees?|assigned to|priority|prio|estimates?|estimated time|effort|size"
    "|complexity|due|due date|labels?|tags?|milestone|phase|sprint|points|story points|component"
    "|area|id|type|severity|started|completed|completed on|finished|reviewer",
}
_KNOWN = {kind: re.compile(f"(?:{names})", re.IGNORECASE) for kind, names in _NAMES.items()}
_LEAD = r"(?P<lead>\s*(?:[-*+]\s+|\d{1,4}[.)]\s+|\|\s*)?)"
_MARKED = re.compile(
    _LEAD + r"(?P<em>\*\*|__|\*|_)(?P<name>[A-Za-z][^*_:|`]{0,40}?)\s*"
    r"(?::\s*(?P=em)|(?P=em)\s*:|(?P=em)\s*\|)[ \t]*(?P<value>.*)$"
)
_BARE = re.compile(
    _LEAD + r"(?P<em>)(?P<name>[A-Za-z][A-Za-z0-9 _/'()-]{0,40}?)\s*(?::(?!//|:)|\|)"
    r"[ \t]*(?P<value>.*)$"
)
_RULE = re.compile(r"[\s|:*_-]+$")
_TABLE_HEAD = frozenset({"field", "property", "key", "name", "attribute"})
_LONG = frozenset({K.DESCRIPTION, K.CONSTRAINT, K.DONE_WHEN})
_BREAKS_OUT = frozenset({K.STATUS, K.NEEDS, K.FILES, K.VERIFY})
_CHECKBOX = re.compile(r"\s*[-*+]\s+\[[ xX~/-]\]\s")
_MOST_WORDS = 4
_NESTED = 2


@dataclass
class Field:
    """A field of a task, from `line` on; `rows` are its lines with their kinds.

    `heading` says that it is a section of its own, `indent` where its name stands.
    """

    kind: FieldKind
    name: str
    line: int
    indent: int = 0
    heading: bool = False
    rows: list[Line] = field(default_factory=list)

    @property
    def is_block(self) -> bool:
        """Whether its value stands below its name."""
        return self.heading or not (self.rows and self.rows[0].number == self.line)

    @property
    def text(self) -> str:
        """Its value, code blocks with their fences."""
        rows = self.rows
        if self.is_block:
            return paragraph(_words(rows))
        apart = "\n\n" if len(rows) > 1 and rows[1].kind is LineKind.BLANK else "\n"
        return apart.join(filter(None, (rows[0].text.strip(), paragraph(_words(rows[1:])))))


def _words(rows: Sequence[Line]) -> list[str]:
    return [f"```{row.text}".strip() if row.kind is LineKind.FENCE else row.text for row in rows]


def known_kind(name: str) -> FieldKind | None:
    """Return what a field of this name is for, None for a name that has no meaning here."""
    words = plain_words(name).strip(" :")
    return next((kind for kind, names in _KNOWN.items() if names.fullmatch(words)), None)


def match_field(text: str) -> re.Match[str] | None:
    """Return the match of a line that looks like `name: value`, with lead, name and value."""
    return _MARKED.match(text) or _BARE.match(text)


def _is_table_head(match: re.Match[str]) -> bool:
    table = match["lead"].strip() == "|"
    return table and plain_words(match["name"]).lower() in _TABLE_HEAD


def core_kinds(body: Sequence[Line]) -> set[FieldKind]:
    """Return which fields stand in the lines up to the next heading or checkbox."""
    kinds: set[FieldKind] = set()
    for line in body:
        if line.kind is LineKind.HEADING or _CHECKBOX.match(line.text):
            break
        own = line.kind is LineKind.TEXT and line.indent < _NESTED
        match = match_field(line.text) if own else None
        if match and (kind := known_kind(match["name"])):
            kinds.add(kind)
    return kinds


def read_fields(body: Sequence[Line]) -> list[Field]:
    """Return the fields of a task's body; free text becomes fields of kind description."""
    return _FieldReader().read(body)


class _FieldReader:
    """Goes through the lines of one task and deals them to its fields."""

    def __init__(self) -> None:
        self._fields: list[Field] = []
        self._current: Field | None = None
        self._after_blank = False

    def read(self, body: Sequence[Line]) -> list[Field]:
        for line in body:
            if line.kind is LineKind.HIDDEN:
                continue
            if line.kind is LineKind.BLANK:
                self._append(line)
            elif line.kind is LineKind.HEADING:
                self._heading(line)
            elif not (line.kind is LineKind.TEXT and self._begins_field(line)):
                self._text(line)
            self._after_blank = line.kind is LineKind.BLANK
        return self._fields

    def _append(self, line: Line) -> None:
        if self._current:
            self._current.rows.append(line)

    def _open(self, opened: Field) -> None:
        self._fields.append(opened)
        self._current = opened

    def _heading(self, line: Line) -> None:
        kind = known_kind(line.text)
        self._open(Field(kind or K.DESCRIPTION, line.text, line.number, heading=True))
        if kind is None:
            self._append(Line(line.number, f"{plain_words(line.text)}:", LineKind.TEXT))

    def _begins_field(self, line: Line) -> bool:
        if _RULE.match(line.text) and line.text.lstrip().startswith("|"):
            return True
        match = match_field(line.text)
        if match and _is_table_head(match):
            return True
        kind = self._kind_of(match, line) if match else None
        if match is None or kind is None:
            return False
        table = match["lead"].strip() == "|" or "|" in match[0][: match.start("value")]
        value = match["value"].strip().rstrip("|").strip() if table else match["value"].strip()
        self._open(Field(kind, plain_words(match["name"]), line.number, line.indent))
        if value:
            self._append(Line(line.number, value, LineKind.TEXT))
        return True

    def _kind_of(self, match: re.Match[str], line: Line) -> FieldKind | None:
        """Return the kind of the field that begins here, None if this is text of another."""
        kind, marked = known_kind(match["name"]), bool(match["em"])
        now = self._current
        if "|" in match[0][: match.start("value")]:
            return kind or K.META
        if now and now.heading:
            return kind if marked and kind in _BREAKS_OUT else None
        if now and line.indent > now.indent and now.kind is not K.META:
            return None
        if kind:
            return kind
        if len(match["name"].split()) > _MOST_WORDS or not match["value"].strip():
            return None
        listed = now is not None and now.kind not in _LONG and not self._after_blank
        return K.META if marked or (listed and is_bullet(line.text)) else None

    def _text(self, line: Line) -> None:
        if self._current is None or not self._goes_on(self._current, line):
            self._open(Field(K.DESCRIPTION, "", line.number, line.indent))
        self._append(line)

    def _goes_on(self, now: Field, line: Line) -> bool:
        if now.heading or now.kind in _LONG:
            return True
        if line.kind is not LineKind.TEXT:
            return now.kind in (K.VERIFY, K.FILES, K.NEEDS)
        if line.indent > now.indent:
            return True
        if now.is_block and (is_bullet(line.text) or not self._after_blank):
            return True
        single = now.kind in (K.STATUS, K.META)
        return not (self._after_blank or single or is_bullet(line.text))
