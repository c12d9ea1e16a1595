"""Jobs as people see them: codex turns and commands, with the run that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from foredeck.services.domain.jobs import JobOrder, Priority
from foredeck.services.domain.records import Failure, TokenUsage
from foredeck.services.domain.states import JobState


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job; `cpu_seconds` and `peak_memory` (bytes) are None where nobody knows.

    The names of the run, the project and the step are empty where it belongs to none; only jobs
    of their own have a priority and a progress.
    """

    id: str
    name: str
    type: str
    state: JobState
    run_id: str | None
    run_title: str
    project_name: str
    step_key: str
    attempt: int
    exit_code: int | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    cpu_seconds: float | None
    peak_memory: int | None
    priority: Priority | None = None
    progress: float | None = None
    parent_id: str | None = None
    batch_index: int | None = None
    children: int | None = None


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """How a batch stands; `pending` are those that are held or queued."""

    id: str
    name: str
    state: JobState
    project_name: str
    created_at: datetime
    ended_at: datetime | None
    reason: str
    total: int
    completed: int
    failed: int
    cancelled: int
    timeout: int
    lost: int
    running: int
    pending: int
    stop_after: int | None

    @property
    def progress(self) -> float:
        """The share of those that have ended, between 0 and 100."""
        ended = self.total - self.running - self.pending
        return 100 * ended / self.total if self.total else 0.0

    @property
    def is_complete(self) -> bool:
        """Whether all have ended."""
        return not (self.running or self.pending)

    @property
    def has_failures(self) -> bool:
        """Whether one has ended badly."""
        return self.failed + self.timeout + self.lost > 0


@dataclass(frozen=True, slots=True)
class JobDetail:
    """A job, whole. `prompt` is the command or what codex was told, `message` the last words.

    `output_path` is the file of its step's attempt, in which its output stands; `timeout` is
    in seconds. `order` is there for a job of its own.
    """

    job: JobRow
    prompt: str
    message: str
    failure: Failure | None
    workspace: str
    output_path: str
    timeout: float
    queued_at: datetime | None
    model: str
    thread_id: str | None
    usage: TokenUsage
    order: JobOrder | None = None


@dataclass(frozen=True, slots=True)
class JobResult:
    """What came of a job of its own; `output` and `errors` are the ends of what it printed.

    `data` is all of its stdout where that is JSON. `error` is what went wrong, in its own words
    if it had any. `left_out` and `errors_left_out` are the bytes in front of the ends.
    """

    job: JobDetail
    output: str
    errors: str
    data: str | None
    error: str
    left_out: int
    errors_left_out: int
    output_path: str
    errors_path: str


@dataclass(frozen=True, slots=True)
class JobQueueView:
    """How the queue stands; `starts` is whether somebody is there who starts what waits."""

    working: int
    queued: int
    limit: int
    paused_at: datetime | None
    starts: bool = False

    @property
    def why_not_yet(self) -> str:
        """What keeps all that waits from starting, as a sentence; empty if nothing does."""
        if self.paused_at is not None:
            return "The queue is paused."
        return "" if self.starts else "No host is there to start it."
