"""What a report says about a run: one model, from which every format is made (SPEC T5).

Whoever builds it has taken the secrets out of every text and made it safe to show
(`safe_text.clean`), so a renderer escapes only what its own format takes for markup. Times are
UTC, durations seconds, costs US dollars; None is what is not known, or has not happened (yet).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from foredeck.services.domain.questions import QuestionKind
from foredeck.services.domain.records import (
    ChangeKind,
    EntityKind,
    FailureClass,
    Mode,
    Role,
    SkipCause,
    StepKind,
    TokenUsage,
    Trigger,
    Verdict,
)
from foredeck.services.domain.states import JobState, QuestionState, RunState, StepState

SCHEMA_VERSION = 1
"""Grows when something in the JSON is renamed, goes away or means something else."""

CONTENT_LIMIT = 8_000
"""Characters of one message, answer or diff: some 150 lines, more than anybody reads on the
page; the whole of it stays in the transcript and in the output file."""

TRANSCRIPT_BUDGET = 3_000_000
"""Characters of all messages together, so that a report opens at once in a browser. They are
spent on the latest ones; what is older then is cut to `SHORT_LIMIT`."""

SHORT_LIMIT = 200
"""Characters of a message behind the budget, and of what stands in a line."""

ENTRY_LIMIT = 20_000
"""Entries of the transcript, and of the timeline: the latest ones are kept, for a run ends with
what matters most."""

DIFF_BUDGET = 1_000_000
"""Characters of all diffs together."""

FILE_LIMIT = 2_000
"""Files that are listed as changed."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A text of which perhaps only a part is here: `left_out` characters are missing.

    They are missing between the beginning and the end; the text says so there itself.
    """

    text: str = ""
    left_out: int = 0

    def __bool__(self) -> bool:
        return bool(self.text)


@dataclass(frozen=True, slots=True)
class ReportedTask:
    """The task that the run is an execution of, with the variables that were filled in."""

    id: str
    name: str
    variables: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """The run itself; `duration` is so far while it goes on.

    `error` is empty where nothing went wrong; `restarts` are the ids of the runs that began
    anew from this one.
    """

    id: str
    title: str
    request: Excerpt
    project_id: str
    project_name: str
    workspace: str
    workflow: str
    trigger: Trigger
    mode: Mode
    state: RunState
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    paused_at: datetime | None = None
    duration: float | None = None
    current_stage: str = ""
    summary: Excerpt = field(default_factory=Excerpt)
    error: Excerpt = field(default_factory=Excerpt)
    parent_run_id: str | None = None
    restarts: tuple[str, ...] = ()
    task: ReportedTask | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.ended_at is not None


@dataclass(frozen=True, slots=True)
class ModelTotal:
    """The tokens of one model; `model` is empty for what was used before its name was known."""

    model: str
    usage: TokenUsage
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """What the run came to; `cost` None is "unknown", never nothing.

    `turns` are those of codex, `commands` the other processes; `failures` counts the attempts
    that ended badly, `files` what was created, modified or deleted.
    """

    messages: int
    tool_calls: int
    turns: int
    commands: int
    steps: int
    steps_done: int
    retries: int
    failures: int
    files: int
    usage: TokenUsage
    cost: float | None = None
    by_model: tuple[ModelTotal, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportedFailure:
    """Why an attempt of a step ended badly: a sentence, what to do, and the end of the evidence.

    `overcome` says that it is no longer what holds the step up: another attempt followed, or it
    has succeeded since.
    """

    step: str
    title: str
    attempt: int
    failure_class: FailureClass
    message: str
    advice: str = ""
    detail: Excerpt = field(default_factory=Excerpt)
    at: datetime | None = None
    retry_at: datetime | None = None
    critical: bool = True
    overcome: bool = False


@dataclass(frozen=True, slots=True)
class ReportedAttempt:
    """One try of a step; `failure` is the sentence, the whole of it is among the failures."""

    number: int
    state: StepState
    started_at: datetime
    ended_at: datetime | None
    duration: float | None
    usage: TokenUsage
    failure_class: FailureClass | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class ReportedStep:
    """A step with its attempts, in the order of the definition; `needs` are the graph's edges.

    `retries` counts the attempts after the first one, of at most `max_attempts` in all.
    `reason` says why it waits or was skipped. `verdict` is that of its own round.
    """

    key: str
    title: str
    kind: StepKind
    state: StepState
    needs: tuple[str, ...]
    critical: bool
    round: int
    attempt: int
    max_attempts: int
    retries: int
    usage: TokenUsage
    started_at: datetime | None = None
    ended_at: datetime | None = None
    retry_at: datetime | None = None
    duration: float | None = None
    reason: str = ""
    skip_cause: SkipCause = SkipCause.NONE
    summary: Excerpt = field(default_factory=Excerpt)
    verdict: Verdict | None = None
    attempts: tuple[ReportedAttempt, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportedTransition:
    """One change of a state; `subject` is `run`, a step's key, or the name of a job.

    `old` is empty at its beginning; `actor` is who or what did it.
    """

    at: datetime
    kind: EntityKind
    subject: str
    old: str
    new: str
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReportedMessage:
    """A message, or a tool call with its answer as `content`; `model` is set on a model's words.

    `complete` is False for what was still being produced.
    """

    step: str
    attempt: int
    role: Role
    at: datetime
    content: Excerpt
    model: str = ""
    usage: TokenUsage = field(default_factory=TokenUsage)
    tool: str = ""
    arguments: Excerpt = field(default_factory=Excerpt)
    duration: float | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ReportedFile:
    """A file that the run changed; `path` is relative to the workspace.

    `kind` is what became of it over the whole run. `added` and `removed` count the lines of its
    patches, None where nobody knows: in a new file, and in what a command writes.
    """

    path: str
    kind: ChangeKind
    steps: tuple[str, ...] = ()
    added: int | None = None
    removed: int | None = None


@dataclass(frozen=True, slots=True)
class ReportedPatch:
    """A change that codex made to a file, as a unified diff without a header."""

    path: str
    step: str
    attempt: int
    at: datetime
    diff: Excerpt
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of the workspace; `added` and `removed` are the sums over the known patches.

    Patches are those by which codex changed files that were there: of a new file the output of
    a turn keeps no more than its name, and of what commands write nothing. `output_removed` says
    that the output they stood in is gone by the retention that was asked for.
    """

    files: tuple[ReportedFile, ...] = ()
    files_left_out: int = 0
    patches: tuple[ReportedPatch, ...] = ()
    patches_left_out: int = 0
    added: int = 0
    removed: int = 0
    output_removed: bool = False


