"""What the end of a command means for whoever asked for it: pure."""

from __future__ import annotations

import signal

from foredeck.services.domain.jobs import MEBIBYTE
from foredeck.services.domain.records import Failure, FailureClass, Job
from foredeck.services.domain.safe_text import safe_text
from foredeck.services.domain.states import JobState
from foredeck.services.jobs.executor import Found

# How much of what a job says of its trouble is kept, in characters.
ERROR_LIMIT = 1000
DETAIL_LIMIT = 4000

_TIMED_OUT, _STOPPED, _OF_SIGNALS = 124, 130, 128
_CLASSES = {
    JobState.FAILED: FailureClass.COMMAND,
    JobState.TIMEOUT: FailureClass.TIMEOUT,
    JobState.LOST: FailureClass.CRASH,
    JobState.CANCELLED: FailureClass.INTERNAL,
}


def exit_code_of(found: Found) -> int | None:
    """Return the exit code as a shell tells it; None for a lost command."""
    by_state = {JobState.TIMEOUT: _TIMED_OUT, JobState.CANCELLED: _STOPPED, JobState.LOST: None}
    if found.state in by_state:
        return by_state[found.state]
    return found.code if found.signal is None else _OF_SIGNALS + found.signal


def signal_name(number: int) -> str:
    """Return a signal's name as people know it."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def failure_of_job(
    job: Job, found: Found, errors: str, *, memory: int | None = None, spent: bool = False
) -> Failure | None:
    """Name what went wrong with a job of its own; `errors` is the end of its stderr.

    `memory` is what it could hold at most, in bytes; `spent` whether it has no retries left.
    """
    if found.state is JobState.COMPLETED:
        return None
    said = safe_text(errors.strip(), limit=DETAIL_LIMIT)
    message = _sentence(job, found)
    if found.over_memory:
        message = f"Command {used_too_much(memory)}."
    elif found.state is JobState.FAILED and said:
        message = said[-ERROR_LIMIT:]
    advice = _advice(job, found, spent)
    return Failure(_CLASSES[found.state], message, advice, said[-DETAIL_LIMIT:])


def used_too_much(memory: int | None) -> str:
    """Say of a command that it was ended for its memory; `memory` is its cap in bytes."""
    cap = f"{memory / MEBIBYTE:.0f} MiB of memory" if memory else "the memory it may have"
    return f"used more than {cap} and was stopped"


def _sentence(job: Job, found: Found) -> str:
    if found.state is JobState.TIMEOUT:
        return f"Command did not end within {job.timeout:g} s and was stopped."
    if found.state is JobState.LOST:
        return "Nobody knows how the command ended: what watched over it is gone."
    if found.state is JobState.CANCELLED:
        return "Command was stopped."
    if found.signal is not None:
        return f"Command was ended by {signal_name(found.signal)}."
    return f"Command exited with code {found.code}"


def _advice(job: Job, found: Found, spent: bool) -> str:
    if found.state is JobState.CANCELLED:
        return "Submit it again to run it again."
    if found.state is JobState.LOST:
        then = "submit it again" if spent else f"foredeck jobs retry {job.id}"
        return f"Look at what it has done, then: {then}"
    if found.state is JobState.TIMEOUT:
        return "Let it do less at once, or submit it with a longer --timeout."
    if found.over_memory:
        return "Let it do less at once, or submit it with more --memory."
    if spent:
        return f"See foredeck jobs logs {job.id}; it has no retries left: submit it again."
    return f"See foredeck jobs logs {job.id}, then: foredeck jobs retry {job.id}"
