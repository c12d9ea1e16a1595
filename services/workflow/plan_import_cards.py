"""Which headings and list items of a plan are its tasks, and what belongs to each (SPEC D8)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from foredeck.services.domain.errors import PlanError
from foredeck.services.workflow.plan_import_fields import (
    Field,
    FieldKind,
    core_kinds,
    read_fields,
)
from foredeck.services.workflow.plan_import_marks import box_done, without_marks
from foredeck.services.workflow.plan_import_text import (
    Line,
    LineKind,
    Note,
    plain_words,
    read_lines,
    slug,
)

TASK_LIMIT = 1000
ORDER = re.compile(
    r"(?:\d+[.)]?\s+)?(?:(?:suggested|recommended|task)\s+)?(?:execution|implementation|build)?\s*"
    r"(?:order(?:ing)?(?: of (?:execution|implementation|work|tasks))?|sequence"
    r"|dependency (?:graph|order|chain))\s*:?",
    re.IGNORECASE,
)
_SECTION = re.compile(
    r"(?:overview|introduction|background|goals?|context|architecture|risks?|summary|scope|status"
    r"|assumptions|requirements|dependencies|references|appendix|glossary|notes|open questions"
    r"|acceptance criteria|verification|testing|timeline|tasks?|task list|progress|files?)"
    r"\b.{0,20}",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?P<word>task|step|card|ticket|story|item|issue|t)[\s_#-]{0,3}"
    r"(?P<number>\d{1,6}(?:\.\d{1,4}){0,4}[a-z]?)(?![\w%])\s*[\]:.)–—-]*\s*(?P<title>.*)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"#?(?P<number>\d{1,6}(?:\.\d{1,4}){0,4})(?:[.):]\s|\s+[-–—:]\s|(?<=\d\.\d)\s)\s*(?P<title>\S.*)"
)
_ITEM = re.compile(r" {0,3}(?P<bullet>[-*+]|(?P<number>\d{1,6})[.)])\s+(?P<text>\S.{0,1000})$")


@dataclass(frozen=True, slots=True)
class Label:
    """How a heading or list item names a task; all empty where it does not."""

    word: str
    number: str
    title: str
    done: bool | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A line that says whether a task is done."""

    line: int
    done: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A task of a plan: where it is named, and its fields.

    `marks` are further lines that say whether it is done: those of a list of all tasks.
    """

    id: str
    line: int
    label: Label
    fields: tuple[Field, ...]
    marks: tuple[Mark, ...] = ()

    @property
    def number(self) -> str:
        return self.label.number

    @property
    def title(self) -> str:
        return self.label.title

    def of(self, *kinds: FieldKind) -> list[Field]:
        """Return its fields of these kinds, in the order of the plan."""
        return [f for f in self.fields if f.kind in kinds]


@dataclass
class Plan:
    """What a plan says: its title, its tasks, and the sections that give their order."""

    title: str = ""
    cards: list[Card] = field(default_factory=list)
    orders: list[list[Line]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def read_label(text: str) -> Label:
    """Return how a heading or a list item names a task."""
    done = box_done(text)
    words = plain_words(without_marks(re.sub(r"^\s*\[[ xX~/-]\]\s*", "", text)))
    words = re.sub(r"^\[([^\[\]]+)\]", r"\1", words)
    match = _LABEL.match(words) or _NUMBERED.match(words)
    if match is None:
        return Label("", "", words, done)
    word = match.groupdict().get("word") or ""
    number = normal_number(match["number"])
    title = match["title"].strip() or f"{word.title() if len(word) > 1 else 'Task'} {number}"
    return Label("task" if word.lower() == "t" else word.lower(), number, title.strip(), done)


def normal_number(text: str) -> str:
    """Return a task's number without leading zeros: `003` is `3`."""
    return ".".join(part.lstrip("0") or "0" for part in text.lower().split("."))


def read_plan(text: str) -> Plan:
    """Return the tasks of a plan, with unique ids; raises `PlanError` for too many."""
    lines, notes = read_lines(text)
    plan = Plan(notes=notes)
    headings = _Headings(lines)
    plan.title = headings.title
    cards, rest = headings.split(plan)
    listed = _listed(rest, labelled=True)
    cards = cards + _apart(cards, listed)
    if not cards:
        cards = _listed(rest, labelled=False)
    if len(cards) > TASK_LIMIT:
        raise PlanError(
            f"The plan has {len(cards):,} tasks; {TASK_LIMIT:,} is the limit.",
            "Import it in parts.",
        )
    plan.cards = _named(sorted(cards, key=lambda card: card.line), plan.notes)
    return plan


