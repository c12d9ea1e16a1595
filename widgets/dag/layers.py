"""Layers of a graph and the order within them: the first half of a layered layout (pure).

Longest-path layering; an edge over several layers gets a chain of dummy vertices, shared by
all edges of the same source; crossings are reduced by barycentre sweeps. Deterministic.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_SWEEPS = 12
_FEW_SWEEPS = 4
_MANY_LINKS = 3_000


class Layered(NamedTuple):
    """Vertices in layers; those from `real` on are dummies.

    `up` and `down` list each vertex's neighbours in the layer above and below;
    `chains` has, for each edge (source, target), the dummies it goes through.
    """

    real: int
    layers: tuple[tuple[int, ...], ...]
    up: tuple[tuple[int, ...], ...]
    down: tuple[tuple[int, ...], ...]
    chains: dict[tuple[int, int], tuple[int, ...]]


def arrange(count: int, edges: Sequence[tuple[int, int]]) -> Layered:
    """Return the vertices 0…count-1 in ordered layers; edges that close a cycle are left out."""
    kept = acyclic(count, edges)
    rank = ranks(count, kept)
    layers: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    for vertex in range(count):
        layers[rank[vertex]].append(vertex)
    chains: dict[tuple[int, int], tuple[int, ...]] = {}
    dummies: dict[tuple[int, int], int] = {}
    links: dict[tuple[int, int], None] = {}
    for source, target in kept:
        chain = []
        for layer in range(rank[source] + 1, rank[target]):
            if (source, layer) not in dummies:
                dummies[source, layer] = count + len(dummies)
                layers[layer].append(dummies[source, layer])
            chain.append(dummies[source, layer])
        chains[source, target] = tuple(chain)
        steps = (source, *chain, target)
        links.update(dict.fromkeys(pairwise(steps)))
    up, down = _neighbours(count + len(dummies), list(links))
    return Layered(count, _ordered(layers, up, down, len(links)), up, down, chains)


def acyclic(count: int, edges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the edges without duplicates and without those that close a cycle."""
    outgoing: list[list[int]] = [[] for _ in range(count)]
    for source, target in dict.fromkeys(edges):
        if source != target:
            outgoing[source].append(target)
    kept: list[tuple[int, int]] = []
    state = [0] * count  # 0 new, 1 on the way down, 2 done
    for root in range(count):
        stack = [(root, iter(outgoing[root]))] if state[root] == 0 else []
        state[root] = state[root] or 1
        while stack:
            vertex, targets = stack[-1]
            target = next(targets, -1)
            if target < 0:
                state[vertex] = 2
                stack.pop()
                continue
            if state[target] != 1:
                kept.append((vertex, target))
            if state[target] == 0:
                state[target] = 1
                stack.append((target, iter(outgoing[target])))
    order = {edge: index for index, edge in enumerate(dict.fromkeys(edges))}
    return sorted(kept, key=order.__getitem__)


def ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return the layer of each vertex: the longest way to it from a vertex without needs."""
    waiting = [0] * count
    outgoing: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        waiting[target] += 1
        outgoing[source].append(target)
    rank = [0] * count
    ready = [vertex for vertex in range(count) if waiting[vertex] == 0]
    for vertex in ready:
        for target in outgoing[vertex]:
            rank[target] = max(rank[target], rank[vertex] + 1)
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    return rank


def crossings(upper: Sequence[int], lower: Sequence[int], down: Sequence[Sequence[int]]) -> int:
    """Count the crossings of links between two neighbouring layers in their order."""
    place = {vertex: index for index, vertex in enumerate(lower)}
    seen: list[int] = []
    total = 0
    for vertex in upper:
        targets = [place[target] for target in down[vertex]]
        total += sum(len(seen) - bisect_right(seen, target) for target in targets)
        for target in targets:
            insort(seen, target)
    return total


def _neighbours(
    count: int, links: Sequence[tuple[int, int]]
) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    up: list[list[int]] = [[] for _ in range(count)]
    down: list[list[int]] = [[] for _ in range(count)]
    for source, target in links:
        down[source].append(target)
        up[target].append(source)
    return tuple(map(tuple, up)), tuple(map(tuple, down))


def _ordered(
    layers: list[list[int]],
    up: Sequence[Sequence[int]],
    down: Sequence[Sequence[int]],
    links: int,
) -> tuple[tuple[int, ...], ...]:
    """Return the layers in the order with the fewest crossings that the sweeps find."""
    best = [list(layer) for layer in layers]
    fewest = _total(best, down)
    for sweep in range(_SWEEPS if links < _MANY_LINKS else _FEW_SWEEPS):
        if fewest == 0:
            break
        downwards = sweep % 2 == 0
        order = range(1, len(layers)) if downwards else range(len(layers) - 2, -1, -1)
        for index in order:
            fixed = layers[index - 1 if downwards else index + 1]
            _sort_by_barycentre(layers[index], fixed, up if downwards else down)
        if (found := _total(layers, down)) < fewest:
            fewest, best = found, [list(layer) for layer in layers]
    return tuple(map(tuple, best))


def _total(layers: Sequence[Sequence[int]], down: Sequence[Sequence[int]]) -> int:
    return sum(
        crossings(layers[index], layers[index + 1], down) for index in range(len(layers) - 1)
    )


def _sort_by_barycentre(
    layer: list[int], fixed: Sequence[int], neighbours: Sequence[Sequence[int]]
) -> None:
    """Sort a layer by the mean place of its neighbours; one without any keeps its place."""
    place = {vertex: index for index, vertex in enumerate(fixed)}
    weight: dict[int, float] = {}
    for index, vertex in enumerate(layer):
        near = neighbours[vertex]
        weight[vertex] = sum(place[other] for other in near) / len(near) if near else index
    layer.sort(key=weight.__getitem__)
