"""Boxes and edges of a graph on a grid of cells (pure).

The work is done in two axes: `main` runs from layer to layer, `cross` along a layer; from
top to bottom they are row and column, from left to right the other way round. Boxes never
overlap and no edge runs through a box. The result depends on the structure alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from foredeck.widgets.dag.layers import Layered, arrange
from foredeck.widgets.dag.tracks import Net, Route, assign_tracks

_PASSES = 4
# Of a graph with that many vertices fewer passes have to do.
_MANY, _FEW_PASSES = 1_500, 2
_DUMMY_WEIGHT = 4.0


class Node(NamedTuple):
    """A box to place: its key and its size in cells."""

    key: str
    width: int
    height: int


class Box(NamedTuple):
    """A placed box: its upper left cell, its size, its layer and its place in the layer."""

    key: str
    x: int
    y: int
    width: int
    height: int
    layer: int
    place: int


class Layout(NamedTuple):
    """Placed boxes by key, and the corner points of each edge (source, target).

    A path begins in the cell next to its source's box and ends in the cell next to its
    target's, where the arrow head belongs.
    """

    boxes: dict[str, Box]
    paths: dict[tuple[str, str], tuple[tuple[int, int], ...]]
    width: int
    height: int
    horizontal: bool


class Spacing(NamedTuple):
    """The cells between the boxes of a layer: side by side, and one below the other."""

    beside: int = 3
    below: int = 1


def layers_of(keys: Sequence[str], edges: Sequence[tuple[str, str]]) -> Layered:
    """Return the layers of a graph, which no size changes; unknown ends are left out."""
    index = {key: number for number, key in enumerate(keys)}
    known = [(index[a], index[b]) for a, b in edges if a in index and b in index]
    return arrange(len(keys), known)


def lay_out(
    nodes: Sequence[Node], edges: Sequence[tuple[str, str]], *, horizontal: bool = False
) -> Layout:
    """Return the layout of a graph; edges with an unknown end are left out."""
    layered = layers_of([node.key for node in nodes], edges)
    return place(layered, nodes, Spacing(), horizontal=horizontal)


def place(layered: Layered, nodes: Sequence[Node], spacing: Spacing, *, horizontal: bool) -> Layout:
    """Return the layout of nodes (as many as the layers have) that are in layers already."""
    sizes = [(n.height, n.width) if horizontal else (n.width, n.height) for n in nodes]
    gap = spacing.below if horizontal else spacing.beside
    plan = _Plan(layered, sizes, gap=gap, lead=1 if horizontal else 0)
    return plan.layout([node.key for node in nodes], horizontal)


class _Plan:
    """The coordinates of one layout; `sizes` are (cross, main) of each real vertex."""

    def __init__(
        self, layered: Layered, sizes: Sequence[tuple[int, int]], gap: int, lead: int
    ) -> None:
        self.layered = layered
        self.gap = gap
        self.lead = lead
        dummies = len(layered.up) - layered.real
        self.cross_size = [size[0] for size in sizes] + [1] * dummies
        self.main_size = [size[1] for size in sizes] + [0] * dummies
        self.half = [(size - 1) // 2 for size in self.cross_size]
        self.start = [0] * len(layered.up)
        self.layer_of = {
            vertex: number for number, layer in enumerate(layered.layers) for vertex in layer
        }
        self._place()
        self.routes: dict[int, Route] = {}
        self.layer_main: list[int] = []
        self.layer_depth = [
            max((self.main_size[vertex] for vertex in layer), default=1) for layer in layered.layers
        ]
        self._stack()

    def centre(self, vertex: int) -> int:
        """Return the cross coordinate where the edges of a vertex begin and end."""
        return self.start[vertex] + self.half[vertex]

    def layout(self, keys: Sequence[str], horizontal: bool) -> Layout:
        boxes: dict[str, Box] = {}
        for number, layer in enumerate(self.layered.layers):
            real = [vertex for vertex in layer if vertex < self.layered.real]
            for place, vertex in enumerate(real):
                boxes[keys[vertex]] = self._box(keys[vertex], vertex, number, place, horizontal)
        paths = {}
        for (source, target), chain in self.layered.chains.items():
            points = self._path((source, *chain, target))
            flipped = points if horizontal else [(cross, main) for main, cross in points]
            paths[keys[source], keys[target]] = tuple(flipped)
        corners = [(box.x + box.width, box.y + box.height) for box in boxes.values()]
        corners += [(x + 1, y + 1) for path in paths.values() for x, y in path]
        width = max((x for x, _ in corners), default=0)
        height = max((y for _, y in corners), default=0)
        # Boxes in the order of the nodes, whatever their layer.
        ordered = {key: boxes[key] for key in keys}
        return Layout(ordered, paths, width, height, horizontal)

    def _box(self, key: str, vertex: int, layer: int, place: int, horizontal: bool) -> Box:
        cross, main = self.start[vertex], self.layer_main[layer]
        wide, deep = self.cross_size[vertex], self.main_size[vertex]
        if horizontal:
            return Box(key, main, cross, deep, wide, layer, place)
        return Box(key, cross, main, wide, deep, layer, place)

    # Cross axis ---------------------------------------------------------------------------

    def _place(self) -> None:
        """Bring each vertex near the middle of its neighbours, without overlaps."""
        layers = self.layered.layers
        for layer in layers:
            self._settle(layer, None)
        passes = _PASSES if len(self.start) < _MANY else _FEW_PASSES
        for sweep in range(passes):
            for layer in layers[1:]:
                self._settle(layer, self.layered.up)
            # The last word is the downward pass's: children line up under their parents.
            if sweep < passes - 1:
                for layer in reversed(layers[:-1]):
                    self._settle(layer, self.layered.down)
        for layer in reversed(layers[:-1]):
            self._settle(layer, self.layered.down)
        least = min(self.start, default=0)
        self.start = [value - least for value in self.start]

    def _settle(self, layer: Sequence[int], neighbours: Sequence[Sequence[int]] | None) -> None:
        """Place one layer as near to where its neighbours want it as the gaps allow.

        Least squares under order constraints: pool adjacent violators on the positions
        less the room that the vertices before need.
        """
        start, size = self.start, self.cross_size
        half = self.half
        offset = 0
        offsets: list[int] = []
        pools: list[_Pool] = []
        for vertex in layer:
            wish: float = start[vertex]
            if neighbours and (near := neighbours[vertex]):
                centres = [start[other] + half[other] for other in near]
                wish = sum(centres) / len(centres) - half[vertex]
            weight = _DUMMY_WEIGHT if vertex >= self.layered.real else 1.0
            pool = _Pool(wish - offset, weight, 1)
            while pools and pools[-1].value > pool.value:
                pool = pools.pop().merged(pool)
            pools.append(pool)
            offsets.append(offset)
            offset += size[vertex] + self.gap
        position = 0
        for pool in pools:
            value = round(pool.value)
            for _ in range(pool.members):
                start[layer[position]] = value + offsets[position]
                position += 1

    # Main axis ----------------------------------------------------------------------------

    def _stack(self) -> None:
        """Stack the layers; each gap is as deep as its edges need tracks."""
        main = 0
        layers = self.layered.layers
        for number, layer in enumerate(layers):
            self.layer_main.append(main)
            main += self.layer_depth[number]
            if number + 1 < len(layers):
                nets = [self._net(vertex) for vertex in layer if self.layered.down[vertex]]
                routes = assign_tracks(nets)
                self.routes |= routes
                deepest = max((max(r.track, r.onward) for r in routes.values()), default=0)
                used = deepest + 1
                main += self.lead + used + 1

    def _net(self, vertex: int) -> Net:
        own = self.centre(vertex)
        pins = frozenset(self.centre(other) for other in self.layered.down[vertex])
        return Net(vertex, own, pins)

    def _path(self, chain: Sequence[int]) -> list[tuple[int, int]]:
        """Return the corner points (main, cross) of an edge through its dummies."""
        source, target = chain[0], chain[-1]
        layer = self.layer_of[source]
        points = [(self.layer_main[layer] + self.main_size[source], self.centre(source))]
        for number, (upper, lower) in enumerate(pairwise(chain), start=layer):
            here, there = self.centre(upper), self.centre(lower)
            if here != there:
                base = self.layer_main[number] + self.layer_depth[number] + self.lead
                points += _bent(self.routes[upper], base, here, there)
        last = self.layer_main[self.layer_of[target]] - 1
        points.append((last, self.centre(target)))
        return [point for number, point in enumerate(points) if point not in points[:number]]


def _bent(route: Route, base: int, here: int, there: int) -> list[tuple[int, int]]:
    """Return the corners (main, cross) of an edge between two layers."""
    track = base + route.track
    if route.column is None:
        return [(track, here), (track, there)]
    onward = base + route.onward
    return [(track, here), (track, route.column), (onward, route.column), (onward, there)]


class _Pool(NamedTuple):
    """Neighbouring vertices that touch: their common position, weight and number."""

    value: float
    weight: float
    members: int

    def merged(self, other: _Pool) -> _Pool:
        weight = self.weight + other.weight
        value = (self.value * self.weight + other.value * other.weight) / weight
        return _Pool(value, weight, self.members + other.members)
