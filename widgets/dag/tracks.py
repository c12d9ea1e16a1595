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


class _Bundle:
    """Nets with the same targets, in one track."""

    def __init__(self, nets: Sequence[Net]) -> None:
        self.vertices = [net.vertex for net in nets]
        self.targets = nets[0].targets
        ends = self.targets.union(net.source for net in nets)
        self.first, self.last = min(ends), max(ends)
        self.bends = self.first != self.last
        self.above: set[_Bundle] = set()
        self.track = 0


def assign_tracks(nets: Sequence[Net]) -> dict[int, int]:
    """Return the track (0 nearest to the upper layer) of each vertex whose edges bend."""
    bundles = _bundles(nets)
    bending = sorted((b for b in bundles if b.bends), key=lambda b: (b.first, b.last))
    pending = {bundle: set(bundle.above) for bundle in bending}
    tracks: list[list[_Bundle]] = []
    while pending:
        free = [bundle for bundle, waits in pending.items() if not waits]
        # A cycle of such demands cannot be met with one bend per edge: one is given up.
        free = free or [next(iter(pending))]
        for bundle in free:
            _put(bundle, tracks, _least(bundle, pending))
            del pending[bundle]
        for waits in pending.values():
            waits.difference_update(free)
    return {vertex: bundle.track for bundle in bending for vertex in bundle.vertices}


def _bundles(nets: Sequence[Net]) -> list[_Bundle]:
    """Return the bundles, each knowing which others must bend before it does."""
    alike: dict[frozenset[int], list[Net]] = {}
    for net in nets:
        alike.setdefault(net.targets, []).append(net)
    bundles = [_Bundle(group) for group in alike.values()]
    at = {
        net.source: bundle
        for bundle, group in zip(bundles, alike.values(), strict=True)
        for net in group
    }
    for bundle in bundles:
        others = {at[target] for target in bundle.targets if target in at}
        bundle.above = {other for other in others if other.bends and other is not bundle}
    return bundles


def _least(bundle: _Bundle, pending: dict[_Bundle, set[_Bundle]]) -> int:
    """Return the first track below those that must bend before."""
    placed = (other.track + 1 for other in bundle.above if other not in pending)
    return max(placed, default=0)


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
