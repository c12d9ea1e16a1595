"""A report's document as data for the typesetter: JSON, in which every text is but a text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import singledispatch
from itertools import groupby
from typing import Any

from foredeck.services.domain.safe_text import safe_text
from foredeck.services.reports import wording
from foredeck.services.reports.document import (
    Article,
    Bars,
    Block,
    Bullets,
    Diff,
    Document,
    Drawing,
    Facts,
    Fold,
    Instant,
    Link,
    Paragraph,
    Prose,
    Section,
    Sign,
    Table,
    Toned,
    Word,
    Words,
)
from foredeck.services.reports.pdf_drawings import bars_of, graph_of

# A word of more characters gets places where a line may break, so many apart.
_LONG_WORD = re.compile(r"\S{24,}")
_UNBROKEN = re.compile(r"\S{12}(?=\S)")
_BREAK = "\u200b"
_RUNNING_TITLE = 80
_DIFF_LINES = {"+": "added", "-": "removed", "@": "place"}

Data = dict[str, Any]


def data_of(document: Document) -> str:
    """Return a document as JSON.

    Keys and kinds are ours; all else went through `plain`, whatever it is and wherever it stands.
    """
    whole = {
        "kind": document.kind,
        "title": document.title,
        "running": wording.short(document.title, _RUNNING_TITLE),
        "standing": [block_of(block) for block in document.standing],
        "sections": [_section(section) for section in document.sections],
        "foot": document.foot,
    }
    return json.dumps(plain(whole), ensure_ascii=False)


def plain(value: Any) -> Any:
    """Return data with every text in it made harmless, and breakable where it is long."""
    match value:
        case str():
            return _plain_text(value)
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case _:
            return value


def _plain_text(text: str) -> str:
    text = safe_text(text)
    return _LONG_WORD.sub(lambda word: _UNBROKEN.sub(rf"\g<0>{_BREAK}", word[0]), text)


def _section(section: Section) -> Data:
    return {
        "anchor": section.anchor,
        "heading": section.heading,
        "blocks": [block_of(block) for block in section.blocks],
    }


def _words(words: Words) -> list[list[str]]:
    return [_word(word) for word in (words if isinstance(words, tuple) else (words,))]


def _word(word: Word) -> list[str]:
    match word:
        case Sign():
            return ["sign", f" {word.word}", word.glyph, word.colour]
        case Instant():
            return ["time", word.text]
        case Toned():
            return [word.tone.value, word.text]
        case Link():
            return ["text", word.text]
        case str():
            return ["text", word]


@singledispatch
def block_of(block: Block) -> Data:
    """Return a block as data; its `block` names what it is."""
    raise TypeError(f"A page has no {type(block).__name__}.")


@block_of.register
def _paragraph(block: Paragraph) -> Data:
    return {"block": "paragraph", "words": _words(block.words), "kind": block.kind}


@block_of.register
def _facts(block: Facts) -> Data:
    pairs = [{"name": name, "words": _words(value)} for name, value in block.pairs]
    return {"block": "facts", "pairs": pairs, "kind": block.kind}


@block_of.register
def _table(block: Table) -> Data:
    rows = [[_words(cell) for cell in row] for row in block.rows]
    return {"block": "table", "header": block.header, "widths": block.widths, "rows": rows}


@block_of.register
def _prose(block: Prose) -> Data:
    return {
        "block": "prose",
        "label": block.label,
        "text": block.excerpt.text,
        "code": block.code,
    }


@block_of.register
def _diff(block: Diff) -> Data:
    parts = [
        {"kind": kind, "text": "\n".join(lines)}
        for kind, lines in groupby(block.excerpt.text.split("\n"), _diff_kind)
    ]
    return {"block": "diff", "parts": parts}


def _diff_kind(line: str) -> str:
    return _DIFF_LINES.get(line[:1], "")


@block_of.register
def _bullets(block: Bullets) -> Data:
    return {"block": "bullets", "label": block.label, "items": block.items}


@block_of.register
def _article(block: Article) -> Data:
    return {
        "block": "article",
        "kind": block.kind,
        "heading": _words(block.heading),
        "blocks": _blocks(block.blocks),
    }


@block_of.register
def _fold(block: Fold) -> Data:
    return {"block": "fold", "heading": _words(block.summary), "blocks": _blocks(block.blocks)}


def _blocks(blocks: Sequence[Block]) -> list[Data]:
    return [block_of(block) for block in blocks]


@block_of.register
def _drawing(block: Drawing) -> Data:
    return graph_of(block.steps)


@block_of.register
def _bars(block: Bars) -> Data:
    return bars_of(block.chart)
