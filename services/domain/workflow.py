"""What a workflow is: a named DAG of steps, kept with every run as a snapshot."""

from dataclasses import dataclass
from enum import StrEnum

from foredeck.services.domain.records import Sandbox, StepKind
from foredeck.services.domain.tool_limits import EVERYTHING, ToolLimits


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
    """A step that may send the work back: fresh instances from step `to` onwards.

    At most `max` times, and only while the condition `when` holds, if there is one.
    """

    to: str
    max: int = 1
    when: str = ""


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
class Gate:
    """What a person is asked at a gate; `{{…}}` in it is filled in when the gate is reached."""

    message: str


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step of a definition; `role` names the agent of a step of kind agent.

    What a lost turn or process of a `repeatable` step has done does no harm when it is done
    again, so that it is tried again without asking anybody.

    `when` is a condition (`conditions`); where it does not hold, the step is skipped and
    counts as satisfied. Of the steps that may start, those of higher `priority` start first,
    then in file order. `group` and `matrix` say of which step in the file this is an instance,
    and with which values. `metadata` is kept and shown, and means nothing to Foredeck. A step
    with `skip` is skipped from the start, as if a person had done it: its work is there
    (SPEC D8).

    Of a step of kind command, `command` is for `/bin/sh`; `environment` is added to that of
    its processes, and to that of the processes of a codex step.

    Of a step of kind codex, `prompt` is what codex is told and `thread_id` the conversation
    that goes on. `model`, `sandbox`, `codex_config` (settings of codex as `key=value`, the
    value in TOML) and `turn_timeout` hold for every codex turn of a step; None leaves them to
    the project and the settings. In `log_dir` the run keeps its files (SPEC C12); empty for
    none. `timeout` is for the whole step; times are seconds. `tools` limits the tools of agents
    and of codex. `directory`, relative to the workspace, is where codex works.
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
    command: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    when: str = ""
    gate: Gate | None = None
    priority: int = 0
    group: str = ""
    matrix: tuple[tuple[str, str], ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    skip: bool = False
    tools: ToolLimits = EVERYTHING
    directory: str = ""


class InputType(StrEnum):
    """What an input of a workflow is."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


InputValue = str | int | float | bool


@dataclass(frozen=True, slots=True)
class InputSpec:
    """An input that a workflow takes; without a default it has to be given.

    With `choices` its value is one of those.
    """

    name: str
    type: InputType = InputType.STRING
    default: InputValue | None = None
    description: str = ""
    choices: tuple[InputValue, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkflowSpec:
    """A named DAG of steps, in file order, with everything static filled in.

    With `fail_fast` the first failure of a critical step stops all others. `inputs` are the
    values that the run was given, for its conditions and for who looks at it.
    """

    name: str
    steps: tuple[StepSpec, ...]
    description: str = ""
    fail_fast: bool = False
    inputs: tuple[tuple[str, InputValue], ...] = ()
