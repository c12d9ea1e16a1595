"""Schedules of tasks: when they are due, and what became of each due time (SPEC T4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# How many missed moments are caught up with at most, and how long a start may be put off (s).
MOST_CAUGHT_UP = 100
LONGEST_JITTER = 3600.0


class Overlap(StrEnum):
    """What becomes of a due time while an earlier execution of the task is not over."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


class Misfire(StrEnum):
    """What becomes of moments at which no host was there, or the schedules were paused."""

    RUN_ONCE = "run-once"
    CATCH_UP = "catch-up"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a task is executed by itself.

    `cron` has five fields; it counts in `timezone`, an IANA name. `catch_up` is how many missed
    moments `Misfire.CATCH_UP` makes up for, the latest ones. A start is put off by up to
    `jitter` seconds, for one moment always by the same.
    """

    cron: str
    timezone: str = "UTC"
    enabled: bool = True
    overlap: Overlap = Overlap.SKIP
    misfire: Misfire = Misfire.RUN_ONCE
    catch_up: int = 1
    jitter: float = 0.0


class FireState(StrEnum):
    """What became of a due time.

    `started`: a run was made; `queued`: it will be, when the one before is over; `skipped`:
    the overlap policy left it out; `missed`: the misfire policy did; `failed`: no run could be
    made, the reason says why.
    """

    STARTED = "started"
    QUEUED = "queued"
    SKIPPED = "skipped"
    MISSED = "missed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fire:
    """A due time of a task's schedule, kept for ever: there is one at most for each.

    `at` is when it was decided what becomes of it.
    """

    id: str
    task_id: str
    due_at: datetime
    at: datetime
    state: FireState
    run_id: str | None = None
    reason: str = ""


# Words of a reason, looked for in the store as well.
MORE_MISSED = " before it were missed, too, since "
_MORE_MISSED = re.compile(r"([\d,]+)" + MORE_MISSED)


def more_missed(count: int, since: datetime, *, counted: bool) -> str:
    """Return what the reason of a missed due time says of those before it, without a row each.

    `counted` is False if there were even more.
    """
    number = f"{count:,}" if counted else f"More than {count:,}"
    return f"{number}{MORE_MISSED}{since:%Y-%m-%d %H:%M} UTC."


def count_more_missed(reason: str) -> int:
    """Return how many due times without a row a reason speaks of."""
    found = _MORE_MISSED.search(reason)
    return int(found[1].replace(",", "")) if found else 0


@dataclass(frozen=True, slots=True)
class FireRow:
    """A line of the history of schedules."""

    id: str
    task_id: str
    task_name: str
    due_at: datetime
    at: datetime
    state: FireState
    run_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class ScheduleBoard:
    """How the schedules stand: the next due time, and what came of those of the last day.

    `runs` is False where no host is there to start anything; `missed` and `failed` count the
    due times of the last 24 hours that became so. `timezone` is that of the host's machine, in
    which a person means the times of a new schedule.
    """

    paused_at: datetime | None
    scheduled: int
    next_task_id: str = ""
    next_task_name: str = ""
    next_at: datetime | None = None
    missed: int = 0
    failed: int = 0
    queued: int = 0
    runs: bool = False
    timezone: str = "UTC"
