"""Which line of the gap between two layers each bundle of edges runs in (pure).

The channel-routing problem: bundles that overlap need different tracks, and where one
bundle leaves a box above the place where another one enters a box below, the first must
bend before the second, or their lines would run into each other. Vertices that lead to the
same targets share a bundle: drawn as one line, it says the same with less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Net(NamedTuple):
    """The edges that leave one vertex: where it stands, and where they end (cross axis)."""

    vertex: int
    source: int
    targets: frozenset[int]


class Route(NamedTuple):
    """How the edges of a vertex run: in `track` to all targets, or by way of a second one.

    With a `column` they run in `track` to there (cross axis), down it, and in `onward` to the
    targets.
    """

    track: int
    column: int | None = None
    onward: int = 0


class _Bundle:
    """Edges that share a track: from some places above to some below (cross axis)."""

    def __init__(
        self, vertices: Sequence[int], sources: frozenset[int], targets: frozenset[int]
    ) -> None:
        self.vertices = vertices
        self.sources = sources
        self.targets = targets
        self.first, self.last = min(sources | targets), max(sources | targets)
        self.bends = self.first != self.last
        self.above: set[_Bundle] = set()
        self.track = 0
        self.head: _Bundle | None = None

    def split(self, column: int) -> tuple[_Bundle, _Bundle]:
        """Return two bundles in its place that meet in a column which nothing else uses."""
        head = _Bundle(self.vertices, self.sources, frozenset({column}))
        tail = _Bundle(self.vertices, frozenset({column}), self.targets)
        tail.above, tail.head = self.above, head
        return head, tail

    def route(self) -> Route:
        """Return how its edges run, once it has its track."""
        if self.head is None:
            return Route(self.track)
        return Route(self.head.track, next(iter(self.sources)), self.track)


def assign_tracks(nets: Sequence[Net]) -> dict[int, Route]:
    """Return the route (track 0 nearest to the upper layer) of each vertex whose edges bend."""
    bundles = _bundles(nets)
    bending = sorted((b for b in bundles if b.bends), key=lambda b: (b.first, b.last))
    pending = {bundle: set(bundle.above) for bundle in bending}
    used = {place for bundle in bundles for place in bundle.sources | bundle.targets}
    tracks: list[list[_Bundle]] = []
    routes: dict[int, Route] = {}
    while pending:
        free = [bundle for bundle, waits in pending.items() if not waits]
        if not free:  # each waits for another one, in a circle: one bends twice
            free = [_break_circle(pending, used)]
        for bundle in free:
            _put(bundle, tracks, _least(bundle))
            if pending.pop(bundle, None) is not None:
                routes |= dict.fromkeys(bundle.vertices, bundle.route())
        for waits in pending.values():
            waits.difference_update(free)
    return routes


def _break_circle(pending: dict[_Bundle, set[_Bundle]], used: set[int]) -> _Bundle:
    """Split a bundle, put its second half in its place, and return the first, which is free."""
    bundle = next(iter(pending))
    inside = (place for place in range(bundle.first, bundle.last) if place not in used)
    column = next(inside, max(used) + 1)
    used.add(column)
    head, tail = bundle.split(column)
    waits = pending.pop(bundle)
    for others in pending.values():
        if bundle in others:
            others.remove(bundle)
            others.add(head)
    for other in pending:
        if bundle in other.above:
            other.above = other.above - {bundle} | {head}
    pending[tail] = waits | {head}
    tail.above = tail.above | {head}
    return head


def _bundles(nets: Sequence[Net]) -> list[_Bundle]:
    """Return the bundles, each knowing which others must bend before it does."""
    alike: dict[frozenset[int], list[Net]] = {}
    for net in nets:
        alike.setdefault(net.targets, []).append(net)
    bundles = [
        _Bundle([net.vertex for net in group], frozenset(net.source for net in group), targets)
        for targets, group in alike.items()
    ]
    at = {source: bundle for bundle in bundles for source in bundle.sources}
    for bundle in bundles:
        others = {at[target] for target in bundle.targets if target in at}
        bundle.above = {other for other in others if other.bends and other is not bundle}
    return bundles


def _least(bundle: _Bundle) -> int:
    """Return the first track below those that must bend before."""
    return max((other.track + 1 for other in bundle.above), default=0)


def _put(bundle: _Bundle, tracks: list[list[_Bundle]], least: int) -> None:
    """Put a bundle into the first track from `least` on that has room for it."""
    number = least
    while number < len(tracks) and any(
        bundle.first <= other.last and other.first <= bundle.last for other in tracks[number]
    ):
        number += 1
    while len(tracks) <= number:
        tracks.append([])
    tracks[number].append(bundle)
    bundle.track = number
