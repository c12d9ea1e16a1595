"""The graph of a run's steps, and the bars of their times, as inline SVG."""

from __future__ import annotations

from datetime import datetime

from foredeck.services.domain.amounts import duration
from foredeck.services.domain.report_model import ReportedStep
from foredeck.services.reports import wording
from foredeck.services.reports.graph_layout import (
    BOX_HEIGHT,
    BOX_WIDTH,
    TITLE_LENGTH,
    TOO_LARGE,
    Box,
    Edge,
    Graph,
    lay_out,
    strips,
)
from foredeck.services.reports.markup import Element, element
from foredeck.services.reports.overview import step_anchor
from foredeck.services.reports.spans import Chart, Lane, Span

_MARGIN = 2.0
# A wide graph shrinks to the page, so many pixels wide, as far as it can be read; then it scrolls.
_ROOM = 1040.0
_SMALLEST = 0.65
# A high graph is cut into parts of at most so many points, which a printed page holds.
_PART = 800.0
# The width of a bar's drawing, which is stretched to what room there is, and its least part.
_BAR = 1000.0
_LEAST = 4.0


def graph_of(steps: tuple[ReportedStep, ...]) -> Element:
    """Return the drawing of the steps, or a sentence where it would be too large to follow."""
    graph = lay_out({step.key: step.needs for step in steps})
    if graph is None:
        return element("p", TOO_LARGE, class_="note")
    parts = strips(graph, _PART)
    numbers = {step.key: number for number, step in enumerate(steps)}

    def drawn(number: int, part: Graph) -> Element:
        boxes = (_box(box, steps[numbers[box.key]], numbers[box.key]) for box in part.boxes)
        # Where it goes on, no margin parts the lines from the rest of themselves.
        above = _MARGIN if number == 0 else 0.0
        below = _MARGIN if number == len(parts) - 1 else 0.0
        return _drawing(part, above, below, (*map(_edge, part.edges), *boxes))

    said = "Graph: the steps, each below those that it needs; the table below says the same."
    drawings = (drawn(*each) for each in enumerate(parts))
    return element(
        "div", *drawings, class_="wide graph", role="region", aria_label=said, tabindex=0
    )


def _drawing(part: Graph, above: float, below: float, content: tuple[Element, ...]) -> Element:
    width, height = part.width + 2 * _MARGIN, part.height + above + below
    scale = max(_SMALLEST, min(1.0, _ROOM / width))
    return element(
        "svg",
        *content,
        viewBox=f"{-_MARGIN:g} {-above:g} {width:g} {height:g}",
        width=width * scale,
        height=height * scale,
        role="group",
    )


def _edge(edge: Edge) -> Element:
    return element("path", d=path_of(edge), class_="edge")


def path_of(edge: Edge) -> str:
    """Return the line through an edge's points: curves between layers, straight within one."""
    (x, y), *rest = edge.points
    pieces = [f"M{x:g} {y:g}"]
    for next_x, next_y in rest:
        middle = (y + next_y) / 2
        pieces.append(f"C{x:g} {middle:g} {next_x:g} {middle:g} {next_x:g} {next_y:g}")
        x, y = next_x, next_y
    return "".join(pieces)


def _box(box: Box, step: ReportedStep, number: int) -> Element:
    state = step.state.value
    said = f"{wording.glyph(state)} {wording.word(state)}"
    taken = f" · {duration(step.duration)}" if step.duration is not None else ""
    return element(
        "a",
        element("title", f"{step.title}: {wording.word(state)}"),
        element("rect", x=box.x, y=box.y, width=BOX_WIDTH, height=BOX_HEIGHT, rx=4),
        element("rect", x=box.x, y=box.y, width=4, height=BOX_HEIGHT, class_="edge-mark"),
        element("text", wording.short(step.title, TITLE_LENGTH), x=box.x + 12, y=box.y + 15),
        element("text", said + taken, x=box.x + 12, y=box.y + 28, class_="said"),
        href=f"#{step_anchor(number)}",
        class_=f"box {wording.colour(state)}",
    )


def bars_of(chart: Chart) -> Element:
    """Return when which step was at work, a bar for each attempt."""
    ends = element("p", _instant(chart.begin), _instant(chart.end), class_="ends")
    scale = element("div", element("span"), ends, element("span"), class_="lane")
    return element("div", scale, *map(_lane, chart.lanes), class_="bars")


def _instant(at: datetime) -> Element:
    return element("time", wording.moment(at), datetime=at.isoformat())


def _lane(lane: Lane) -> Element:
    drawing = element(
        "svg",
        *map(_bar, lane.spans),
        viewBox=f"0 0 {_BAR:g} 12",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    took = element("span", duration(lane.seconds), element("small", lane.said))
    return element("div", element("span", lane.title), drawing, took, class_="lane")


def _bar(span: Span) -> Element:
    width = max(span.length * _BAR, _LEAST)
    x = min(span.start * _BAR, _BAR - width)
    colour = wording.colour(span.state.value)
    return element("rect", x=x, y=0, width=width, height=12, class_=colour)
