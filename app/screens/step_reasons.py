"""Why a stage cannot be retried or answered just now, and what can be done instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import StepState

if TYPE_CHECKING:
    from foredeck.services.domain.views import StepRow

_LONGEST = 40
OTHERS_ASK = "What others ask: 1 goes to the projects, a answers there."

_REPEATABLE = frozenset({StepState.FAILED, StepState.CANCELLED})
_NO_RETRY = {
    StepState.PENDING: "has yet to start. Select a stage that has failed.",
    StepState.RUNNING: "is running. Let it end, or stop the run with c.",
    StepState.RETRY: "is about to try again by itself. x leaves it out instead.",
    StepState.SUCCESS: "has succeeded. R runs it and everything after it again.",
    StepState.SKIPPED: "was skipped. R runs it; or retry what failed before it.",
    StepState.WAITING: "waits for an answer. a answers it.",
}
_NO_APPROVAL = {
    StepState.PENDING: "is not reached yet: it asks once what it needs is done.",
    StepState.SUCCESS: "has been approved. R lets it ask again.",
    StepState.FAILED: "has been rejected. r lets it ask again.",
    StepState.SKIPPED: "was skipped. R lets it ask.",
    StepState.CANCELLED: "was stopped. r lets it ask again.",
}


def can_retry(step: StepRow) -> bool:
    """Whether asking the host to retry the stage makes sense; the host has the last word."""
    waits = step.state is StepState.WAITING and not _is_under_way(step)
    return step.state in _REPEATABLE or waits or step.was_lost


def is_waiting_gate(step: StepRow) -> bool:
    """Whether the stage is a gate that waits for its answer."""
    return step.is_gate and step.state is StepState.WAITING and _is_under_way(step)


def why_not_retry(step: StepRow) -> str:
    """Return why the stage cannot be retried, empty if it can."""
    return "" if can_retry(step) else f"{_named(step)} {_NO_RETRY[step.state]}"


def why_not_answer(step: StepRow, asked: int) -> str:
    """Return why there is nothing to approve or answer at the stage, empty if there may be.

    `asked` counts what all runs ask: only the host knows of which stage it is.
    """
    if is_waiting_gate(step) or (asked and _is_under_way(step)):
        return ""
    if step.is_gate and step.state in _NO_APPROVAL:
        return f"{_named(step)} {_NO_APPROVAL[step.state]}"
    return f"{_named(step)} asks nothing just now. {OTHERS_ASK if asked else ''}".rstrip()


def _named(step: StepRow) -> str:
    return safe_line(step.title, limit=_LONGEST)


def _is_under_way(step: StepRow) -> bool:
    """Whether an attempt of it is not over: it works, or waits for an answer."""
    began = step.started_at is not None and step.ended_at is None
    return began and step.state in (StepState.RUNNING, StepState.WAITING)
