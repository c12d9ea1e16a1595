"""A run's graph ready to be looked at: layout, lines, and where the selection goes (pure)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from foredeck.services.domain.views import StepRow
from foredeck.widgets.dag.boxes import Level, Structure, box_size, longest_title, structure_of
from foredeck.widgets.dag.canvas import EAST, NORTH, SOUTH, WEST, Canvas
from foredeck.widgets.dag.layout import Box, Layout, Node, Spacing, layers_of, place

_NAMED = [level for level in Level if level is not Level.DOT]
# What is tried in this order where nothing fits, and how many screens of it are too many.
_NO_ROOM = (Level.COMPACT, Level.SLIM, Level.TINY)
_SCREENS = 1.0


class Graph:
    """One structure of steps, laid out at one level; states are not part of it.

    `lines` are all edges, `arrows` their heads and `rows` the boxes by row (from the left).
    """

    def __init__(self, structure: Structure, level: Level, layout: Layout) -> None:
        self.structure = structure
        self.level = level
        self.layout = layout
        self.lines = self._drawn(layout.paths)
        self.arrows: dict[int, dict[int, str]] = {}
        self.rows: dict[int, list[Box]] = {}
        self._draw_arrows()
        self._sort_boxes()

    @property
    def box_width(self) -> int:
        """The width of every box."""
        return next((box.width for box in self.layout.boxes.values()), 0)

    def lines_of(self, key: str) -> Canvas:
        """Return the edges into and out of a step alone, to be drawn over the others."""
        return self._drawn(edge for edge in self.layout.paths if key in edge)

    def lines_along(self, chain: Sequence[str]) -> Canvas:
        """Return the edges from each step of a chain to the next one."""
        return self._drawn(edge for edge in itertools.pairwise(chain) if edge in self.layout.paths)

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
        ends = sorted(ends, key=lambda other: other.place) or self._layer(box.layer + forward)
        return self._nearest(box, ends).key if ends else None

    def at(self, x: int, y: int) -> str | None:
        """Return the step whose box covers a cell."""
        return next((b.key for b in self.rows.get(y, ()) if b.x <= x < b.x + b.width), None)

    def _draw_arrows(self) -> None:
        for points in self.layout.paths.values():
            x, y = points[-1]
            self.arrows.setdefault(y, {})[x] = "►" if self.layout.horizontal else "▼"

    def _drawn(self, edges: Iterable[tuple[str, str]]) -> Canvas:
        """Return a sheet with these edges and the stubs that touch their boxes."""
        canvas = Canvas()
        paths = [self.layout.paths[edge] for edge in edges]
        canvas.paths(paths)
        first, last = (WEST, EAST) if self.layout.horizontal else (NORTH, SOUTH)
        for points in paths:
            canvas.add(*points[0], first)
            canvas.add(*points[-1], last)
        return canvas

    def _sort_boxes(self) -> None:
        for box in sorted(self.layout.boxes.values(), key=lambda box: box.x):
            for y in range(box.y, box.y + box.height):
                self.rows.setdefault(y, []).append(box)

    def _layer(self, number: int) -> list[Box]:
        return [box for box in self.layout.boxes.values() if box.layer == number]

    def _nearest(self, box: Box, ends: Sequence[Box]) -> Box:
        """Return the box straight ahead, the nearer layer first; the first of two as near.

        Boxes stand on whole cells, so that two at the same distance may differ by one.
        """

        def aside(other: Box) -> int:
            return abs(box.y - other.y if self.layout.horizontal else box.x - other.x)

        layer = min((other.layer for other in ends), key=lambda found: abs(found - box.layer))
        ends = [other for other in ends if other.layer == layer]
        nearest = min(map(aside, ends))
        return next(other for other in ends if aside(other) <= nearest + 1)


def build(steps: Sequence[StepRow], level: Level | None, width: int, height: int) -> Graph:
    """Lay the steps out for a pane of this size.

    Without a level the fullest one that fits is taken; the direction is the one that
    fits, from left to right when both do. What fits nowhere is made smaller only where
    that saves a person screens of scrolling.
    """
    builder = _Builder(steps)
    levels = [level] if level is not None else sorted(_NAMED, reverse=True)
    for candidate in levels:
        for horizontal in (True, False):
            if _overflow(builder.least(candidate, horizontal=horizontal), width, height) > 0:
                continue  # most levels of a large graph
            layout = builder.layout(candidate, horizontal=horizontal)
            if layout.width <= width and layout.height <= height:
                return Graph(builder.structure, candidate, layout)
    return _too_large(builder, levels if level is not None else _NO_ROOM, width, height)


def _too_large(builder: _Builder, levels: Sequence[Level], width: int, height: int) -> Graph:
    """Return the first of the levels that needs little scrolling, else the last."""
    for level in levels:
        least = [builder.least(level, horizontal=horizontal) for horizontal in (False, True)]
        last = level == levels[-1]
        if min(_overflow(size, width, height) for size in least) > _SCREENS and not last:
            continue
        both = [builder.layout(level, horizontal=horizontal) for horizontal in (False, True)]
        over = [_overflow((found.width, found.height), width, height) for found in both]
        if last or min(over) <= _SCREENS:
            break
    return Graph(builder.structure, level, both[over.index(min(over))])


def build_page(steps: Sequence[StepRow], width: int, height: int) -> Graph:
    """Lay the steps out for a page of this width, which may be as long as it must.

    What is higher than `height` is made smaller as long as that makes it fit; the result
    is wider than `width` if even the smallest boxes with titles are.
    """
    graph = build(steps, None, width, height)
    if graph.layout.width <= width:
        return graph
    builder = _Builder(steps)
    for level in (Level.SLIM, Level.TINY):
        for horizontal in (True, False):
            layout = builder.layout(level, horizontal=horizontal)
            if layout.width <= width:
                return Graph(builder.structure, level, layout)
    narrowest = min(
        (builder.layout(Level.TINY, horizontal=horizontal) for horizontal in (True, False)),
        key=lambda layout: layout.width,
    )
    return Graph(builder.structure, Level.TINY, narrowest)


class _Builder:
    """Layouts of the same steps at several levels; their layers are worked out once."""

    def __init__(self, steps: Sequence[StepRow]) -> None:
        self._steps = steps
        self._longest = longest_title(steps)
        self.structure = structure_of(steps)
        edges = [(need, step.key) for step in steps for need in step.needs]
        self._layered = layers_of([step.key for step in steps], edges)

    def least(self, level: Level, *, horizontal: bool) -> tuple[int, int]:
        """Return the width and height of the boxes alone: a layout is no smaller."""
        wide, high = box_size(self._longest, level)
        layers, real = self._layered.layers, self._layered.real
        widest = max((sum(vertex < real for vertex in layer) for layer in layers), default=0)
        columns, rows = (len(layers), widest) if horizontal else (widest, len(layers))
        return columns * wide, rows * high

    def layout(self, level: Level, *, horizontal: bool) -> Layout:
        width, height = box_size(self._longest, level)
        nodes = [Node(step.key, width, height) for step in self._steps]
        return place(self._layered, nodes, _spacing(level), horizontal=horizontal)


def _spacing(level: Level) -> Spacing:
    """Return the gaps between boxes: small boxes stand closer."""
    if level is Level.DOT:
        return Spacing(beside=1, below=0)
    return Spacing(below=0) if level <= Level.SLIM else Spacing()


def _overflow(size: tuple[int, int], width: int, height: int) -> float:
    """Return how many screens a size is away from fitting; scrolling sideways is worse."""
    over_width = max(0, size[0] - width) / max(1, width)
    return 2 * over_width + max(0, size[1] - height) / max(1, height)
