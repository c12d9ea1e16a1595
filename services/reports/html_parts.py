"""The blocks and words of a report's document as elements of a page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch

from foredeck.services.reports.document import (
    Article,
    Bars,
    Block,
    Bullets,
    Diff,
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
    Tone,
    Toned,
    Word,
    Words,
)
from foredeck.services.reports.html_drawings import bars_of, graph_of
from foredeck.services.reports.markup import Element, element

_TONES = {Tone.CODE: "code", Tone.STRONG: "strong", Tone.QUIET: "small"}
_DIFF_LINES = {"+": "added", "-": "removed", "@": "place"}


def section_of(section: Section) -> Element:
    """Return a section of the page under a heading of the second level."""
    heading = f"{section.anchor}-heading"
    title = element("h2", section.heading, id=heading)
    blocks = map(block_of, section.blocks)
    return element("section", title, blocks, id=section.anchor, aria_labelledby=heading)


def said(words: Words) -> list[Element | str]:
    """Return words for between the tags of an element."""
    return [_word(word) for word in (words if isinstance(words, tuple) else (words,))]


def _word(word: Word) -> Element | str:
    match word:
        case Sign():
            glyph = element("span", word.glyph, class_="glyph", aria_hidden="true")
            return element("span", glyph, f" {word.word}", class_=f"state {word.colour}")
        case Instant():
            return element("time", word.text, datetime=word.at.isoformat() if word.at else None)
        case Toned():
            return element(_TONES[word.tone], word.text, id=word.anchor or None)
        case Link():
            return element("a", word.text, href=f"#{word.anchor}")
        case str():
            return word


@singledispatch
def block_of(block: Block) -> Element:
    """Return a block as an element."""
    raise TypeError(f"A page has no {type(block).__name__}.")


@block_of.register
def _paragraph(block: Paragraph) -> Element:
    return element("p", *said(block.words), class_=block.kind or None)


@block_of.register
def _facts(block: Facts) -> Element:
    pairs = (
        element("div", element("dt", name), element("dd", *said(value)))
        for name, value in block.pairs
    )
    return element("dl", pairs, class_=block.kind)


@block_of.register
def _table(block: Table) -> Element:
    head = element("tr", (element("th", name, scope="col") for name in block.header))
    body = (element("tr", (element("td", *said(cell)) for cell in row)) for row in block.rows)
    whole = element("table", element("thead", head), element("tbody", body))
    # What scrolls must be reachable by the keyboard.
    return element("div", whole, class_="wide", role="region", aria_label=block.label, tabindex=0)


@block_of.register
def _prose(block: Prose) -> Element:
    label = element("p", block.label, class_="label") if block.label else None
    text = element("pre", block.excerpt.text, class_=None if block.code else "prose")
    return element("div", label, text)


@block_of.register
def _diff(block: Diff) -> Element:
    lines = block.excerpt.text.split("\n")
    spans = (element("span", f"{line}\n", class_=_DIFF_LINES.get(line[:1])) for line in lines)
    return element("pre", spans, class_="diff")


@block_of.register
def _bullets(block: Bullets) -> Element:
    items = (element("li", item) for item in block.items)
    return element("div", element("h3", block.label), element("ul", items))


@block_of.register
def _article(block: Article) -> Element:
    heading = element("h3", *said(block.heading))
    return element("article", heading, map(block_of, block.blocks), class_=block.kind)


@block_of.register
def _fold(block: Fold) -> Element:
    summary = element("summary", *said(block.summary))
    return element("details", summary, map(block_of, block.blocks), open=block.opened)


@block_of.register
def _drawing(block: Drawing) -> Element:
    return graph_of(block.steps)


@block_of.register
def _bars(block: Bars) -> Element:
    return bars_of(block.chart)


def contents(sections: tuple[Section, ...]) -> Element:
    """Return the links to the sections."""
    return element("nav", element("ul", _links(sections)), aria_label="Sections")


def _links(sections: tuple[Section, ...]) -> Iterator[Element]:
    for section in sections:
        yield element("li", element("a", section.heading, href=f"#{section.anchor}"))
