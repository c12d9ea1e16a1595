"""The critical path: the chain of steps that decides how long the run takes (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from foredeck.services.domain.views import StepRow
from foredeck.widgets.formats import elapsed


class CriticalPath(NamedTuple):
    """The keys of the chain from its first step on, and the seconds it has taken so far."""

    steps: tuple[str, ...] = ()
    seconds: float = 0.0

    def marked_in(self, total: int) -> bool:
        """Whether a mark says anything: not where every one of `total` steps lies on the path."""
        return 1 < len(self.steps) < total


def critical_path(steps: Sequence[StepRow], now: datetime) -> CriticalPath:
    """Return the chain that took longest so far; of equally long ones, that of most steps.

    Before anything has begun it is the chain of most steps. Steps may stand in any order;
    needs that are not there, or that close a cycle, do not count.
    """
    best: dict[str, tuple[float, int, str]] = {}
    for step in needs_first(steps):
        before = [(*best[need][:2], need) for need in step.needs if need in best]
        # max, first come first: it does not jump between chains that are alike.
        seconds, count, previous = max(before, key=lambda way: way[:2], default=(0.0, 0, ""))
        spent = elapsed(step.started_at, step.ended_at, now) or 0.0
        best[step.key] = (seconds + spent, count + 1, previous)
    if not best:
        return CriticalPath()
    key = max(best, key=lambda name: best[name][:2])
    total, chain = best[key][0], list[str]()
    while key:
        chain.append(key)
        key = best[key][2]
    return CriticalPath(tuple(reversed(chain)), total)


def needs_first(steps: Sequence[StepRow]) -> list[StepRow]:
    """Return the steps with each one after what it needs, else in their order."""
    waiting = {step.key: 0 for step in steps}
    followers: dict[str, list[StepRow]] = {step.key: [] for step in steps}
    for step in steps:
        for need in set(step.needs) & followers.keys():
            waiting[step.key] += 1
            followers[need].append(step)
    ready = [step for step in steps if waiting[step.key] == 0]
    for step in ready:  # grows while it is gone through
        for follower in followers[step.key]:
            waiting[follower.key] -= 1
            if waiting[follower.key] == 0:
                ready.append(follower)
    return ready
