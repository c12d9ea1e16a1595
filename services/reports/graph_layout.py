"""Where the steps of a run stand in its graph: layers from top to bottom, edges between them.

A step stands one layer below the lowest one that it needs. An edge over several layers takes a
place in each of them, so that it passes between the boxes and not beneath them. The order within
a layer follows the neighbours' middles (the barycentre method of Sugiyama, Tagawa and Toda),
a few sweeps down and up. Everything is in points, and pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

BOX_WIDTH = 132.0
BOX_HEIGHT = 36.0
# How many narrow characters of a title fit its box.
TITLE_LENGTH = 18
BETWEEN_BOXES = 16.0
BETWEEN_LAYERS = 30.0
_PITCH = BOX_HEIGHT + BETWEEN_LAYERS
# What an edge takes of a layer that it only passes.
LANE = 14.0
# Beyond so many boxes, or layers crossed by all edges together, no eye follows a line.
MOST_BOXES = 300
MOST_CROSSED = 3000
_SWEEPS = 6
TOO_LARGE = "The graph is too large to be drawn; the table below names what each needs."


@dataclass(frozen=True, slots=True)
class Box:
    """A step's box by its left upper corner."""

    key: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from one step down to another, through the given points."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A drawing of so many points: boxes and the edges between them."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """What stands in a layer: a step's box, or an edge that passes."""

    key: str
    layer: int
    lane: int = -1

    @property
    def width(self) -> float:
        return BOX_WIDTH if self.lane < 0 else LANE


_Links = Mapping[_Place, Sequence[_Place]]


def lay_out(needs: Mapping[str, Iterable[str]]) -> Graph | None:
    """Return the graph of steps and what each needs; None if it is too large to be drawn.

    Needs that are not steps are left out, and so is what would close a circle.
    """
    if not needs or len(needs) > MOST_BOXES:
        return None
    above = {
        key: [need for need in dict.fromkeys(of) if need in needs] for key, of in needs.items()
    }
    depth = _depths(above)
    above = {key: [need for need in of if depth[need] < depth[key]] for key, of in above.items()}
    if sum(depth[key] - depth[need] for key, of in above.items() for need in of) > MOST_CROSSED:
        return None
    chains = _chains(above, depth)
    layers = _ordered(_layers(depth, chains), chains)
    return _drawn(layers, chains)


def strips(graph: Graph, room: float) -> tuple[Graph, ...]:
    """Return a drawing in parts of at most `room` points height, from top to bottom.

    It is cut between its layers, where only lines are; one layer is the least part. Lines of a
    part reach beyond its edges: whoever draws it lets them end there.
    """
    if graph.height <= room:
        return (graph,)
    part = max(1, int(room // _PITCH)) * _PITCH
    cuts = [0.0, graph.height]
    while cuts[-2] + part < graph.height:
        cuts.insert(-1, (len(cuts) - 1) * part - BETWEEN_LAYERS / 2)
    return tuple(_strip(graph, top, bottom) for top, bottom in pairwise(cuts))


def _strip(graph: Graph, top: float, bottom: float) -> Graph:
    boxes = (replace(box, y=box.y - top) for box in graph.boxes if top <= box.y < bottom)
    edges = (
        replace(edge, points=tuple((x, y - top) for x, y in edge.points))
        for edge in graph.edges
        if edge.points[0][1] < bottom and edge.points[-1][1] > top
    )
    return Graph(graph.width, bottom - top, tuple(boxes), tuple(edges))


def _depths(above: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the longest way down to each step."""
    depth: dict[str, int] = {}
    open_: set[str] = set()
    waiting = list(above)[::-1]
    while waiting:
        key = waiting[-1]
        missing = [need for need in above[key] if need not in depth and need not in open_]
        if key in depth or not missing:
            waiting.pop()
            open_.discard(key)
            depth.setdefault(key, max((depth.get(need, -1) for need in above[key]), default=-1) + 1)
        else:
            open_.add(key)
            waiting += missing
    return depth


def _chains(above: Mapping[str, Sequence[str]], depth: Mapping[str, int]) -> list[list[_Place]]:
    """Return each edge as the places it takes, from the upper step to the lower one."""
    chains: list[list[_Place]] = []
    for key, needs in above.items():
        for need in needs:
            lane = len(chains)
            passed = [_Place(key, layer, lane) for layer in range(depth[need] + 1, depth[key])]
            chains.append([_Place(need, depth[need]), *passed, _Place(key, depth[key])])
    return chains


def _layers(depth: Mapping[str, int], chains: Sequence[Sequence[_Place]]) -> list[list[_Place]]:
    layers: list[list[_Place]] = [[] for _ in range(max(depth.values()) + 1)]
    for key, layer in depth.items():
        layers[layer].append(_Place(key, layer))
    for chain in chains:
        for place in chain[1:-1]:
            layers[place.layer].append(place)
    return layers


def _ordered(layers: list[list[_Place]], chains: Sequence[Sequence[_Place]]) -> list[list[_Place]]:
    upper: dict[_Place, list[_Place]] = {}
    lower: dict[_Place, list[_Place]] = {}
    for chain in chains:
        for one, next_ in pairwise(chain):
            upper.setdefault(next_, []).append(one)
            lower.setdefault(one, []).append(next_)
    for _ in range(_SWEEPS):
        for above, below in pairwise(layers):
            _sort(below, above, upper)
        for below, above in pairwise(reversed(layers)):
            _sort(above, below, lower)
    return layers


def _sort(layer: list[_Place], fixed: Sequence[_Place], links: _Links) -> None:
    """Put a layer in the order of the middles of what it hangs together with."""
    rank = {place: number / max(1, len(fixed) - 1) for number, place in enumerate(fixed)}
    own = {place: number / max(1, len(layer) - 1) for number, place in enumerate(layer)}

    def middle(place: _Place) -> float:
        ranks = [rank[other] for other in links.get(place, ())]
        return sum(ranks) / len(ranks) if ranks else own[place]

    layer.sort(key=middle)


def _drawn(layers: Sequence[Sequence[_Place]], chains: Sequence[Sequence[_Place]]) -> Graph:
    width = max(map(_width, layers))
    middles: dict[_Place, float] = {}
    for layer in layers:
        x = (width - _width(layer)) / 2
        for place in layer:
            middles[place] = x + place.width / 2
            x += place.width + BETWEEN_BOXES
    boxes = [
        Box(place.key, middles[place] - BOX_WIDTH / 2, _top(place.layer))
        for layer in layers
        for place in layer
        if place.lane < 0
    ]
    height = _top(len(layers) - 1) + BOX_HEIGHT
    return Graph(width, height, tuple(boxes), tuple(_edge(chain, middles) for chain in chains))


def _width(layer: Sequence[_Place]) -> float:
    return sum(place.width for place in layer) + BETWEEN_BOXES * (len(layer) - 1)


def _top(layer: int) -> float:
    return layer * _PITCH


def _edge(chain: Sequence[_Place], middles: Mapping[_Place, float]) -> Edge:
    first, *passed, last = chain
    points = [(middles[first], _top(first.layer) + BOX_HEIGHT)]
    for place in passed:
        points += [(middles[place], _top(place.layer) + down) for down in (0.0, BOX_HEIGHT)]
    points.append((middles[last], _top(last.layer)))
    return Edge(first.key, last.key, tuple(points))
