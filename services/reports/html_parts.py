"""What the page of a report is made of: signs of states, facts, tables, folds, long texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum

from foredeck.services.domain.report_model import Excerpt
from foredeck.services.reports import wording
from foredeck.services.reports.markup import Element, element

Part = Element | str | None


def state_sign(state: Enum | str) -> Element:
    """Return a state as glyph and word, in its colour."""
    key = str(state.value if isinstance(state, Enum) else state)
    return element(
        "span",
        element("span", wording.glyph(key), class_="glyph", aria_hidden="true"),
        f" {wording.word(key)}",
        class_=f"state {wording.colour(key)}",
    )


def section(anchor: str, heading: str, *parts: Part) -> Element:
    """Return a section of the page under a heading of the second level."""
    title = element("h2", heading, id=f"{anchor}-heading")
    return element("section", title, *parts, id=anchor, aria_labelledby=f"{anchor}-heading")


def facts(pairs: Iterable[tuple[str, Part]], kind: str = "facts") -> Element:
    """Return names and values; those without a value are left out."""
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value))
            for name, value in pairs
            if value is not None and value != ""
        ),
        class_=kind,
    )


def table(label: str, header: Sequence[str], rows: Iterable[Sequence[Part]]) -> Element:
    """Return a table that scrolls within itself on a narrow screen."""
    head = element("tr", *(element("th", name, scope="col") for name in header))
    body = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    whole = element("table", element("thead", head), element("tbody", *body))
    # A region that scrolls must be reachable by the keyboard.
    return element("div", whole, class_="wide", role="region", aria_label=label, tabindex=0)


def fold(summary: Sequence[Part], *parts: Part, opened: bool = False) -> Element:
    """Return something folded away behind its summary."""
    return element("details", element("summary", *summary), *parts, open=opened)


def prose(excerpt: Excerpt, label: str = "") -> Element | None:
    """Return a long text as it was written, with its lines; None for an empty one."""
    if not excerpt:
        return None
    title = element("h4", label) if label else None
    return element("div", title, element("pre", excerpt.text), _cut(excerpt), class_="text")


def instant(at: datetime | None, *, whole: bool = True) -> Element:
    """Return a moment in UTC, with the date or without."""
    said = wording.moment(at) if whole else wording.clock(at)
    return element("time", said, datetime=at.isoformat() if at else None)


def bullets(label: str, items: Sequence[str]) -> Element | None:
    """Return a list under a heading; None if there is nothing in it."""
    if not items:
        return None
    rows = (element("li", item) for item in items)
    return element("div", element("h3", label), element("ul", *rows))


def note(text: str) -> Element:
    """Return a quiet sentence."""
    return element("p", text, class_="note")


def left_out(count: int, noun: str, where: str) -> Element | None:
    """Return the sentence that says what is not here, and where it is; None if all is."""
    if not count:
        return None
    return note(f"{wording.plural(count, noun)} not in this report: {where}.")


def _cut(excerpt: Excerpt) -> Element | None:
    if not excerpt.left_out:
        return None
    return note(f"{wording.plural(excerpt.left_out, 'character')} left out.")
