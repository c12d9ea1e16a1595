"""When a task is due by its schedule, and what has come of it meanwhile (SPEC T4). Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from foredeck.services.domain.schedules import MOST_CAUGHT_UP, Schedule
from foredeck.services.domain.tasks import Task
from foredeck.services.scheduling.cron import between, due_between, next_after

# So many moments that have come are told one by one at most; of those before, their number.
MOST_TOLD = 20
# And this many may be on time: those of a minute each, as long as the longest grace.
_KEPT = MOST_CAUGHT_UP + MOST_TOLD + 100
_AT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Come:
    """Moments of a task that have come and are not answered, the oldest first.

    `before` counts more that were missed before all of these, the first of them `since`; there
    were even more if it is not `counted`. `next_at` is the first moment that has not come.
    """

    missed: tuple[datetime, ...]
    on_time: tuple[datetime, ...]
    next_at: datetime
    before: int = 0
    since: datetime | None = None
    counted: bool = True


def next_moment(task: Task, now: datetime) -> datetime | None:
    """Return the first moment after `now` at which a task is due, None if it never is.

    Raises `InvalidInput` for a schedule that `cron.check` finds fault with.
    """
    schedule = task.schedule
    if schedule is None or not schedule.enabled or not task.active or task.deleted_at is not None:
        return None
    return next_after(schedule.cron, schedule.timezone, now)


def first_open(
    schedule: Schedule, now: datetime, until: datetime, answered: Set[datetime]
) -> datetime:
    """Return the first moment after `now` that is not answered yet, `until` if all before are."""
    found = between(schedule.cron, schedule.timezone, now, until)
    return next((moment for moment in found if moment not in answered), until)


# Asked of every task at each look, and of a rare one decades are looked through.
@lru_cache(maxsize=1024)
def starts_at(task_id: str, schedule: Schedule, due_at: datetime) -> datetime:
    """Return when a due time is acted upon: `jitter` puts it off, never beyond the next one.

    It is the same time however often it is asked.
    """
    if schedule.jitter <= 0:
        return due_at
    room = next_after(schedule.cron, schedule.timezone, due_at) - due_at
    seed = hashlib.sha256(f"{task_id} {due_at.isoformat()}".encode()).digest()
    fraction = int.from_bytes(seed[:6]) / (1 << 48)
    return due_at + fraction * min(timedelta(seconds=schedule.jitter), room)


def come(task_id: str, schedule: Schedule, first: datetime, seen: datetime, late: datetime) -> Come:
    """Return what has come by the time `seen`, from the moment `first` on, with that.

    What was to be acted upon before `late` is missed. Raises `InvalidInput` as `next_moment`.
    """
    cron, zone = schedule.cron, schedule.timezone
    due = due_between(cron, zone, first - _AT, seen, _KEPT)
    moments = [(moment, starts_at(task_id, schedule, moment)) for moment in due.latest]
    come_yet = [(moment, start) for moment, start in moments if start <= seen]
    left = [moment for moment, start in moments if start > seen]
    return Come(
        missed=tuple(moment for moment, start in come_yet if start < late),
        on_time=tuple(moment for moment, start in come_yet if start >= late),
        next_at=left[0] if left else next_after(cron, zone, seen),
        before=due.before,
        since=due.first if due.before else None,
        counted=due.counted,
    )
