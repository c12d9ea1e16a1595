"""What a client may want of tasks and schedules; they belong to `commands` and `queries`.

A `ref` of a task is an id, the beginning of one, or its name; an execution is named by its run.
"""

from dataclasses import dataclass, field

from foredeck.services.domain.schedules import FireRow, ScheduleBoard
from foredeck.services.domain.tasks import (
    ExecutionStatus,
    Mistake,
    TaskLine,
    TaskPreview,
    TaskRow,
    TaskWish,
)
from foredeck.services.domain.views import Page
from foredeck.services.host.interface import Command, Query


@dataclass(frozen=True)
class CreateTask(Command[TaskRow]):
    """Store a task; every mistake is told at once. `Conflict` if the name is taken."""

    wish: TaskWish


@dataclass(frozen=True)
class UpdateTask(Command[TaskRow]):
    """Replace a task by how it is to be; runs that are there stay as they are."""

    ref: str
    wish: TaskWish


@dataclass(frozen=True)
class DeleteTask(Command[TaskRow]):
    """Take a task off the lists and stop its schedule; its runs stay, and nothing is lost."""

    ref: str


@dataclass(frozen=True)
class RestoreTask(Command[TaskRow]):
    """Bring a deleted task back; `Conflict` if its name is taken meanwhile."""

    ref: str


@dataclass(frozen=True)
class ActivateTask(Command[TaskRow]):
    """Let a task be executed, by hand and by its schedule, or not."""

    ref: str
    active: bool = True


@dataclass(frozen=True)
class ExecuteTask(Command[ExecutionStatus]):
    """Make a run of a task and start it; answers at once.

    Raises `InvalidInput` for a missing variable, `Conflict` for a task that is not active.
    """

    ref: str
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PauseSchedules(Command[ScheduleBoard]):
    """Let no schedule start anything, or go on; runs at work are not touched."""

    paused: bool = True


@dataclass(frozen=True)
class ListTasks(Query[Page[TaskLine]]):
    """Tasks without their long texts, newest first; with `project` its own and the public ones."""

    project: str | None = None
    tag: str | None = None
    deleted: bool = False
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True)
class GetTask(Query[TaskRow]):
    """One task."""

    ref: str


@dataclass(frozen=True)
class PreviewTask(Query[TaskPreview]):
    """What an execution with these variables would say."""

    ref: str
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckTask(Query[tuple[Mistake, ...]]):
    """Every mistake in what is wished for; empty if `CreateTask` would take it."""

    wish: TaskWish
    ref: str | None = None


@dataclass(frozen=True)
class GetExecution(Query[ExecutionStatus]):
    """How an execution stands; `Conflict` for a run of no task."""

    ref: str


@dataclass(frozen=True)
class ListExecutions(Query[Page[ExecutionStatus]]):
    """The executions of a task, newest first; of all tasks without one."""

    task: str | None = None
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True)
class PreviewSchedule(Query[tuple[str, ...]]):
    """The next `count` moments of a cron expression, as ISO 8601 with the zone's offset.

    Raises `InvalidInput` for an expression or a zone that is none.
    """

    cron: str
    timezone: str = ""
    count: int = 5


@dataclass(frozen=True)
class ListFires(Query[Page[FireRow]]):
    """What became of the due times, the latest first; of one task, or of all.

    With `odd` only those that did not simply start a run.
    """

    task: str | None = None
    odd: bool = False
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True)
class GetScheduleBoard(Query[ScheduleBoard]):
    """How the schedules stand."""
