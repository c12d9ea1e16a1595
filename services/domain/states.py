"""The states of runs, steps, jobs and questions, and the one table of legal transitions."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol

from foredeck.services.domain.errors import IllegalTransition


class RunState(StrEnum):
    """Where a run stands; derived from its steps by `derive_run_state`."""

    CREATED = "created"
    RUNNING = "running"
    WAITING = "waiting"
    RETRY = "retry"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARTIAL_SUCCESS = "partial_success"


class StepState(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    RETRY = "retry"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class JobState(StrEnum):
    """Where a job stands; `lost` means its process vanished without a recorded exit."""

    PENDING = "pending"
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    LOST = "lost"


class QuestionState(StrEnum):
    """Where a question stands; `withdrawn` means that what asked it goes on, or ended, without."""

    OPEN = "open"
    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"


State = RunState | StepState | JobState | QuestionState

ACTIVE_RUNS = frozenset({RunState.RUNNING, RunState.WAITING, RunState.RETRY})
FINAL_RUNS = frozenset(
    {RunState.SUCCESS, RunState.FAILED, RunState.CANCELLED, RunState.PARTIAL_SUCCESS}
)
FINAL_STEPS = frozenset(
    {StepState.SUCCESS, StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED}
)
FINAL_JOBS = frozenset(
    {JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED, JobState.TIMEOUT, JobState.LOST}
)

_R, _S, _J, _Q = RunState, StepState, JobState, QuestionState

# A table for each kind, because members of different kinds are equal as words
# (`RunState.RUNNING == StepState.RUNNING`). A final run goes on when a retry or a resume
# adds attempts to it; a final step goes back to pending for the same reason, and becomes
# skipped when a person skips it or re-runs the stages before its round; a job is
# queued again, or held, only after it failed, timed out or was lost (SPEC J1).
TRANSITIONS: dict[type[State], dict[State, frozenset[State]]] = {
    RunState: {
        _R.CREATED: frozenset({_R.RUNNING, _R.WAITING, _R.FAILED, _R.CANCELLED}),
        _R.RUNNING: frozenset(set(_R) - {_R.CREATED, _R.RUNNING}),
        _R.WAITING: frozenset(set(_R) - {_R.CREATED, _R.WAITING}),
        _R.RETRY: frozenset(set(_R) - {_R.CREATED, _R.RETRY}),
        _R.SUCCESS: frozenset({_R.RUNNING}),
        _R.FAILED: frozenset({_R.RUNNING, _R.WAITING, _R.CANCELLED}),
        _R.CANCELLED: frozenset({_R.RUNNING, _R.WAITING}),
        _R.PARTIAL_SUCCESS: frozenset({_R.RUNNING}),
    },
    StepState: {
        _S.PENDING: frozenset({_S.RUNNING, _S.WAITING, _S.SKIPPED, _S.CANCELLED}),
        _S.RUNNING: frozenset({_S.SUCCESS, _S.FAILED, _S.RETRY, _S.WAITING, _S.CANCELLED}),
        _S.WAITING: frozenset(set(_S) - {_S.WAITING}),
        _S.RETRY: frozenset(set(_S) - {_S.RETRY, _S.SUCCESS}),
        _S.SUCCESS: frozenset({_S.PENDING, _S.SKIPPED}),
        _S.FAILED: frozenset({_S.PENDING, _S.SKIPPED}),
        _S.SKIPPED: frozenset({_S.PENDING}),
        _S.CANCELLED: frozenset({_S.PENDING, _S.SKIPPED}),
    },
    JobState: {
        _J.PENDING: frozenset({_J.QUEUED, _J.CANCELLED}),
        _J.QUEUED: frozenset({_J.IN_PROGRESS, _J.CANCELLED, _J.FAILED, _J.LOST}),
        _J.IN_PROGRESS: frozenset(FINAL_JOBS),
        _J.COMPLETED: frozenset(),
        _J.FAILED: frozenset({_J.QUEUED, _J.PENDING}),
        _J.CANCELLED: frozenset(),
        _J.TIMEOUT: frozenset({_J.QUEUED, _J.PENDING}),
        _J.LOST: frozenset({_J.QUEUED, _J.PENDING}),
    },
    QuestionState: {
        _Q.OPEN: frozenset({_Q.ANSWERED, _Q.WITHDRAWN}),
        _Q.ANSWERED: frozenset(),
        _Q.WITHDRAWN: frozenset(),
    },
}


def check_transition(old: State, new: State) -> None:
    """Raise `IllegalTransition` unless the table has an arrow from `old` to `new`."""
    if type(old) is not type(new) or new not in TRANSITIONS[type(old)][old]:
        raise IllegalTransition(f"It is {old} and cannot become {new}.")


class StepStanding(Protocol):
    """What of a step decides the state of its run."""

    @property
    def key(self) -> str: ...
    @property
    def state(self) -> StepState: ...
    @property
    def critical(self) -> bool: ...


def derive_run_state(
    steps: Iterable[StepStanding], *, ready: bool, paused: bool = False
) -> RunState:
    """Return the state of a started run from its steps (SPEC section 1).

    `ready` says that a pending step may start now, so that the run keeps going
    in the moment between two steps. A `paused` run with work left waits for a person.
    """
    steps = list(steps)
    states = {step.state for step in steps}
    if StepState.RUNNING in states or ready:
        return RunState.RUNNING
    if StepState.WAITING in states or (paused and states - FINAL_STEPS):
        return RunState.WAITING
    if StepState.RETRY in states:
        return RunState.RETRY
    failed = [step for step in steps if step.state is StepState.FAILED]
    if any(step.critical for step in failed):
        return RunState.FAILED
    if StepState.CANCELLED in states:
        return RunState.CANCELLED
    return RunState.PARTIAL_SUCCESS if failed else RunState.SUCCESS
