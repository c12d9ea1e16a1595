"""When the attempts of the steps took place, as parts of the time that a run has taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from foredeck.services.domain.amounts import plural
from foredeck.services.domain.report_model import ReportedAttempt, RunReport
from foredeck.services.domain.states import StepState


@dataclass(frozen=True, slots=True)
class Span:
    """An attempt's time: `start` and `length` are fractions of the whole, between 0 and 1."""

    start: float
    length: float
    state: StepState


@dataclass(frozen=True, slots=True)
class Lane:
    """The attempts of one step, and the seconds they took together."""

    title: str
    seconds: float
    spans: tuple[Span, ...]

    @property
    def said(self) -> str:
        """What the colours of more than one attempt say, in words."""
        if len(self.spans) < 2:
            return ""
        failed = sum(span.state is StepState.FAILED for span in self.spans)
        tries = plural(len(self.spans), "attempt")
        return f"{tries}, {failed} failed" if failed else tries


@dataclass(frozen=True, slots=True)
class Chart:
    """The steps that have begun, one lane each, between two moments."""

    begin: datetime
    end: datetime
    lanes: tuple[Lane, ...]


def chart_of(report: RunReport) -> Chart | None:
    """Return when what was at work; None before the first attempt."""
    moments = list(_moments(report))
    if not moments:
        return None
    begin, end = min(moments), max(moments)
    whole = max((end - begin).total_seconds(), 0.001)

    def span(attempt: ReportedAttempt) -> Span:
        start = (attempt.started_at - begin).total_seconds() / whole
        length = _seconds(attempt, report.generated_at) / whole
        return Span(start, max(0.0, min(length, 1.0 - start)), attempt.state)

    lanes = tuple(
        Lane(
            step.title,
            sum(_seconds(attempt, report.generated_at) for attempt in step.attempts),
            tuple(map(span, step.attempts)),
        )
        for step in report.steps
        if step.attempts
    )
    return Chart(begin, end, lanes)


def _moments(report: RunReport) -> Iterator[datetime]:
    for step in report.steps:
        for attempt in step.attempts:
            yield attempt.started_at
            yield _end(attempt, report.generated_at)


def _end(attempt: ReportedAttempt, now: datetime) -> datetime:
    # Clocks may be put back: nothing ends before it has begun.
    return max(attempt.ended_at or now, attempt.started_at)


def _seconds(attempt: ReportedAttempt, now: datetime) -> float:
    return (_end(attempt, now) - attempt.started_at).total_seconds()
