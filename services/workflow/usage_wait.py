"""Waiting for the end of a usage limit: it costs no attempt, and nobody has to act (C10)."""

from __future__ import annotations

from datetime import datetime

from foredeck.services.domain.records import Failure, FailureClass, Step
from foredeck.services.domain.states import StepState


def end_of_limit(failure: Failure) -> datetime | None:
    """Return when the limit ends that a step failed for; None if it is another failure."""
    return failure.retry_at if failure.failure_class is FailureClass.USAGE_LIMIT else None


def reason(until: datetime, now: datetime) -> str:
    """Return why the step waits, with the local time and, if it is another day's, the date."""
    local = until.astimezone()
    today = local.date() == now.astimezone().date()
    return f"usage limit: waiting until {local:{'%H:%M' if today else '%b %d %H:%M'}}"


def goes_on_by_itself(step: Step) -> bool:
    """Whether the step starts again when its time has come."""
    waits_for_time = step.state is StepState.WAITING and step.retry_at is not None
    return step.state is StepState.RETRY or waits_for_time


def is_due(step: Step, now: datetime) -> bool:
    """Whether the time of such a step has come."""
    return goes_on_by_itself(step) and (step.retry_at is None or step.retry_at <= now)
