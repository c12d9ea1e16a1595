"""The first half of a report: what came of the run, failures first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from foredeck.services.domain.amounts import duration, plural
from foredeck.services.domain.records import Requirement, Verdict
from foredeck.services.domain.report_model import (
    ModelTotal,
    ReportedAttempt,
    ReportedFailure,
    ReportedRun,
    ReportedStep,
    RunReport,
)
from foredeck.services.domain.states import QuestionState
from foredeck.services.reports import wording
from foredeck.services.reports.document import (
    Article,
    Block,
    Bullets,
    Drawing,
    Fold,
    Instant,
    Link,
    Paragraph,
    Section,
    Sign,
    Tone,
    Toned,
    Words,
    facts,
    moment,
    note,
    prose,
    quiet,
    sign,
    table,
)


def standing(report: RunReport) -> Iterator[Paragraph]:
    """Yield how the run stands, whether somebody is asked something, and if it was a rehearsal."""
    yield Paragraph((sign(report.run.state), f" · {_so_far(report)}"), "standing")
    count = sum(question.state is QuestionState.OPEN for question in report.questions)
    if count:
        said = f"{plural(count, 'question')} {'waits' if count == 1 else 'wait'}"
        asked = Link(f"{said} for an answer", "questions")
        yield Paragraph((sign("waiting"), ": ", asked), "standing")
    if report.rehearsal:
        yield note("This was a rehearsal: the words of the models were scripted.")


def _so_far(report: RunReport) -> str:
    run, totals = report.run, report.totals
    said = [f"{totals.steps_done:,} of {plural(totals.steps, 'step')} done"]
    if run.duration is not None:
        said.append(f"{duration(run.duration)}{'' if run.is_over else ' so far'}")
    if run.paused_at and not run.is_over:
        said.append("paused")
    if not run.is_over and run.current_stage:
        said.append(f"at {run.current_stage}")
    return " · ".join(said)


def failures(report: RunReport) -> Section | None:
    """Return what went wrong and still stands, and folded what was overcome."""
    standing_ = [failure for failure in report.failures if not failure.overcome]
    overcome = [failure for failure in report.failures if failure.overcome]
    blocks = prose(report.run.error, code=False)
    blocks += map(_failure, standing_)
    if overcome:
        blocks.append(Fold(f"Overcome: {len(overcome)}", tuple(map(_failure, overcome))))
    return Section("failures", "Failures", tuple(blocks)) if blocks else None


def _failure(failure: ReportedFailure) -> Article:
    blocks: list[Block] = [Paragraph(failure.message, "message")]
    blocks += [Paragraph(failure.advice)] if failure.advice else []
    blocks.append(facts(_failure_facts(failure), "small"))
    if failure.detail:
        evidence = tuple(prose(failure.detail))
        blocks.append(Fold("Evidence", evidence, opened=not failure.overcome))
    state = "overcome" if failure.overcome else "failed"
    kind = "overcome" if failure.overcome else "failure"
    return Article(kind, (Sign(state), f" {failure.title}"), tuple(blocks))


def _failure_facts(failure: ReportedFailure) -> Iterator[tuple[str, Words | None]]:
    yield "Step", failure.step
    yield "Attempt", str(failure.attempt)
    yield "Class", wording.word(failure.failure_class)
    yield "At", moment(failure.at)
    yield "Works again", moment(failure.retry_at)
    yield "Critical", None if failure.critical else "no: the run goes on without it"


def summary(report: RunReport) -> Section:
    """Return the run's own summary, its figures and what was asked for."""
    blocks = prose(report.run.summary, code=False)
    blocks += [facts(figures(report), "figures"), facts(_times(report.run))]
    if len(report.totals.by_model) > 1:
        columns = (("Model", 3), ("Tokens", 6), ("Cost", 2))
        blocks += table("Tokens by model", columns, map(_model_row, report.totals.by_model))
    blocks += prose(report.run.request, "Request", code=False)
    return Section("summary", "Summary", tuple(blocks))


def _model_row(total: ModelTotal) -> tuple[Words, ...]:
    return total.model or wording.UNKNOWN, wording.tokens(total.usage), wording.cost(total.cost)


def figures(report: RunReport) -> Iterator[tuple[str, Words]]:
    """Yield the figures of a run by name (SPEC T5)."""
    totals = report.totals
    yield "Duration", duration(report.run.duration) or wording.NOTHING
    yield "Messages", f"{totals.messages:,}"
    yield "Tool calls", f"{totals.tool_calls:,}"
    yield "Codex turns", f"{totals.turns:,}"
    yield "Commands", f"{totals.commands:,}"
    yield "Tokens", f"{totals.usage.total:,}"
    yield "Cost", wording.cost(totals.cost)
    yield "Retries", f"{totals.retries:,}"
    yield "Files changed", f"{totals.files:,}"
    yield "Lines in diffs", wording.lines_changed(report.changes.added, report.changes.removed)


