"""HTML and SVG from elements: a text in them is a text, whatever it says.

There is no way to put ready-made markup in. Strings are made harmless and escaped in one
place, when the page is written; names of elements and attributes are those listed here; a link
leads only within the page; no attribute holds a script or a style. So nobody has to remember
to escape, and a new field of a report cannot forget it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from foredeck.services.domain.safe_text import safe_text

Value = str | int | float | bool | None

# More than the report model lets through: characters of a line, and lines, of one text.
LONGEST_LINE = 10_000
MOST_LINES = 10_000

# fmt: off
_ELEMENTS = frozenset({
    "a", "article", "body", "code", "dd", "details", "div", "dl", "dt", "footer", "h1", "h2",
    "h3", "header", "li", "main", "nav", "p", "path", "pre", "rect", "section", "small",
    "span", "strong", "summary", "svg", "table", "tbody", "td", "text", "th", "thead", "time",
    "title", "tr", "ul",
})
_ATTRIBUTES = frozenset({
    "aria-hidden", "aria-label", "aria-labelledby", "class", "d", "datetime", "height", "href",
    "id", "open", "preserveAspectRatio", "role", "rx", "scope", "tabindex", "viewBox", "width",
    "x", "y",
})
# fmt: on


@dataclass(frozen=True, slots=True)
class Element:
    """An element with its attributes and what is in it; made by `element`, written once."""

    name: str
    attributes: tuple[tuple[str, str], ...]
    children: tuple[Child, ...]


Some = Element | str | None
Child = Some | Iterator[Some]


def element(name: str, *children: Child, **attributes: Value) -> Element:
    """Return an element; `class_` and `aria_label` stand for the names `class` and `aria-label`.

    Children that come from an iterator are made as the page is written: of a long table there is
    one row at a time, and nothing piles up that the interpreter would stop to look through.
    Attributes that are None or False are left out; of those that are True the name alone stands.
    Raises `ValueError` for a name that is not on the list, and for a link out of the page.
    """
    if name not in _ELEMENTS:
        raise ValueError(f"A report has no element {name!r}.")
    return Element(name, tuple(_attributes(attributes)), children)


def written(root: Element) -> str:
    """Return an element as HTML."""
    return "".join(_pieces(root))


def text_of(text: str) -> str:
    """Return a text of any origin, harmless and escaped, for between tags and within quotes."""
    if len(text) <= LONGEST_LINE and text.isascii() and text.isprintable():
        return escape(text)  # as `safe_text` would, but most texts of a report are of this kind
    return escape(safe_text(text, limit=LONGEST_LINE, lines=MOST_LINES))


def _attributes(values: dict[str, Value]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = key.rstrip("_").replace("_", "-")
        if name not in _ATTRIBUTES:
            raise ValueError(f"A report has no attribute {name!r}.")
        if value is None or value is False:
            continue
        text = "" if value is True else _value(value)
        if name == "href" and not text.startswith("#"):
            raise ValueError("A link in a report leads only within the report.")
        yield name, text


def _value(value: str | int | float) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)


def _pieces(root: Element) -> Iterator[str]:
    """Yield the page without recursion, so that no depth of nesting is too deep."""
    open_: list[tuple[str, Iterator[Child]]] = [("", iter((root,)))]
    while open_:
        for item in open_[-1][1]:
            if isinstance(item, str):
                yield text_of(item)
            elif isinstance(item, Element):
                yield f"<{item.name}{''.join(map(_attribute, item.attributes))}>"
                open_.append((f"</{item.name}>", iter(item.children)))
                break
            elif item is not None:
                open_.append(("", item))
                break
        else:
            yield open_.pop()[0]


def _attribute(pair: tuple[str, str]) -> str:
    name, value = pair
    return f' {name}="{text_of(value)}"' if value else f" {name}"
