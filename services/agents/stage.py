"""What a stage is given and what it returns, whichever mode it works in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from foredeck.services.domain.records import (
    Failure,
    Job,
    Mode,
    Project,
    PromptEdit,
    Run,
    Step,
    StepKind,
    TokenUsage,
    Verdict,
)
from foredeck.services.domain.workflow import StepSpec
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.store.store import Transaction
from foredeck.services.workflow import graph

# How much of the end of a failed step's output is handed back, in characters.
_TAIL_LIMIT = 4_000
_NOTHING_SAID = StepSpec("", StepKind.AGENT, "")


class Closing:
    """What a stage leaves to be stored together with the end of its attempt.

    So both are durable in one commit, and nobody ever finds one without the other.
    """

    def __init__(self) -> None:
        self._writes: list[Callable[[Transaction], Awaitable[None]]] = []
        self._rest: list[Callable[[], Awaitable[None]]] = []

    def add(
        self,
        write: Callable[[Transaction], Awaitable[None]],
        then: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Have `write` called in that transaction, and `then` once it is committed."""
        self._writes.append(write)
        if then is not None:
            self._rest.append(then)

    async def store(self, tx: Transaction) -> None:
        """Store it; may be called again if the transaction was undone."""
        for write in self._writes:
            await write(tx)

    async def finish(self) -> None:
        """Do what was left for after the commit."""
        for then in self._rest:
            await then()


@dataclass(frozen=True)
class Beginning:
    """A new attempt of a step, by its number; `spec` is filled in."""

    project: Project
    step: Step
    attempt: int
    output_path: str
    spec: StepSpec


@dataclass(frozen=True)
class StageTask:
    """One attempt of a stage.

    `role` is the agent's (`planner builder qa_qc prod_ready`). `summaries` are the earlier
    stages' (step key, summary), oldest first; `rework_items` why the work was sent back.
    `mode` is `agent` or `direct`, never `auto`. `resumed` says that an earlier host began this
    attempt; `continues` is the number of the attempt whose conversation it goes on with, or 0.
    `spec` is the definition of its step. `edit` is a person's text in the place of the stage's
    own prompt. `job` is what the runner's `prepare` stored, `closing` what it leaves to be stored.
    """

    project: Project
    run: Run
    step: Step
    attempt: int
    role: str
    mode: Mode
    output: OutputWriter
    summaries: tuple[tuple[str, str], ...] = ()
    rework_items: tuple[str, ...] = ()
    timeout: float = 3600.0
    resumed: bool = False
    continues: int = 0
    spec: StepSpec = _NOTHING_SAID
    edit: PromptEdit | None = None
    job: Job | None = None
    closing: Closing = field(default_factory=Closing)

    @property
    def prompt(self) -> str:
        """What the definition says to this stage in particular."""
        return self.spec.prompt


@dataclass(frozen=True)
class StageBriefing:
    """What a stage would be told if it began now; the fields are those of a `StageTask`."""

    project: Project
    run: Run
    summaries: tuple[tuple[str, str], ...]
    rework_items: tuple[str, ...]
    prompt: str = ""
    edit: None = None


def handed_on(
    steps: Sequence[Step], step: Step
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return the summaries of all that this step needs, and why the work was sent back to it."""
    needed = graph.upstream(steps, step.key)
    earlier = [s for s in steps if s.key in needed and s.summary]
    verdicts = [s.verdict for s in earlier if s.verdict and not s.verdict.approved]
    if step.round == 1:
        items: tuple[str, ...] = ()
    elif verdicts:
        items = verdicts[-1].items
    else:
        before = (s for s in steps if s.key in needed and s.round == step.round - 1)
        items = tuple(_what_failed(s.title, s.failure) for s in before if s.failure)
    return tuple((s.key, s.summary) for s in earlier), items


def _what_failed(title: str, failure: Failure) -> str:
    tail = failure.detail.strip()[-_TAIL_LIMIT:]
    return f"{title}: {failure.message}" + (f"\n{tail}" if tail else "")


@dataclass(frozen=True)
class StageOutcome:
    """What a stage hands on; only Production Readiness returns a verdict."""

    summary: str
    verdict: Verdict | None = None
    usage: TokenUsage = field(default_factory=TokenUsage)


class StageRunner(Protocol):
    """Works on a stage until it is done; raises `StepFailed`, or is cancelled."""

    async def run(self, task: StageTask) -> StageOutcome:
        """Return the stage's outcome; what it says and does is stored as it happens."""
        ...


@runtime_checkable
class PreparedRunner(StageRunner, Protocol):
    """One that knows from the beginning what job an attempt is."""

    async def prepare(self, tx: Transaction, beginning: Beginning) -> Job | None:
        """Store the job in the transaction in which the attempt begins, and return it."""
        ...
