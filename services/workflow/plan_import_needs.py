"""Which task of a plan comes after which: its dependencies and its order (SPEC D8)."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from foredeck.services.domain.errors import PlanError
from foredeck.services.workflow.plan_import_cards import Card, normal_number, read_label
from foredeck.services.workflow.plan_import_fields import FieldKind
from foredeck.services.workflow.plan_import_text import (
    Line,
    LineKind,
    Note,
    is_bullet,
    plain_words,
    slug,
    without_bullet,
)

_NONE = re.compile(r"(?:none|nothing|no(?:ne)? dependencies|no|n/?a|nil|[-–—])?\W*", re.IGNORECASE)
_ALL = re.compile(r"(?:all|every)(?: (?:of )?(?:the )?(?:previous|prior|above|other|earlier).*)?")
_PREVIOUS = re.compile(r"(?:the )?(?:previous|preceding)(?: (?:task|step|one))?")
_WORD = r"(?:(?:tasks?|steps?|cards?|tickets?|stor(?:y|ies)|items?|issues?|t)[\s_#-]{0,3}|#)?"
_NUMBER = r"\d{1,6}(?:\.\d{1,4}){0,4}[a-z]?"
_ONE = re.compile(rf"{_WORD}({_NUMBER})(?![\w%])\s*(?:[(:–—.-].*)?$", re.IGNORECASE)
_RANGE = re.compile(
    rf"{_WORD}(\d{{1,6}})\s*(?:-|–|—|\.\.|to|through|until)\s*{_WORD}(\d{{1,6}})$", re.IGNORECASE
)
_NAMED = re.compile(
    rf"(?:\b(?:tasks?|steps?|cards?|tickets?|t)[\s_#-]{{0,3}}|#)({_NUMBER})(?![\w%])", re.IGNORECASE
)
_SPLIT = re.compile(r"[,;\n]|\s(?:and|&|\+)\s", re.IGNORECASE)
_ARROW = re.compile(r"\s*(?:-{1,3}>|={1,2}>|→|➜|⟶|⇒|➔)\s*")
_PREFIX = re.compile(
    r"(?:phase|wave|stage|round|batch|group|level|first|then|next|finally|last|in parallel"
    r"|parallel|start(?: with)?)\b[\s\w()-]{0,20}:\s*|(?:first|then|next|finally|last)\b,?\s+",
    re.IGNORECASE,
)
_MOST = 1000


class References:
    """Finds the tasks that a text names: by number, title or id."""

    def __init__(self, cards: Sequence[Card]) -> None:
        self._cards = cards
        self._by_number: dict[str, str] = {}
        self._by_name: dict[str, str] = {}
        for card in cards:
            if card.number:
                self._by_number.setdefault(card.number, card.id)
            for name in (slug(card.title, 200), card.id):
                self._by_name.setdefault(name, card.id)
        self._by_name.pop("", None)
        self._names = sorted(self._by_name)

    def all_of(self, text: str, before: str = "") -> tuple[list[str], list[str]]:
        """Return the ids that a list of references names, and the words that name none.

        `before` is the id of the task that says it.
        """
        found: list[str] = []
        unknown: list[str] = []
        for piece in self._pieces(text):
            ids = self._one(piece, before)
            found += ids
            if not ids and not _NONE.fullmatch(piece):
                unknown.append(piece)
        return list(dict.fromkeys(found)), unknown

    def within(self, text: str) -> tuple[list[str], list[str]]:
        """Return the ids that free words name somewhere, and the words if they name none."""
        ids, unknown = self.all_of(text)
        if ids and not unknown:
            return ids, []
        named = (self._by_number.get(normal_number(n)) for n in _NAMED.findall(text))
        ids = list(dict.fromkeys([*ids, *filter(None, named)]))
        return (ids, []) if ids else ([], [text])

    def _pieces(self, text: str) -> Iterator[str]:
        """Split at commas and `and`, but not inside the title of a task."""
        for row in text.split("\n"):
            words = plain_words(without_bullet(row))
            if self._title(words):
                yield words
                continue
            for part in _SPLIT.split(words):
                yield part.strip(" .()")

    def _one(self, piece: str, before: str) -> list[str]:
        words = piece.strip()
        ids = [card.id for card in self._cards]
        earlier = ids[: ids.index(before)] if before in ids else []
        if _ALL.fullmatch(words.lower()):
            return earlier
        if _PREVIOUS.fullmatch(words.lower()):
            return earlier[-1:]
        if match := _RANGE.match(words):
            return self._range(int(match[1]), int(match[2]))
        if match := _ONE.match(words):
            return self._number(match[1])
        title = self._title(words)
        return [title] if title else []

    def _number(self, text: str) -> list[str]:
        found = self._by_number.get(normal_number(text))
        return [found] if found else []

    def _range(self, first: int, last: int) -> list[str]:
        if last - first > _MOST:
            return []
        return [i for n in range(first, last + 1) for i in self._number(str(n))]

    def _title(self, words: str) -> str | None:
        """Return the task of this title, or the only one whose title begins so."""
        name = slug(re.sub(r"\s*\(.*\)$", "", words), 200)
        if not name:
            return None
        if exact := self._by_name.get(name) or self._by_name.get(slug(read_label(words).title)):
            return exact
        at = bisect_left(self._names, f"{name}-")
        begun = [n for n in self._names[at : at + 2] if n.startswith(f"{name}-")]
        return self._by_name[begun[0]] if len(begun) == 1 and len(name) > 2 else None


def find_needs(
    cards: Sequence[Card], orders: Sequence[Sequence[Line]], notes: list[Note]
) -> dict[str, tuple[str, ...]]:
    """Return the ids that each task needs; raises `PlanError` for a cycle.

    The order of the plan holds for the tasks that say nothing of dependencies themselves.
    """
    references = References(cards)
    needs: dict[str, list[str]] = {card.id: [] for card in cards}
    silent = set()
    for card in cards:
        if not card.of(FieldKind.NEEDS):
            silent.add(card.id)
        for field in card.of(FieldKind.NEEDS):
            ids, unknown = references.all_of(field.text, card.id)
            needs[card.id] += ids
            notes += [Note(field.line, words, _UNKNOWN) for words in unknown]
    for need, step in _ordered(references, orders, notes):
        if step in silent:
            needs[step].append(need)
    if len(cards) > 1 and not orders and len(silent) == len(cards):
        notes.append(Note(cards[0].line, cards[0].title, _NO_ORDER))
    found = {step: tuple(dict.fromkeys(ids)) for step, ids in needs.items()}
    _refuse_cycle(cards, found)
    return found


_UNKNOWN = "no task has this number or title; the dependency is left out"
_NO_ORDER = (
    "the plan says neither dependencies nor an execution order: its tasks may run at the same time"
)


def _ordered(
    references: References, orders: Sequence[Sequence[Line]], notes: list[Note]
) -> Iterator[tuple[str, str]]:
    """Yield (need, step) for each pair that the plan's order puts one after the other."""
    for order in orders:
        listed: list[list[str]] = []
        for line in order:
            if line.kind not in (LineKind.TEXT, LineKind.CODE):
                continue
            chain = _ARROW.split(without_bullet(line.text) if is_bullet(line.text) else line.text)
            if len(chain) < 2 and not is_bullet(line.text):
                continue
            stages = [_stage(references, words, line, notes) for words in chain]
            if len(chain) > 1:
                yield from _pairs(stages)
            else:
                listed += [stage for stage in stages if stage]
        yield from _pairs(listed)


