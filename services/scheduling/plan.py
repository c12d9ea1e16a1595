"""When a task is due next."""

from __future__ import annotations

from datetime import datetime

from foredeck.services.domain.tasks import Task
from foredeck.services.scheduling.cron import next_after


def next_moment(task: Task, now: datetime) -> datetime | None:
    """Return the next moment of a task's schedule after `now`, None if there is none."""
    schedule = task.schedule
    if schedule is None or not schedule.enabled or not task.active or task.deleted_at is not None:
        return None
    return next_after(schedule.cron, schedule.timezone, now)
