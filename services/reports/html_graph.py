"""The graph of a run's steps as an inline SVG."""

from __future__ import annotations

from foredeck.services.domain.report_model import ReportedStep
from foredeck.services.reports import wording
from foredeck.services.reports.graph_layout import (
    BOX_HEIGHT,
    BOX_WIDTH,
    Box,
    Edge,
    Graph,
    lay_out,
)
from foredeck.services.reports.html_parts import note
from foredeck.services.reports.markup import Element, element

_TITLE_LENGTH = 18
_MARGIN = 2.0


def graph_of(steps: tuple[ReportedStep, ...]) -> Element:
    """Return the drawing of the steps, or a sentence where it would be too large to follow."""
    graph = lay_out({step.key: step.needs for step in steps})
    if graph is None:
        return note("The graph is too large to be drawn; the table below names what each needs.")
    numbers = {step.key: number for number, step in enumerate(steps)}
    boxes = (_box(box, steps[numbers[box.key]], numbers[box.key]) for box in graph.boxes)
    drawing = element(
        "svg",
        *map(_edge, graph.edges),
        *boxes,
        viewBox=_view(graph),
        width=graph.width + 2 * _MARGIN,
        height=graph.height + 2 * _MARGIN,
        role="group",
        aria_label="The steps, each below those that it needs; the table below says the same.",
    )
    return element(
        "div", drawing, class_="wide graph", role="region", aria_label="Graph", tabindex=0
    )


def _view(graph: Graph) -> str:
    width, height = graph.width + 2 * _MARGIN, graph.height + 2 * _MARGIN
    return f"{-_MARGIN:g} {-_MARGIN:g} {width:g} {height:g}"


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
    taken = f" · {wording.duration(step.duration)}" if step.duration is not None else ""
    return element(
        "a",
        element("title", f"{step.title}: {wording.word(state)}"),
        element("rect", x=box.x, y=box.y, width=BOX_WIDTH, height=BOX_HEIGHT, rx=4),
        element("rect", x=box.x, y=box.y, width=4, height=BOX_HEIGHT, class_="edge-mark"),
        element("text", wording.short(step.title, _TITLE_LENGTH), x=box.x + 12, y=box.y + 15),
        element("text", said + taken, x=box.x + 12, y=box.y + 28, class_="said"),
        href=f"#step-{number}",
        class_=f"box {wording.colour(state)}",
    )
