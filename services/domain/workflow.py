"""What a workflow is: a named DAG of steps, kept with every run as a snapshot."""

from dataclasses import dataclass
from enum import StrEnum

from foredeck.services.domain.records import StepKind


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
class StepSpec:
    """One step of a definition; `role` names the agent of a step of kind agent.

    What a lost turn or process of a `repeatable` step has done does no harm when it is done
    again, so that it is tried again without asking anybody.
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


@dataclass(frozen=True, slots=True)
class WorkflowSpec:
    """A named DAG of steps, in file order."""

    name: str
    steps: tuple[StepSpec, ...]
