"""The steps of a run with their attempts, and everything that went wrong in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from foredeck.services.domain.records import Attempt, Failure, Requirement, Step, Verdict
from foredeck.services.domain.report_model import (
    CONTENT_LIMIT,
    ReportedAttempt,
    ReportedFailure,
    ReportedStep,
)
from foredeck.services.domain.states import StepState
from foredeck.services.reports.words import Words
from foredeck.services.store.report_material import Material
from foredeck.services.workflow import graph

# Of the evidence, in characters: the last lines of a traceback or an output tell the most.
_DETAIL_LIMIT = 4_000
_SENTENCE = 2_000
# In these states a step is held up by what its latest attempt ended with.
_HELD_UP = (StepState.FAILED, StepState.WAITING, StepState.RETRY, StepState.CANCELLED)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def took(start: datetime | None, end: datetime | None, now: datetime) -> float | None:
    """Return the seconds from `start` to `end`, so far without an end; None before the start."""
    # A clock that was set back makes nothing take less than no time.
    return None if start is None else max(0.0, round(((end or now) - start).total_seconds(), 3))


class StepsBuilder:
    """Makes the steps and the failures of a report."""

    def __init__(self, material: Material, words: Words, now: datetime) -> None:
        self._steps = material.steps
        self._counted = frozenset(step.key for step in graph.counted(material.steps))
        self._words = words
        self._now = now
        self._attempts: defaultdict[str, list[Attempt]] = defaultdict(list)
        for attempt in material.attempts:
            self._attempts[attempt.step_id].append(attempt)

    def steps(self) -> tuple[ReportedStep, ...]:
        """Return the steps in the order of the definition."""
        return tuple(map(self._step, self._steps))

    def failures(self) -> tuple[ReportedFailure, ...]:
        """Return what went wrong: first what still stands, the latest first in each part."""
        found = [failure for step in self._steps for failure in self._failures(step)]
        found.sort(key=lambda failure: failure.at or _LONG_AGO, reverse=True)
        return tuple(sorted(found, key=lambda failure: failure.overcome))

    def verdict(self) -> tuple[Verdict | None, str]:
        """Return the last verdict that was given, and the key of its step."""
        given = [step for step in self._steps if step.verdict is not None]
        latest = max(given, key=lambda step: (step.round, step.position), default=None)
        if latest is None or latest.verdict is None:
            return None, ""
        return self._verdict(latest.verdict), self._words.line(latest.key)

    def _step(self, step: Step) -> ReportedStep:
        words, attempts = self._words, self._attempts[step.id]
        return ReportedStep(
            key=words.line(step.key),
            title=words.line(step.title),
            kind=step.kind,
            state=step.state,
            needs=words.lines(step.needs),
            critical=step.critical,
            round=step.round,
            attempt=step.attempt,
            max_attempts=step.max_attempts,
            retries=max(0, len(attempts) - 1),
            usage=step.usage,
            started_at=step.started_at,
            ended_at=step.ended_at,
            retry_at=step.retry_at,
            duration=took(step.started_at, step.ended_at, self._now),
            reason=words.line(step.reason, _SENTENCE),
            skip_cause=step.skip_cause,
            summary=words.excerpt(step.summary, CONTENT_LIMIT),
            verdict=self._verdict(step.verdict) if step.verdict else None,
            attempts=tuple(map(self._attempt, attempts)),
        )

    def _attempt(self, attempt: Attempt) -> ReportedAttempt:
        failure = attempt.failure
        return ReportedAttempt(
            number=attempt.number,
            state=attempt.state,
            started_at=attempt.started_at,
            ended_at=attempt.ended_at,
            duration=took(attempt.started_at, attempt.ended_at, self._now),
            usage=attempt.usage,
            failure_class=failure.failure_class if failure else None,
            failure=self._words.line(failure.message, _SENTENCE) if failure else "",
        )

    def _failures(self, step: Step) -> Iterator[ReportedFailure]:
        attempts = self._attempts[step.id]
        latest = max((attempt.number for attempt in attempts), default=0)
        told = False
        for attempt in attempts:
            if attempt.failure is not None:
                stands = attempt.number == latest and self._is_held_up(step)
                told = told or stands
                ended = attempt.ended_at or attempt.started_at
                yield self._failure(step, attempt.number, attempt.failure, ended, stands=stands)
        if step.failure is not None and not told and self._is_held_up(step):
            since = step.ended_at or step.started_at
            yield self._failure(step, step.attempt, step.failure, since, stands=True)

    def _is_held_up(self, step: Step) -> bool:
        """Whether its failure stands: one that sent the work back no longer counts (SPEC D1)."""
        return step.state in _HELD_UP and step.key in self._counted

    def _failure(
        self, step: Step, attempt: int, failure: Failure, at: datetime | None, *, stands: bool
    ) -> ReportedFailure:
        words = self._words
        return ReportedFailure(
            step=words.line(step.key),
            title=words.line(step.title),
            attempt=attempt,
            failure_class=failure.failure_class,
            message=words.line(failure.message, _SENTENCE),
            advice=words.line(failure.advice, _SENTENCE),
            detail=words.tail(failure.detail, _DETAIL_LIMIT),
            at=at,
            retry_at=failure.retry_at,
            critical=step.critical,
            overcome=not stands,
        )

    def _verdict(self, verdict: Verdict) -> Verdict:
        lines = self._words.lines
        return replace(
            verdict,
            verdict=self._words.line(verdict.verdict),
            requirements=tuple(map(self._requirement, verdict.requirements)),
            security=lines(verdict.security),
            blocking=lines(verdict.blocking),
            recommendations=lines(verdict.recommendations),
            deployment_checklist=lines(verdict.deployment_checklist),
            items=lines(verdict.items),
        )

    def _requirement(self, requirement: Requirement) -> Requirement:
        line = self._words.line
        evidence = line(requirement.evidence, _SENTENCE)
        return Requirement(line(requirement.id), line(requirement.status), evidence)