@dataclass(frozen=True, slots=True)
class ReportedQuestion:
    """What was asked of a person, and the answer, if there was one."""

    step: str
    kind: QuestionKind
    state: QuestionState
    title: str
    asked_at: datetime
    place: str = ""
    reason: str = ""
    details: Excerpt = field(default_factory=Excerpt)
    choices: tuple[str, ...] = ()
    answer: str = ""
    comment: str = ""
    answered_by: str = ""
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReportedJob:
    """A turn of codex (`type` is `codex`), or a command; `command` is its text or the prompt.

    `message` is the answer, or how it ended. `peak_memory` is in bytes, None for a turn.
    """

    id: str
    name: str
    type: str
    step: str
    attempt: int
    state: JobState
    command: Excerpt
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    duration: float | None
    exit_code: int | None
    usage: TokenUsage
    message: Excerpt = field(default_factory=Excerpt)
    failure: str = ""
    model: str = ""
    thread_id: str | None = None
    cpu_seconds: float | None = None
    peak_memory: int | None = None

    @property
    def is_turn(self) -> bool:
        """Whether codex was at work, and not a command."""
        return self.type == "codex"


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run in whatever state it is, whole, as far as the limits of this module allow.

    `failures` begin with those that still stand, the latest first. `verdict` is that of the
    step `verdict_step`, the last one that gave one. The `steps` are the nodes of the graph.
    What was left out of the timeline and the transcript are their earliest entries. `rehearsal`
    says that the words of the models were scripted.
    """

    schema_version: int
    generated_at: datetime
    generator: str
    title: str
    run: ReportedRun
    totals: Totals
    rehearsal: bool = False
    failures: tuple[ReportedFailure, ...] = ()
    verdict: Verdict | None = None
    verdict_step: str = ""
    steps: tuple[ReportedStep, ...] = ()
    timeline: tuple[ReportedTransition, ...] = ()
    timeline_left_out: int = 0
    transcript: tuple[ReportedMessage, ...] = ()
    transcript_left_out: int = 0
    changes: Changes = field(default_factory=Changes)
    questions: tuple[ReportedQuestion, ...] = ()
    jobs: tuple[ReportedJob, ...] = ()
