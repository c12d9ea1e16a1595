"""Tasks: saved prompt templates, and the runs that are made from them (SPEC T1–T3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from foredeck.services.domain.notices import Cause
from foredeck.services.domain.records import Mode, Sandbox, Trigger
from foredeck.services.domain.reports import ReportFormat
from foredeck.services.domain.schedules import Schedule
from foredeck.services.domain.states import RunState

NAME_LENGTH = 255
DESCRIPTION_LENGTH = 2000
# Of a prompt template, in characters: with its values filled in it has to fit a request.
PROMPT_LENGTH = 100_000
MOST_TAGS = 20
TAG_LENGTH = 50
METADATA_BYTES = 10_000
# Of the answer of an execution where several are listed, in characters.
LISTED_ANSWER = 4_000


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """What the runs of a task go by; None leaves it to the project and the settings.

    `timeout`, in seconds, is for one codex turn. The budgets are in tokens and US dollars.
    """

    model: str | None = None
    sandbox: Sandbox | None = None
    mode: Mode | None = None
    timeout: float | None = None
    budget_tokens: int | None = None
    budget_cost: float | None = None


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A task without what may be long: hundreds of these are read again and again.

    `workflow` is a name that can be run in the project. `allowed_tools` None allows all.
    `directory` is relative to the workspace, empty for the workspace itself. A `public` task is
    seen in every project. `report` says that each run leaves one behind. `notify` None leaves it
    to the settings. `executions` counts the runs, `successes` and `failures` those that ended so;
    `next_at` is the next moment of its schedule, None if there is none.
    """

    id: str
    name: str
    project_id: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    workflow: str = "codex"
    allowed_tools: tuple[str, ...] | None = None
    disallowed_tools: tuple[str, ...] = ()
    options: TaskOptions = field(default_factory=TaskOptions)
    directory: str = ""
    schedule: Schedule | None = None
    report: bool = False
    report_format: ReportFormat = ReportFormat.HTML
    notify: tuple[Cause, ...] | None = None
    tags: tuple[str, ...] = ()
    public: bool = False
    active: bool = True
    deleted_at: datetime | None = None
    last_executed_at: datetime | None = None
    next_at: datetime | None = None
    executions: int = 0
    successes: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Task(ListedTask):
    """A prompt template with all that its runs need.

    `variables` are the defaults of those in the template.
    """

    prompt: str = field(kw_only=True)
    variables: tuple[tuple[str, str], ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()


class Counted(StrEnum):
    """As what a run is counted in the statistics of its task (SPEC T1)."""

    NOTHING = ""
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Execution:
    """What a run has from its task; it has the id of the run.

    `variables` are those that were filled in, `warnings` what was odd about them. `due_at` is
    the moment of the schedule that it answers, None for one by hand. `report_format` is that
    of the report which is made when it ends, None without one; `reported_at` is the end of the
    run that the latest of these is about.
    """

    id: str
    task_id: str
    created_at: datetime
    variables: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    due_at: datetime | None = None
    counted: Counted = Counted.NOTHING
    report_format: ReportFormat | None = None
    notify: tuple[Cause, ...] | None = None
    reported_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TaskWish:
    """What a person asks for with a new task, or how a changed one is to be.

    `project` None is the one to which `here` belongs, an absolute path, else the scratch project.
    `directory` is within the workspace, relative to it or absolute; empty for the workspace.
    `report_format` and the tools are as a person writes them.
    """

    name: str
    prompt: str
    description: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    project: str | None = None
    workflow: str = "codex"
    allowed_tools: tuple[str, ...] | None = None
    disallowed_tools: tuple[str, ...] = ()
    options: TaskOptions = field(default_factory=TaskOptions)
    directory: str = ""
    here: str = ""
    schedule: Schedule | None = None
    report: bool = False
    report_format: str = "html"
    notify: tuple[Cause, ...] | None = None
    tags: tuple[str, ...] = ()
    public: bool = False
    active: bool = True
    metadata: tuple[tuple[str, str], ...] = ()


def wish_of(task: Task) -> TaskWish:
    """Return the wish for a task as it is: what a change of it begins with."""
    return TaskWish(
        name=task.name,
        prompt=task.prompt,
        description=task.description,
        variables=task.variables,
        project=task.project_id,
        workflow=task.workflow,
        allowed_tools=task.allowed_tools,
        disallowed_tools=task.disallowed_tools,
        options=task.options,
        directory=task.directory,
        schedule=task.schedule,
        report=task.report,
        report_format=task.report_format.value,
        notify=task.notify,
        tags=task.tags,
        public=task.public,
        active=task.active,
        metadata=task.metadata,
    )


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A line of a list of tasks; `running` counts its executions that are not over."""

    task: ListedTask
    project_name: str
    running: int = 0
    last_state: RunState | None = None
    last_run_id: str = ""

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name


@dataclass(frozen=True, slots=True)
class TaskRow(TaskLine):
    """All of a task, with what a line of a list says of it.

    `warnings`, a sentence each, are what is odd about what a command has just stored.
    """

    task: Task
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a wish, in a sentence, and the field that is to be mended.

    `field` is one of `TaskWish`, of its options or of its schedule.
    """

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class TaskPreview:
    """What an execution would say, and what is wrong or odd about it.

    `missing` are the variables without a value, of which `mistakes` tells as well.
    """

    prompt: str
    mistakes: tuple[Mistake, ...] = ()
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    # The variables of the template in their order, each with the value it would get, or None.
    variables: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class ExecutionStatus:
    """How an execution stands (SPEC T3).

    `result_data` is the answer as JSON text if it is JSON, else empty; in a list an answer of
    more than `LISTED_ANSWER` is cut and has none. `duration` is in seconds, so far while it
    works; `report_id` is empty until there is one. `conversation_id` names what is said in it,
    wherever a run is named; `thread_id` is codex's own first one, if there is one. `waits` says
    what it waits for while nothing of it works, though its state may be running.
    """

    id: str
    task_id: str
    task_name: str
    project_name: str
    trigger: Trigger
    state: RunState
    variables: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    conversation_id: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    duration: float | None
    tokens: int
    cost: float | None
    due_at: datetime | None = None
    result_message: str = ""
    result_data: str = ""
    error: str = ""
    report_id: str = ""
    report_format: ReportFormat | None = None
    thread_id: str = ""
    waits: str = ""