def _times(run: ReportedRun) -> Iterator[tuple[str, Words | None]]:
    yield "Created", moment(run.created_at)
    yield "Started", moment(run.started_at)
    yield "Ended", moment(run.ended_at)
    yield "Paused", moment(run.paused_at)


def verdict(report: RunReport) -> Section | None:
    """Return the last verdict, requirement by requirement; None if there was none."""
    given = report.verdict
    if given is None:
        return None
    by = f" by {report.verdict_step}" if report.verdict_step else ""
    columns = (("Requirement", 3), ("Status", 2), ("Evidence", 8))
    blocks: list[Block] = [Paragraph((Sign(given.verdict), by), "standing")]
    blocks.append(Paragraph(_tests_said(given)))
    blocks += table("Requirements", columns, map(_requirement, given.requirements))
    blocks += [Bullets(label, items) for label, items in _lists(given) if items]
    return Section("verdict", "Verdict", tuple(blocks))


def _tests_said(given: Verdict) -> str:
    return (
        f"Tests: {given.tests_passed:,} passed, {given.tests_failed:,} failed, "
        f"{given.tests_skipped:,} skipped."
    )


def _lists(given: Verdict) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what else a verdict says, what stands in the way first."""
    yield "Blocking", given.blocking
    yield "Security", given.security
    yield "To do", given.items
    yield "Recommendations", given.recommendations
    yield "Deployment checklist", given.deployment_checklist


def _requirement(requirement: Requirement) -> tuple[Words, ...]:
    return requirement.id, Sign(requirement.status), requirement.evidence


def graph(report: RunReport) -> Section | None:
    """Return the graph; None for a run that has no steps yet."""
    return Section("graph", "Graph", (Drawing(report.steps),)) if report.steps else None


_STEP_COLUMNS = (
    ("Step", 8), ("State", 4), ("Started (UTC)", 3), ("Took", 3), ("Tries", 2), ("Tokens", 3),
)  # fmt: skip


def steps(report: RunReport) -> Section:
    """Return every step with its times and tries, and what it says of itself."""
    if not report.steps:
        return Section("steps", "Steps", (note("The run has no steps yet."),))
    day = report.run.started_at
    rows = (_step_row(number, step, day) for number, step in enumerate(report.steps))
    more = [block for step in report.steps for block in _step_more(step, day)]
    return Section("steps", "Steps", (*table("Steps", _STEP_COLUMNS, rows), *more))


def step_anchor(number: int) -> str:
    """Return where links to the step of this place in the report lead."""
    return f"step-{number}"


def _step_row(number: int, step: ReportedStep, day: datetime | None) -> tuple[Words, ...]:
    name = Toned(step.title, Tone.STRONG, step_anchor(number))
    needs = f" · needs {', '.join(step.needs)}" if step.needs else ""
    tries = f"{step.attempt} of {step.max_attempts}" if step.attempt else wording.NOTHING
    return (
        (name, quiet(f" {step.key}{needs}")),
        (sign(step.state), quiet(f" {step.reason}")) if step.reason else sign(step.state),
        _begun(step.started_at, day),
        duration(step.duration) or wording.NOTHING,
        tries,
        f"{step.usage.total:,}",
    )


def _begun(at: datetime | None, day: datetime | None) -> Instant:
    """Return when something began, with its date unless that is the day of the run's start."""
    return Instant(at, whole=at is not None and day is not None and at.date() != day.date())


_ATTEMPT_COLUMNS = (
    ("Attempt", 2), ("State", 3), ("Started (UTC)", 3), ("Took", 2), ("Tokens", 3), ("Failure", 8),
)  # fmt: skip


def _step_more(step: ReportedStep, day: datetime | None) -> list[Block]:
    attempts = step.attempts if len(step.attempts) > 1 else ()
    if not step.summary and not attempts:
        return []
    title = f"Attempts of {step.title}"
    said = " in its own words" if step.summary else " by attempt"
    blocks = prose(step.summary, code=False)
    rows = (_attempt_row(attempt, day) for attempt in attempts)
    blocks += table(title, _ATTEMPT_COLUMNS, rows)
    return [Fold((Toned(step.title, Tone.STRONG), said), tuple(blocks))]


def _attempt_row(attempt: ReportedAttempt, day: datetime | None) -> tuple[Words, ...]:
    return (
        str(attempt.number),
        sign(attempt.state),
        _begun(attempt.started_at, day),
        duration(attempt.duration) or wording.NOTHING,
        f"{attempt.usage.total:,}",
        attempt.failure,
    )
