"""What a command step makes of the end of its job: pure."""

from __future__ import annotations

from foredeck.services.agents.stage import StageOutcome
from foredeck.services.domain.amounts import size
from foredeck.services.domain.errors import StepFailed, TurnLost
from foredeck.services.domain.records import Failure, FailureClass, Job
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import JobState
from foredeck.services.jobs.endings import signal_name, used_too_much
from foredeck.services.jobs.executor import Found

DETAIL_LINES = 50

_SUMMARY_LIMIT = 200
_NAME_LIMIT = 80
# What is worth telling: seconds of a processor, bytes of one process.
_MUCH_CPU, _MUCH_MEMORY = 1.0, 100 << 20


def outcome_of(job: Job) -> StageOutcome:
    """Return what a command that has ended hands on; raises `StepFailed` and `TurnLost`."""
    if job.state is JobState.COMPLETED:
        return StageOutcome(_last_line(job.message))
    failure = job.failure or _STOPPED_BEFORE
    raise TurnLost(failure) if job.state is JobState.LOST else StepFailed(failure)


def words_of(found: Found) -> str:
    """Say in a few words how it ended, and what it has cost if that was much."""
    words = found.state.value
    if found.state in {JobState.COMPLETED, JobState.FAILED}:
        by_signal = found.signal is not None
        words = f"ended by {signal_name(found.signal or 0)}" if by_signal else f"exit {found.code}"
    if found.over_memory:
        words = "ended for its memory"
    cpu, memory = found.cpu_seconds or 0, found.peak_memory or 0
    cost = [f"{cpu:.1f} s of CPU"] * (cpu >= _MUCH_CPU)
    cost += [size(memory)] * (memory >= _MUCH_MEMORY)
    return f"{words} ({', '.join(cost)})" if cost else words


def failure_of(job: Job, found: Found, tail: str, *, memory: int | None = None) -> Failure | None:
    """Name what went wrong, with the end of the output; None if nothing did.

    `memory` is how much the command could hold at most, in bytes.
    """
    name = f"`{safe_line(job.prompt, limit=_NAME_LIMIT)}`"
    if found.state is JobState.COMPLETED:
        return None
    if found.state is JobState.LOST:
        return Failure(
            FailureClass.CRASH,
            f"Nobody knows how {name} ended: what watched over it is gone.",
            "Look at what it has done so far, then resume or retry the step, or skip it.",
            tail,
        )
    if found.state is JobState.TIMEOUT:
        return Failure(
            FailureClass.TIMEOUT,
            f"{name} did not end within {job.timeout:g} s and was stopped.",
            "Give the step a longer timeout, or let it do less at once, then retry.",
            tail,
        )
    if found.state is JobState.CANCELLED:
        return Failure(FailureClass.INTERNAL, f"{name} was stopped.", _STOPPED_BEFORE.advice, tail)
    if found.over_memory:
        return Failure(
            FailureClass.COMMAND,
            f"{name} {used_too_much(memory)}.",
            "Let it do less at once, or raise the project's memory_cap, then retry.",
            tail,
        )
    if found.signal is not None:
        return Failure(
            FailureClass.CRASH,
            f"{name} was ended by {signal_name(found.signal)}.",
            "Its output may say why; too little memory is a frequent cause. Then retry.",
            tail,
        )
    return Failure(
        FailureClass.COMMAND,
        f"{name} ended with exit code {found.code}.",
        "Read the end of its output, mend what is wrong, then retry.",
        tail,
    )


_STOPPED_BEFORE = Failure(
    FailureClass.INTERNAL, "The command was stopped.", "Retry the step to run it again."
)


def _last_line(tail: str) -> str:
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return safe_line(lines[-1], limit=_SUMMARY_LIMIT) if lines else ""
