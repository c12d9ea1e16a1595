"""View models: what a screen or a command shows, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from foredeck.services.domain.questions import Question
from foredeck.services.domain.records import (
    Failure,
    FailureClass,
    Mode,
    ProjectFile,
    Role,
    StepKind,
    TokenUsage,
    Trigger,
    Verdict,
)
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.tool_servers import McpServer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list, newest first; `total` counts the whole of it."""

    items: tuple[T, ...]
    total: int
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project in a list; `usage` is that of all its runs."""

    id: str
    name: str
    description: str
    workspace: str
    archived: bool
    runs: int
    active_runs: int
    created_at: datetime
    last_run_at: datetime | None
    usage: TokenUsage = field(default_factory=TokenUsage)


@dataclass(frozen=True, slots=True)
class ProjectSettingRow:
    """A setting that holds in a project; `origin` is `project` or `global`, "" is no value."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class McpServerRow:
    """A tool server that a project's agents and codex may use, and who added it."""

    name: str
    server: McpServer
    origin: str


@dataclass(frozen=True, slots=True)
class ProjectSettingsView:
    """What holds in a project; a reference to a secret is shown, never the secret."""

    project: ProjectRow
    settings: tuple[ProjectSettingRow, ...]
    environment: dict[str, str]
    mcp_servers: tuple[McpServerRow, ...]


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list; `total` counts its steps, `done` those that succeeded.

    `questions` counts what it asks of a person just now.
    """

    id: str
    project_id: str
    project_name: str
    title: str
    state: RunState
    trigger: Trigger
    mode: Mode
    current_stage: str
    done: int
    total: int
    usage: TokenUsage
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    questions: int = 0


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A question with what it belongs to; the words are empty outside a run."""

    question: Question
    step_key: str = ""
    step_title: str = ""
    run_title: str = ""


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step as the stage table and the graph show it.

    `output_path` is the file of its latest attempt, None before the first one; `over_budget`
    says that it waits for nothing but a larger budget.
    """

    id: str
    key: str
    title: str
    kind: StepKind
    state: StepState
    needs: tuple[str, ...]
    critical: bool
    attempt: int
    max_attempts: int
    reason: str
    failure: Failure | None
    summary: str
    verdict: Verdict | None
    usage: TokenUsage
    output_path: str | None
    started_at: datetime | None
    ended_at: datetime | None
    retry_at: datetime | None
    over_budget: bool = False

    @property
    def is_gate(self) -> bool:
        """Whether a person approves or rejects here."""
        return self.kind is StepKind.GATE

    @property
    def was_lost(self) -> bool:
        """Whether it waits because its turn vanished; `runs resume` goes on from there."""
        if self.state is not StepState.WAITING or self.failure is None:
            return False
        return self.failure.failure_class is FailureClass.CRASH


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try of a step; under way as long as `ended_at` is None."""

    step_key: str
    number: int
    state: StepState
    started_at: datetime
    ended_at: datetime | None
    failure: Failure | None
    output_path: str
    usage: TokenUsage


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run, whole; steps in the order of the definition. `seq` dates the snapshot.

    `cost` is in US dollars, None while a price is not known; the budgets are in tokens and US
    dollars, None without a limit. `restarts` are the ids of the runs that began anew from this
    one, `parent_run_id` is the one that this began from.
    """

    run: RunRow
    request: str
    summary: str
    error: str
    workspace: str
    steps: tuple[StepRow, ...]
    seq: int = 0
    cost: float | None = None
    paused_at: datetime | None = None
    budget_tokens: int | None = None
    budget_cost: float | None = None
    parent_run_id: str | None = None
    restarts: tuple[str, ...] = ()
    # What attempts that ended before then have printed is not kept any more.
    output_removed_at: datetime | None = None

    @property
    def waits_for_time(self) -> bool:
        """Whether all that it waits for comes by itself, such as the end of a usage limit."""
        waiting = [step for step in self.steps if step.state is StepState.WAITING]
        return bool(waiting) and all(step.retry_at is not None for step in waiting)


@dataclass(frozen=True, slots=True)
class CodexRun:
    """A run of the workflow codex with its files (SPEC C12); `cost` is in US dollars.

    None stands for what is not known (yet): `exit_code` until it has ended, `session_id`
    until codex has opened the conversation.
    """

    run_id: str
    repo: str
    task: str
    log_file: str
    meta_file: str
    summary_file: str
    state: RunState
    session_id: str | None = None
    resume_session: str | None = None
    codex_bin: str | None = None
    codex_version: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    usage: TokenUsage | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class ProjectNode:
    """A project and its latest runs, for the tree."""

    project: ProjectRow
    runs: tuple[RunRow, ...]


@dataclass(frozen=True, slots=True)
class Sidebar:
    """The project tree; `seq` dates the snapshot."""

    projects: tuple[ProjectNode, ...]
    seq: int = 0


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """A message or a tool call as the transcript shows it."""

    id: str
    step_key: str
    attempt: int
    role: Role
    content: str
    at: datetime
    model: str
    usage: TokenUsage
    tool: str
    arguments: str
    duration: float | None
    complete: bool


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One transition as a person reads it; `subject` is a step key, `run` or a job's name."""

    at: datetime
    subject: str
    old: str
    new: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action would do, a sentence a line, before it is done.

    `repeats_finished` says that work which has succeeded would be done again.
    """

    title: str
    lines: tuple[str, ...]
    possible: bool = True
    reason: str = ""
    repeats_finished: bool = False


@dataclass(frozen=True, slots=True)
class PromptView:
    """What a step will be told: `text`, which a person may have put in `original`'s place.

    `locked` says why it cannot be edited, empty if it can.
    """

    run_id: str
    step_key: str
    title: str
    original: str
    text: str
    edited: bool
    locked: str


@dataclass(frozen=True, slots=True)
class HostStatus:
    """The figures of the status bar; `cost` is in US dollars, None if not known.

    `waiting_runs` are among the `active_runs`.
    """

    active_runs: int
    waiting_runs: int
    queued_turns: int
    running_turns: int
    turn_limit: int
    mode: Mode
    codex: str
    tokens: TokenUsage
    rehearsal: bool = False
    seq: int = 0
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `doctor`: `state` is ok, warning or failed."""

    name: str
    state: str
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class RemovedFile:
    """A project file that was deleted; `copy_kept` says why its copy stays in the workspace."""

    file: ProjectFile
    copy_kept: str = ""
