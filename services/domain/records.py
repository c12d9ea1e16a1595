"""What is stored, as frozen records.

Plain dataclasses, because the screen imports this module before its first paint;
what comes from outside is validated where it enters (settings, codex, models).
All times are UTC; durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.domain.tool_servers import McpServer


class Trigger(StrEnum):
    """What started a run."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    BATCH = "batch"
    CLI = "cli"
    AGENT = "agent"
    RETRY = "retry"


class StepKind(StrEnum):
    """What a step does."""

    AGENT = "agent"
    CODEX = "codex"
    COMMAND = "command"
    GATE = "gate"


class Mode(StrEnum):
    """How a stage works: an Agents SDK agent, codex directly, or whichever is possible."""

    AUTO = "auto"
    AGENT = "agent"
    DIRECT = "direct"


class SkipCause(StrEnum):
    """Why a step was skipped, which decides what may follow it.

    NEED: something it needs ended badly. PERSON: somebody said so; it counts as satisfied.
    VOID: its round was re-run from an earlier stage, and only a new verdict revives it.
    WHEN: its condition did not hold; it counts as satisfied.
    """

    NONE = ""
    NEED = "need"
    PERSON = "person"
    VOID = "void"
    WHEN = "when"


class Sandbox(StrEnum):
    """What codex lets a command touch; the words are codex's own."""

    READ_ONLY = "read-only"
    WORKSPACE_WRITE = "workspace-write"
    DANGER_FULL_ACCESS = "danger-full-access"


class ApprovalPolicy(StrEnum):
    """What becomes of codex's wish to do more than its sandbox lets it.

    `ask` asks a person as long as one is there; `deny` declines; with `never` codex is told
    that it need not even ask.
    """

    ASK = "ask"
    DENY = "deny"
    NEVER = "never"


class Unattended(StrEnum):
    """What a run does with a question while nobody is there to answer it."""

    DENY = "deny"
    WAIT = "wait"


class CodexEngine(StrEnum):
    """Which of codex's two programs runs the turns."""

    APP_SERVER = "app-server"
    EXEC = "exec"


class DefaultWorkflow(StrEnum):
    """What a run of a project is unless it says otherwise."""

    FOUR_AGENTS = "four-agents"
    CODEX = "codex"


class FailureClass(StrEnum):
    """Why a step failed (SPEC C10), with six classes of our own at the end.

    COMMAND: a command step's exit code; REJECTED: a person's no at a gate, or the command
    policy's to a command.
    """

    USAGE_LIMIT = "usage_limit"
    AUTHENTICATION = "authentication"
    NETWORK = "network"
    SANDBOX = "sandbox"
    MODEL = "model"
    CONTEXT_LENGTH = "context_length"
    TIMEOUT = "timeout"
    CRASH = "crash"
    VERDICT = "verdict"
    CODEX = "codex"
    WORKSPACE = "workspace"
    DISK = "disk"
    COMMAND = "command"
    REJECTED = "rejected"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Failure:
    """A classified failure: a sentence, what to do, and the evidence.

    `detail` is a traceback or the tail of the output; it is shown only on demand.
    `retry_at` is when whatever refused said that it works again. `retry_helps` is false where
    each further attempt would meet the same end, whatever is done meanwhile.
    """

    failure_class: FailureClass
    message: str
    advice: str = ""
    detail: str = ""
    retry_at: datetime | None = None
    retry_helps: bool = True


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one or more model calls; `cached_input` is part of `input`."""

    input: int = 0
    cached_input: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(
            self.input + other.input,
            self.cached_input + other.cached_input,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )

    def __sub__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(
            max(0, self.input - other.input),
            max(0, self.cached_input - other.cached_input),
            max(0, self.output - other.output),
            max(0, self.reasoning - other.reasoning),
        )


class ChangeKind(StrEnum):
    """What happened to a file."""

    CREATED = "created"
    MODIFIED = "modified"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that a job changed; `path` is relative to the workspace."""

    path: str
    kind: ChangeKind


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of a verdict: `status` is `pass` or `fail`."""

    id: str
    status: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Production Readiness returns (SPEC A3); `verdict` is APPROVED or NEEDS_WORK."""

    verdict: str
    requirements: tuple[Requirement, ...] = ()
    tests_passed: int = 0
    tests_failed: int = 0
    tests_skipped: int = 0
    security: tuple[str, ...] = ()
    blocking: tuple[str, ...] = ()
    recommendations: tuple[str, ...] = ()
    deployment_checklist: tuple[str, ...] = ()
    items: tuple[str, ...] = ()

    @property
    def approved(self) -> bool:
        """Whether the work may ship."""
        return self.verdict == "APPROVED"


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """What a project decides for its runs; None leaves it to the global setting.

    `verify` is the command that the Builder's work must pass. `environment` is for the
    commands that codex runs; its values are plain or references to secrets. `concurrency`
    is how many codex turns, and how many jobs of their own, run at once in the project;
    `memory_cap`, in MiB, is how much a command and all that it starts hold at most; codex turns
    have no cap.
    """

    model: str | None = None
    sandbox: Sandbox | None = None
    mode: Mode | None = None
    approval_policy: ApprovalPolicy | None = None
    verify: str | None = None
    budget_tokens: int | None = None
    budget_cost: float | None = None
    workflow: DefaultWorkflow | None = None
    concurrency: int | None = None
    memory_cap: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    mcp_servers: Mapping[str, McpServer] = field(default_factory=dict, hash=False)

    @property
    def memory_bytes(self) -> int | None:
        """The memory cap in bytes, as commands are started with it."""
        return None if self.memory_cap is None else self.memory_cap << 20