def _stage(references: References, words: str, line: Line, notes: list[Note]) -> list[str]:
    bare = _PREFIX.sub("", plain_words(words), count=1).strip(" .()[]")
    ids, unknown = references.within(bare)
    notes += [
        Note(line.number, text, "no task has this number or title; it is left out of the order")
        for text in unknown
    ]
    return ids


def _pairs(stages: Sequence[Sequence[str]]) -> Iterator[tuple[str, str]]:
    stages = [stage for stage in stages if stage]
    for earlier, later in pairwise(stages):
        yield from ((need, step) for step in later for need in earlier)


def _refuse_cycle(cards: Sequence[Card], needs: Mapping[str, Sequence[str]]) -> None:
    cycle = find_cycle(needs)
    if not cycle:
        return
    card = next(card for card in cards if card.id == cycle[0])
    fields = card.of(FieldKind.NEEDS)
    raise PlanError(
        f"The tasks wait for each other: {' → '.join(cycle)} (each needs the next).",
        "Take one of these dependencies out of the plan.",
        fields[0].line if fields else card.line,
    )


def find_cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the ids of a cycle, the first again at the end; empty without one."""
    done: set[str] = set()
    for start in needs:
        path: list[str] = []
        walks = [iter((start,))]
        while walks:
            step = next(walks[-1], None)
            if step is None:
                walks.pop()
                done.update(path[-1:])
                path = path[:-1]
            elif step in path:
                return [*path[path.index(step) :], step]
            elif step not in done:
                path.append(step)
                walks.append(iter(needs.get(step, ())))
    return []
