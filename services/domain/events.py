"""What happened, in the past tense; published after the commit that made it true."""

from dataclasses import dataclass, field
from datetime import datetime

from foredeck.services.domain.notices import Cause
from foredeck.services.domain.questions import QuestionKind
from foredeck.services.domain.states import JobState, QuestionState, RunState, StepState


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened; `seq` grows by one with each event of a host, `at` says when.

    A later host begins with a higher `seq` than any that an earlier one has used.
    """

    seq: int = 0
    at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSaved(Event):
    """A project was created or changed."""

    project_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSaved(Event):
    """A run was created or changed; `previous` is None at creation or without a transition."""

    run_id: str
    project_id: str
    state: RunState
    previous: RunState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSaved(Event):
    """A step was created or changed."""

    run_id: str
    step_id: str
    key: str
    state: StepState
    previous: StepState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSaved(Event):
    """A job was created or changed; `previous` is None without a transition.

    `type` says what it is: a codex turn, or a command.
    """

    job_id: str
    run_id: str | None
    name: str
    state: JobState
    previous: JobState | None = None
    type: str = "codex"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueueChanged(Event):
    """A person has paused the queue of jobs, let it go on, or changed its limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSaved(Event):
    """A message of a conversation was added or grew."""

    run_id: str
    step_id: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSaved(Event):
    """A question was asked, answered or withdrawn; `previous` is None when it was asked."""

    question_id: str
    run_id: str | None
    kind: QuestionKind
    title: str
    state: QuestionState
    previous: QuestionState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatGrew(Event):
    """A conversation with an agent was begun, or something was said in it."""

    conversation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSaved(Event):
    """A task was created, changed, or executed."""

    task_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleChanged(Event):
    """A due time was answered, or the schedules were paused or went on."""

    task_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSaved(Event):
    """A report was made or deleted."""

    report_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSaved(Event):
    """A person is to be told something about a run; dashboards ring for it.

    `run_id` is empty if it is about a due time of which no run could be made.
    """

    notification_id: str
    run_id: str
    cause: Cause
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRaised(Event):
    """The host has something to tell a person; `severity` is information, warning or error."""

    severity: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync(Event):
    """The subscriber fell behind and must read a fresh snapshot."""