@dataclass(frozen=True, slots=True)
class Project:
    """A workspace directory with a name."""

    id: str
    name: str
    workspace: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    settings: ProjectSettings = field(default_factory=ProjectSettings)
    archived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a workflow in a project.

    `definition` is the JSON of the `WorkflowSpec` that the run started with. `paused_at` is set
    while nothing of it may start. The budgets are in tokens and US dollars, None without a
    limit; `warned` names the warnings about them that have been given. What attempts that ended
    before `output_removed_at` have printed is not kept any more.
    """

    id: str
    project_id: str
    workflow: str
    definition: str
    request: str
    title: str
    trigger: Trigger
    mode: Mode
    state: RunState
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    current_stage: str = ""
    summary: str = ""
    error: str = ""
    parent_run_id: str | None = None
    usage: TokenUsage = field(default_factory=TokenUsage)
    paused_at: datetime | None = None
    budget_tokens: int | None = None
    budget_cost: float | None = None
    warned: tuple[str, ...] = ()
    output_removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A node of a run. `key` is unique in the run: `builder`, `builder#2`, …

    `spec_id` names the step of the definition it is an instance of; `attempt`
    counts from 1 once it has started; `reason` says why it waits or was skipped.
    `over_budget` marks a step that waits for nothing but a larger budget.
    """

    id: str
    run_id: str
    key: str
    spec_id: str
    position: int
    kind: StepKind
    title: str
    needs: tuple[str, ...]
    critical: bool
    state: StepState
    round: int = 1
    attempt: int = 0
    max_attempts: int = 1
    retry_at: datetime | None = None
    reason: str = ""
    failure: Failure | None = None
    summary: str = ""
    verdict: Verdict | None = None
    usage: TokenUsage = field(default_factory=TokenUsage)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    skip_cause: SkipCause = SkipCause.NONE
    over_budget: bool = False


@dataclass(frozen=True, slots=True)
class PromptEdit:
    """A person's text in the place of a step's own prompt; the latest of a step counts.

    `original` is what the step would have been told then; an empty `text` takes the edit back.
    """

    id: str
    run_id: str
    step_id: str
    at: datetime
    actor: str
    original: str
    text: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a step; `output_path` is the file its live output goes to.

    It is under way as long as `ended_at` is None, also over a restart of Foredeck.
    `continues` is the number of the attempt whose conversation it goes on with, 0 for none.
    """

    id: str
    step_id: str
    run_id: str
    number: int
    state: StepState
    output_path: str
    started_at: datetime
    ended_at: datetime | None = None
    failure: Failure | None = None
    usage: TokenUsage = field(default_factory=TokenUsage)
    continues: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One supervised codex turn (or, later, OS process).

    `key` says what in its attempt asked for it (an agent's tool call, `direct-1`): one that
    is asked for again after a crash is the same job.
    `thread_id` and `turn_id` are codex's; `model` is the one whose tokens `usage` counts,
    empty while it is not known; `mark` is the value of the environment
    variable FOREDECK_JOB_ID that every process of this job carries.
    `cpu_seconds` and `peak_memory` (bytes, of its largest process) are what a command has cost,
    None for a codex turn and where nobody knows.
    """

    id: str
    name: str
    state: JobState
    prompt: str
    workspace: str
    output_path: str
    created_at: datetime
    updated_at: datetime
    type: str = "codex"
    run_id: str | None = None
    step_id: str | None = None
    attempt: int = 1
    timeout: float = 600.0
    thread_id: str | None = None
    turn_id: str | None = None
    model: str = ""
    exit_code: int | None = None
    message: str = ""
    failure: Failure | None = None
    files_changed: tuple[FileChange, ...] = ()
    usage: TokenUsage = field(default_factory=TokenUsage)
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    key: str = ""
    cpu_seconds: float | None = None
    peak_memory: int | None = None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A prompt that a person has queued: the run's next codex turn in the same thread.

    `job_id` is the turn that it became.
    """

    id: str
    run_id: str
    prompt: str
    created_at: datetime
    delivered_at: datetime | None = None
    job_id: str | None = None


class Role(StrEnum):
    """Who speaks in a conversation."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Message:
    """One message or tool call of a stage's conversation.

    A tool call has role `tool`, a `tool` name and JSON `arguments`; its answer is
    the `content`. `complete` is False while it is still being produced. `model` is set on
    what a model said and on whatever else carries its tokens in `usage`.
    """

    id: str
    run_id: str
    step_id: str
    attempt: int
    position: int
    role: Role
    content: str
    at: datetime
    model: str = ""
    usage: TokenUsage = field(default_factory=TokenUsage)
    tool: str = ""
    call_id: str = ""
    arguments: str = ""
    duration: float | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A file that a person gave to a project; a copy of its content lies in the workspace.

    `name` is relative to the workspace; `size` in bytes; `sha256`, of the content, in hex.
    `placed` says that the copy was made.
    """

    id: str
    project_id: str
    name: str
    type: str
    size: int
    sha256: str
    uploaded_at: datetime
    metadata: tuple[tuple[str, str], ...] = ()
    placed: bool = False


class EntityKind(StrEnum):
    """What a transition belongs to."""

    RUN = "run"
    STEP = "step"
    JOB = "job"
    QUESTION = "question"
