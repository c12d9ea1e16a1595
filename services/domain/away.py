"""What happened while no dashboard was open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AwayKind(StrEnum):
    """What a line is about, in the order in which a person should hear of it."""

    WAITING = "waiting"
    FAILED = "failed"
    MISSED = "missed"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class AwayItem:
    """One thing that happened; `run_id` is None for a moment of a schedule without a run.

    `what` is the title of a run or a report, or the name of a task; `detail` says more.
    """

    kind: AwayKind
    at: datetime
    what: str
    project_name: str
    run_id: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Away:
    """All that happened from `since` on, `until` it was asked for.

    `since` None means that no dashboard was ever open, so nobody was away. `counts` have an
    entry for each kind of which there is something. `items` are the most important ones: what
    waits and what failed, then what was missed, then the rest, each newest first.
    """

    since: datetime | None
    until: datetime
    counts: tuple[tuple[AwayKind, int], ...] = ()
    items: tuple[AwayItem, ...] = ()

    @property
    def total(self) -> int:
        """How much happened; the list may hold less of it."""
        return sum(count for _, count in self.counts)
