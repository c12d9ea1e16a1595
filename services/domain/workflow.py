"""What a workflow is: a named DAG of steps, kept with every run as a snapshot."""

from dataclasses import dataclass
from enum import StrEnum

from foredeck.services.domain.records import Sandbox, StepKind


class Backoff(StrEnum):
    """How the delay grows from one retry to the next (SPEC D3)."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    CONSTANT = "constant"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and when a failed step is tried again by itself.

    `max` counts the retries after the first attempt; delays are seconds;
    `jitter` is the fraction by which a delay may vary.
    """

    max: int = 3
    delay: float = 1.0
    backoff: Backoff = Backoff.EXPONENTIAL
    max_delay: float = 300.0
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class Rework:
    """A step that may send the work back: fresh instances from step `to` onwards."""

    to: str
    max: int = 1


@dataclass(frozen=True, slots=True)
class Verify:
    """A shell command that says by its exit code whether a step's work holds (SPEC C11).

    After a failure codex is prompted again with the output, at most `rounds` times;
    `timeout` is in seconds, for one execution.
    """

    command: str
    rounds: int = 2
    timeout: float = 600.0


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step of a definition; `role` names the agent of a step of kind agent.

    What a lost turn or process of a `repeatable` step has done does no harm when it is done
    again, so that it is tried again without asking anybody.

    Of a step of kind codex, `prompt` is what codex is told and `thread_id` the conversation
    that goes on. `model`, `sandbox`, `codex_config` (settings of codex as `key=value`, the
    value in TOML) and `turn_timeout` hold for every codex turn of a step; None leaves them to
    the project and the settings. In `log_dir` the run keeps its files (SPEC C12); empty for
    none. `timeout` is for the whole step; times are seconds.
    """

    id: str
    kind: StepKind
    title: str
    needs: tuple[str, ...] = ()
    role: str = ""
    critical: bool = True
    retries: RetryPolicy = RetryPolicy()
    timeout: float = 3600.0
    rework: Rework | None = None
    repeatable: bool = False
    prompt: str = ""
    thread_id: str | None = None
    model: str | None = None
    sandbox: Sandbox | None = None
    codex_config: tuple[str, ...] = ()
    turn_timeout: float | None = None
    verify: Verify | None = None
    log_dir: str = ""


@dataclass(frozen=True, slots=True)
class WorkflowSpec:
    """A named DAG of steps, in file order."""

    name: str
    steps: tuple[StepSpec, ...]
