"""View models of tasks: all that a screen shows of one of them."""

from __future__ import annotations

from dataclasses import dataclass

from foredeck.services.domain.schedules import FireRow
from foredeck.services.domain.tasks import ExecutionStatus, TaskRow


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """A task with its latest executions and what went otherwise with its schedule.

    `total` counts all executions, `odd` are the latest moments that did not simply start one.
    `moments` are the next ones of the schedule, as ISO 8601 in its zone; `problem` says why
    they could not be told.
    """

    row: TaskRow
    executions: tuple[ExecutionStatus, ...] = ()
    total: int = 0
    odd: tuple[FireRow, ...] = ()
    moments: tuple[str, ...] = ()
    problem: str = ""
