"""What is odd about the schedule of a task, though it can be kept."""

from __future__ import annotations

from foredeck.services.domain.schedules import Misfire, Overlap, Schedule
from foredeck.services.domain.tasks import Task
from foredeck.services.scheduling.firing import is_on
from foredeck.services.scheduling.policy import MOST_QUEUED
from foredeck.services.tasks.templates import variables_of


def warnings_of(task: Task) -> tuple[str, ...]:
    """Return a sentence each; none for a task that its schedule may not start."""
    if task.schedule is None or not is_on(task):
        return ()
    return (*_about_values(task), *_about_catching_up(task.schedule))


def _about_values(task: Task) -> tuple[str, ...]:
    defaults = dict(task.variables)
    lacking = [name for name in variables_of(task.prompt) if name not in defaults]
    if not lacking:
        return ()
    names = ", ".join(lacking)
    return (f"The clock can give no value for {names}: no run is made until there is a default.",)


def _about_catching_up(schedule: Schedule) -> tuple[str, ...]:
    if schedule.misfire is not Misfire.CATCH_UP or schedule.catch_up <= 1:
        return ()
    if schedule.overlap is Overlap.SKIP:
        return (
            "Of the due times that are caught up with only the first can start: the others find it "
            "at work, and overlap skip leaves them out. Choose overlap queue or allow.",
        )
    if schedule.overlap is Overlap.QUEUE and schedule.catch_up > MOST_QUEUED + 1:
        return (f"Of the due times that are caught up with at most {MOST_QUEUED} can wait.",)
    return ()