class _Headings:
    """The headings of a plan, and which of them are tasks."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._at = [i for i, line in enumerate(lines) if line.kind is LineKind.HEADING]
        self._labels = {i: read_label(lines[i].text) for i in self._at}
        self._strong = any(self._is_strong(i) for i in self._at)

    @property
    def title(self) -> str:
        first = next((self._lines[i] for i in self._at if self._lines[i].level == 1), None)
        return plain_words(first.text) if first else ""

    def split(self, plan: Plan) -> tuple[list[Card], list[Line]]:
        """Return the headed tasks and the lines of no task; give the plan its order."""
        cards: list[Card] = []
        rest: list[Line] = []
        position = 0
        for i, end, body in self._sections():
            if i < position:
                continue
            rest += self._lines[position:i]
            position = end
            if ORDER.fullmatch(plain_words(self._lines[i].text)):
                plan.orders.append(body)
            elif self._is_task(i, end, body):
                body, order = _cut_order(body)
                plan.orders += [order] if order else []
                fields = tuple(read_fields(body))
                cards.append(Card("", self._lines[i].number, self._labels[i], fields))
            else:
                rest.append(self._lines[i])
                position = i + 1
        return cards, rest + list(self._lines[position:])

    def _sections(self) -> Iterator[tuple[int, int, list[Line]]]:
        """Yield each heading's index, where its section ends, and the lines of that."""
        ends = self._ends()
        for i in self._at:
            yield i, ends[i], list(self._lines[i + 1 : ends[i]])

    def _ends(self) -> dict[int, int]:
        """Return for each heading where the next of its level or a higher one stands."""
        ends: dict[int, int] = {}
        open_: list[int] = []
        for i in self._at:
            while open_ and self._lines[open_[-1]].level >= self._lines[i].level:
                ends[open_.pop()] = i
            open_.append(i)
        return ends | dict.fromkeys(open_, len(self._lines))

    def _is_strong(self, i: int) -> bool:
        label = self._labels[i]
        return bool(label.word) or label.done is not None

    def _is_task(self, i: int, end: int, body: list[Line]) -> bool:
        kinds = core_kinds(body) - {FieldKind.META, FieldKind.DESCRIPTION, FieldKind.CONSTRAINT}
        if self._is_strong(i) or self._labels[i].number:
            if not kinds and self._holds_tasks(i, end):
                return False
            section = _SECTION.fullmatch(self._labels[i].title) and not self._labels[i].word
            return self._is_strong(i) or bool(kinds) or not (self._strong or section)
        if self._lines[i].level == 1 or _SECTION.fullmatch(plain_words(self._lines[i].text)):
            return False
        return FieldKind.STATUS in kinds or len(kinds) > 1

    def _holds_tasks(self, i: int, end: int) -> bool:
        """Whether headings below this one are tasks of the same kind: `1` holds `1.1`."""
        mine = self._labels[i]
        inside = self._at[bisect_right(self._at, i) : bisect_left(self._at, end)]
        others = (self._labels[j] for j in inside)
        return any(o.number and (o.word == mine.word or not mine.word) for o in others)


def _cut_order(body: list[Line]) -> tuple[list[Line], list[Line]]:
    """Return a task's own lines, and those of a section of the plan's order among them."""
    for i, line in enumerate(body):
        if line.kind is LineKind.HEADING and ORDER.fullmatch(plain_words(line.text)):
            return body[:i], body[i + 1 :]
    return body, []


def _listed(lines: Sequence[Line], *, labelled: bool) -> list[Card]:
    """Return the tasks among list items: `- [ ] **T3** …`, or any with a checkbox."""
    cards = []
    for i, line in enumerate(lines):
        match = _ITEM.match(line.text) if line.kind is LineKind.TEXT else None
        if match is None:
            continue
        label = read_label(match["text"])
        if match["number"] and not label.number:
            label = replace(label, number=normal_number(match["number"]))
        marked = label.done is not None or match["text"].startswith(("**", "__"))
        if marked and label.word if labelled else label.done is not None:
            body = _item_body(lines, i)
            cards.append(Card("", line.number, label, tuple(read_fields(body))))
    return cards


def _item_body(lines: Sequence[Line], at: int) -> list[Line]:
    """Return the lines that belong to the list item at index `at`."""
    body: list[Line] = []
    in_code = after_blank = False
    indent = lines[at].indent
    for i in range(at + 1, len(lines)):
        line = lines[i]
        if line.kind is LineKind.HEADING:
            break
        outside = line.kind is LineKind.TEXT and line.indent <= indent
        if outside and (after_blank or _ITEM.match(line.text)):
            break
        in_code = line.kind in (LineKind.CODE, LineKind.FENCE)
        after_blank = line.kind is LineKind.BLANK or (after_blank and in_code)
        body.append(line)
    return body


def _apart(headed: list[Card], listed: list[Card]) -> list[Card]:
    """Return the listed tasks that have no heading; of others the list item is a mark."""
    by_number = {card.number: i for i, card in reversed(list(enumerate(headed)))}
    apart = []
    for card in listed:
        at = by_number.get(card.number)
        if at is None:
            apart.append(card)
        elif card.label.done is not None:
            mark = Mark(card.line, card.label.done)
            headed[at] = replace(headed[at], marks=(*headed[at].marks, mark))
    return apart


def _named(cards: list[Card], notes: list[Note]) -> list[Card]:
    """Give each task an id of its own: `task-3`, or its title in short."""
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    named = []
    for position, card in enumerate(cards, start=1):
        if card.number and card.number in numbers:
            why = f"line {numbers[card.number]} has a task of this number already"
            notes.append(Note(card.line, f"Task {card.number}", f"{why}; references mean that"))
        numbers.setdefault(card.number, card.line)
        wanted = slug(f"task-{card.number}" if card.number else card.title) or f"task-{position}"
        named.append(replace(card, id=_free(wanted, taken)))
    return named


def _free(wanted: str, taken: set[str]) -> str:
    number, found = 1, wanted
    while found in taken:
        number += 1
        found = f"{wanted}-{number}"
    taken.add(found)
    return found
