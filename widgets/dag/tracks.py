"""Which line of the gap between two layers each bundle of edges runs in (pure).

The channel-routing problem: bundles that overlap need different tracks, and where one
bundle leaves a box above the place where another one enters a box below, the first must
bend before the second, or their lines would run into each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Net(NamedTuple):
    """The edges that leave one vertex: where it stands, and where they end (cross axis)."""

    vertex: int
    source: int
    targets: frozenset[int]

    @property
    def first(self) -> int:
        return min(self.source, *self.targets)

    @property
    def last(self) -> int:
        return max(self.source, *self.targets)

    @property
    def bends(self) -> bool:
        """Whether it needs a track at all."""
        return self.targets != frozenset({self.source})


def assign_tracks(nets: Sequence[Net]) -> dict[int, int]:
    """Return the track (0 nearest to the upper layer) of each vertex's net that bends."""
    bending = sorted((net for net in nets if net.bends), key=lambda net: (net.first, net.last))
    leaving = {net.source: net for net in nets}
    pending = {net.vertex: _above(net, leaving) for net in bending}
    placed: dict[int, int] = {}
    tracks: list[list[Net]] = []
    while pending:
        free = [net for net in bending if net.vertex in pending and not pending[net.vertex]]
        # A cycle of such demands cannot be met with one bend per edge: one is given up.
        for net in free or [next(net for net in bending if net.vertex in pending)]:
            above = (placed[other] + 1 for other in _above(net, leaving) if other in placed)
            least = max(above, default=0)
            placed[net.vertex] = _put(net, tracks, least)
            del pending[net.vertex]
        for waits in pending.values():
            waits.difference_update(placed)
    return placed


def _above(net: Net, leaving: dict[int, Net]) -> set[int]:
    """Return the vertices whose nets must bend before `net` does."""
    others = (leaving.get(target) for target in net.targets)
    return {o.vertex for o in others if o is not None and o.bends and o.vertex != net.vertex}


def _put(net: Net, tracks: list[list[Net]], least: int) -> int:
    """Put a net into the first track from `least` on that has room for it."""
    while len(tracks) < least:
        tracks.append([])
    for number in range(least, len(tracks)):
        if all(net.last < other.first or other.last < net.first for other in tracks[number]):
            tracks[number].append(net)
            return number
    tracks.append([net])
    return len(tracks) - 1
