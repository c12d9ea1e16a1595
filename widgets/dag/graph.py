"""A run's graph ready to be looked at: layout, lines, and where the selection goes (pure)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from foredeck.services.domain.views import StepRow
from foredeck.widgets.dag.boxes import Level, Structure, box_size, structure_of
from foredeck.widgets.dag.canvas import EAST, NORTH, SOUTH, WEST, Canvas, Point
from foredeck.widgets.dag.layout import Box, Layout, Node, lay_out

_NO_ROOM = Level.COMPACT


class Graph:
    """One structure of steps, laid out at one level; states are not part of it.

    `lines` are all edges, `arrows` their heads and `rows` the boxes by row (from the left).
    """

    def __init__(self, structure: Structure, level: Level, layout: Layout) -> None:
        self.structure = structure
        self.level = level
        self.layout = layout
        self.lines = Canvas()
        self.arrows: dict[int, dict[int, str]] = {}
        self.rows: dict[int, list[Box]] = {}
        self._draw_edges()
        self._sort_boxes()

    @property
    def box_width(self) -> int:
        """The width of every box."""
        return next((box.width for box in self.layout.boxes.values()), 0)

    def lines_of(self, key: str) -> Canvas:
        """Return the edges into and out of a step alone, to be drawn over the others."""
        canvas = Canvas()
        for edge, points in self.layout.paths.items():
            if key in edge:
                _draw(canvas, points, self.layout.horizontal)
        return canvas

    def neighbour(self, key: str, dx: int, dy: int) -> str | None:
        """Return where an arrow key leads: along an edge, or to the next box of the layer.

        Along the main axis the nearest step at the other end of an edge is taken, and
        without an edge the nearest box of the next layer.
        """
        box = self.layout.boxes.get(key)
        if box is None:
            return None
        forward, sideways = (dx, dy) if self.layout.horizontal else (dy, dx)
        if sideways:
            found = [b for b in self._layer(box.layer) if b.place == box.place + sideways]
            return found[0].key if found else None
        ends = [
            self.layout.boxes[target if forward > 0 else source]
            for source, target in self.layout.paths
            if key == (source if forward > 0 else target)
        ]
        ends = ends or self._layer(box.layer + forward)
        return min(ends, key=lambda other: self._distance(box, other)).key if ends else None

    def at(self, x: int, y: int) -> str | None:
        """Return the step whose box covers a cell."""
        return next((b.key for b in self.rows.get(y, ()) if b.x <= x < b.x + b.width), None)

    def _draw_edges(self) -> None:
        drawn: set[tuple[Point, Point]] = set()
        for points in self.layout.paths.values():
            _draw(self.lines, points, self.layout.horizontal, drawn)
            x, y = points[-1]
            self.arrows.setdefault(y, {})[x] = "►" if self.layout.horizontal else "▼"

    def _sort_boxes(self) -> None:
        for box in sorted(self.layout.boxes.values(), key=lambda box: box.x):
            for y in range(box.y, box.y + box.height):
                self.rows.setdefault(y, []).append(box)

    def _layer(self, number: int) -> list[Box]:
        return [box for box in self.layout.boxes.values() if box.layer == number]

    def _distance(self, one: Box, other: Box) -> tuple[int, int]:
        centre = (
            abs(one.y - other.y) if self.layout.horizontal else abs(one.x - other.x),
            abs(one.layer - other.layer),
        )
        return centre[1], centre[0]


def build(steps: Sequence[StepRow], level: Level | None, width: int, height: int) -> Graph:
    """Lay the steps out for a pane of this size.

    Without a level the fullest one that fits is taken; the direction is the one that
    fits, from left to right when both do.
    """
    levels = [level] if level is not None else sorted(Level, reverse=True)
    for candidate in levels:
        for horizontal in (True, False):
            layout = _lay_out(steps, candidate, horizontal)
            if layout.width <= width and layout.height <= height:
                return Graph(structure_of(steps), candidate, layout)
    chosen = level if level is not None else _NO_ROOM
    both = [_lay_out(steps, chosen, horizontal) for horizontal in (False, True)]
    return Graph(
        structure_of(steps), chosen, min(both, key=lambda found: _overflow(found, width, height))
    )


def _overflow(layout: Layout, width: int, height: int) -> float:
    """Return how many screens a layout is away from fitting; scrolling sideways is worse."""
    over_width = max(0, layout.width - width) / max(1, width)
    return 2 * over_width + max(0, layout.height - height) / max(1, height)


def _lay_out(steps: Sequence[StepRow], level: Level, horizontal: bool) -> Layout:
    width, height = box_size(steps, level)
    nodes = [Node(step.key, width, height) for step in steps]
    edges = [(need, step.key) for step in steps for need in step.needs]
    return lay_out(nodes, edges, horizontal=horizontal)


def _draw(
    canvas: Canvas,
    points: Sequence[Point],
    horizontal: bool,
    drawn: set[tuple[Point, Point]] | None = None,
) -> None:
    """Draw an edge with the stubs that touch its two boxes; `drawn` spares shared strokes."""
    for stroke in itertools.pairwise(points):
        if drawn is None or stroke not in drawn:
            canvas.stroke(*stroke)
            if drawn is not None:
                drawn.add(stroke)
    canvas.add(*points[0], WEST if horizontal else NORTH)
    canvas.add(*points[-1], EAST if horizontal else SOUTH)
