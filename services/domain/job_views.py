"""Jobs as people see them: codex turns and commands, with the run that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from foredeck.services.domain.command_rules import Match
from foredeck.services.domain.jobs import JobOrder, Priority
from foredeck.services.domain.records import Failure, TokenUsage
from foredeck.services.domain.states import JobState

# What takes longer than it did before is nearly done, as far as anybody knows.
_NEARLY = 99.0


def whole_percent(progress: float) -> int:
    """Return a progress of 0 to 100 as a whole number: 100 only once nothing is left to do."""
    return 100 if progress >= 100 else min(round(progress), 99)


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """How many jobs of a batch stand where; `pending` are held or queued (SPEC J4)."""

    total: int
    completed: int
    failed: int
    cancelled: int
    timeout: int
    lost: int
    running: int
    pending: int

    @property
    def final(self) -> int:
        """How many have ended, however."""
        return self.total - self.running - self.pending

    @property
    def failures(self) -> int:
        """How many failed, ran out of time or were lost."""
        return self.failed + self.timeout + self.lost

    @property
    def progress(self) -> float:
        """How much of it has ended, between 0 and 100."""
        return 100 * self.final / self.total

    @property
    def is_complete(self) -> bool:
        """Whether all have ended."""
        return self.final == self.total

    @property
    def has_failures(self) -> bool:
        """Whether any ended badly."""
        return self.failures > 0


@dataclass(frozen=True, slots=True)
class BatchStatus(BatchCounts):
    """A batch and how it stands; `reason` is why it was cancelled, else empty.

    `matches` are those of its commands, as in `JobRow`.
    """

    id: str
    name: str
    type: str
    state: JobState
    priority: Priority
    project_name: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    reason: str
    stop_after: int | None
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job; `cpu_seconds` and `peak_memory` (bytes) are None where nobody knows.

    The names of the run, the project and the step are empty where it belongs to none; only jobs
    of their own have a priority and a progress. `parent_id` is the batch it belongs to, and
    `batch_index` its place there, from 1; a batch has the `counts` of its jobs. `expected` is
    how long the same command took before, in seconds, where it works and says no progress.
    `matches` are what its command matches of the command policy; they come only with the answer
    to its submission.
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
    counts: BatchCounts | None = None
    matches: tuple[Match, ...] = ()
    expected: float | None = None

    def estimate(self, moment: datetime) -> float | None:
        """Return how far it may be at that time, between 0 and 99, by how long it took before.

        None where nobody knows, or where it says itself how far it is (SPEC J2).
        """
        if self.expected is None or self.started_at is None:
            return None
        elapsed = (moment - self.started_at).total_seconds()
        share = 100 * elapsed / self.expected if self.expected > 0 else _NEARLY
        return min(_NEARLY, max(0.0, share))

    @property
    def children(self) -> int | None:
        """How many jobs a batch has; None for any other job."""
        return self.counts.total if self.counts else None


@dataclass(frozen=True, slots=True)
class JobDetail:
    """A job, whole. `prompt` is the command or what codex was told, `message` the last words.

    `output_path` is the file of its step's attempt, in which its output stands; `timeout` is
    in seconds. `order` is there for a job of its own, `process_id` while that works.
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
    process_id: int | None = None


@dataclass(frozen=True, slots=True)
class JobResult:
    """What came of a job of its own; `output` and `errors` are the ends of what it printed.

    `data` is all of its stdout where that is JSON. `error` is what went wrong, in its own words
    if it had any. `left_out` and `errors_left_out` are the bytes in front of the ends. The output
    is not there any more if it has a `removed_at`.
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
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What came of one job of a batch; `output` and `error` are the ends of what it printed.

    `index` is its place, from 1. `output_path` is the file with all of its output, unless that
    was removed at `removed_at`.
    """

    index: int
    id: str
    state: JobState
    exit_code: int | None
    command: str
    output: str
    error: str
    output_path: str
    removed_at: datetime | None = None


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
