"""Which tasks are listed, and in which order (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from foredeck.services.domain import clock
from foredeck.services.domain.states import RunState
from foredeck.services.domain.tasks import TaskLine
from foredeck.widgets.task_cells import PUBLIC, last_state

_BADLY = frozenset({RunState.FAILED, RunState.PARTIAL_SUCCESS})


class Shown(Enum):
    """Which tasks are listed; the value says so in the title."""

    ALL = ""
    SCHEDULED = "scheduled"
    BADLY = "failed last"
    OFF = "switched off"
    DELETED = "deleted"

    def includes(self, row: TaskLine) -> bool:
        """Whether that task is listed; a deleted one is among the deleted only."""
        task = row.task
        if self is Shown.DELETED or task.deleted_at is not None:
            return self is Shown.DELETED and task.deleted_at is not None
        if self is Shown.SCHEDULED:
            return task.schedule is not None
        if self is Shown.BADLY:
            return last_state(row) in _BADLY
        return self is Shown.ALL or not task.active


class Order(Enum):
    """In which order tasks are listed; the value says so in the title."""

    NEWEST = "newest first"
    NAME = "by name"
    NEXT = "next due first"


def arrange(
    rows: Iterable[TaskLine], text: str, shown: Shown, order: Order
) -> tuple[TaskLine, ...]:
    """Return those to list; each word of `text` has to be in a name, tag, project or description.

    The rows come newest first.
    """
    words = text.casefold().split()
    kept = [row for row in rows if shown.includes(row) and _has(row, words)]
    if order is Order.NAME:
        kept.sort(key=lambda row: (row.name.casefold(), row.id))
    if order is Order.NEXT:
        kept.sort(key=lambda row: row.task.next_at or clock.NEVER)
    return tuple(kept)


def _has(row: TaskLine, words: list[str]) -> bool:
    if not words:
        return True
    task = row.task
    parts = [task.name, row.project_name, task.description, task.workflow, row.id]
    parts += [f"#{tag}" for tag in task.tags]
    parts += [PUBLIC] if task.public else []
    text = "\n".join(parts).casefold()
    return all(word in text for word in words)
