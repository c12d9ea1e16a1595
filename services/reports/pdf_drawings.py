"""The graph and the bars of a report as numbers for the typesetter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foredeck.services.domain.amounts import duration
from foredeck.services.domain.report_model import ReportedStep
from foredeck.services.reports import wording
from foredeck.services.reports.graph_layout import (
    BOX_HEIGHT,
    BOX_WIDTH,
    TITLE_LENGTH,
    TOO_LARGE,
    Box,
    Graph,
    lay_out,
    strips,
)
from foredeck.services.reports.spans import Chart, Lane

# In points: what a drawing may be wide and high on A4, upright and lying, and how small its
# letters may get.
_ROOM, _LYING = (485.0, 640.0), (734.0, 400.0)
_SMALLEST = 0.5
_LANE_TITLE = 24


def graph_of(steps: tuple[ReportedStep, ...]) -> dict[str, Any]:
    """Return where boxes and lines stand, or a sentence where nobody could read them.

    A wide graph lies on a page of its own; what is too high for one page goes on on the next.
    """
    graph = lay_out({step.key: step.needs for step in steps})
    if graph is None or graph.width * _SMALLEST > _LYING[0]:
        return {"block": "paragraph", "words": [["text", TOO_LARGE]], "kind": "note"}
    lying = graph.width * _SMALLEST > _ROOM[0]
    width, height = _LYING if lying else _ROOM
    scale = min(1.0, width / graph.width)
    by_key = {step.key: step for step in steps}
    return {
        "block": "graph",
        "lying": lying,
        "scale": scale,
        "box": [BOX_WIDTH, BOX_HEIGHT],
        "parts": [_part(part, by_key) for part in strips(graph, height / scale)],
    }


def _part(part: Graph, by_key: Mapping[str, ReportedStep]) -> dict[str, Any]:
    return {
        "width": part.width,
        "height": part.height,
        "edges": [edge.points for edge in part.edges],
        "boxes": [_box(box, by_key[box.key]) for box in part.boxes],
    }


def _box(box: Box, step: ReportedStep) -> dict[str, Any]:
    state = step.state.value
    taken = f" · {duration(step.duration)}" if step.duration is not None else ""
    said = f" {wording.word(state)}{taken}"
    return {
        "x": box.x,
        "y": box.y,
        "title": wording.short(step.title, TITLE_LENGTH),
        "said": [["sign", said, wording.glyph(state), wording.colour(state)]],
        "colour": wording.colour(state),
    }


def bars_of(chart: Chart) -> dict[str, Any]:
    """Return the times of the steps as parts of the whole."""
    return {
        "block": "bars",
        "begin": wording.moment(chart.begin),
        "end": wording.moment(chart.end),
        "lanes": [_lane(lane) for lane in chart.lanes],
    }


def _lane(lane: Lane) -> dict[str, Any]:
    spans = [[span.start, span.length, wording.colour(span.state.value)] for span in lane.spans]
    said = f" · {lane.said}" if lane.said else ""
    title, took = wording.short(lane.title, _LANE_TITLE), duration(lane.seconds)
    return {"title": title, "took": f"{took}{said}", "spans": spans}
