"""The upper half of a report's page: what came of the run, failures first."""

from __future__ import annotations

from collections.abc import Iterator

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
from foredeck.services.reports.html_graph import graph_of
from foredeck.services.reports.html_parts import (
    Part,
    bullets,
    facts,
    fold,
    instant,
    note,
    prose,
    section,
    state_sign,
    table,
)
from foredeck.services.reports.markup import Element, element


def masthead(report: RunReport) -> Element:
    """Return what the page begins with: what it is about, and how that stands."""
    run = report.run
    return element(
        "header",
        element("p", f"Run report · {run.project_name}", class_="kind"),
        element("h1", report.title),
        element("p", state_sign(run.state), f" · {standing(report)}", class_="standing"),
        _open_questions(report),
    )


def standing(report: RunReport) -> str:
    """Return how far a run is, in a line."""
    run, totals = report.run, report.totals
    said = [f"{totals.steps_done} of {wording.plural(totals.steps, 'step')} done"]
    if run.duration is not None:
        said.append(f"{wording.duration(run.duration)}{'' if run.is_over else ' so far'}")
    if run.paused_at and not run.is_over:
        said.append("paused")
    if not run.is_over and run.current_stage:
        said.append(f"at {run.current_stage}")
    return " · ".join(said)


def open_questions(report: RunReport) -> str:
    """Return that somebody is asked something; empty if nobody is."""
    count = sum(question.state is QuestionState.OPEN for question in report.questions)
    if not count:
        return ""
    return f"{wording.plural(count, 'question')} {'waits' if count == 1 else 'wait'} for an answer"


def _open_questions(report: RunReport) -> Element | None:
    if not (said := open_questions(report)):
        return None
    link = element("a", said, href="#questions")
    return element("p", element("span", "◆ ", aria_hidden="true"), link, class_="state waiting")


def failures(report: RunReport) -> Element | None:
    """Return what went wrong and still stands, and folded what was overcome."""
    standing_ = [failure for failure in report.failures if not failure.overcome]
    overcome = [failure for failure in report.failures if failure.overcome]
    if not report.failures and not report.run.error:
        return None
    return section(
        "failures",
        "Failures",
        prose(report.run.error),
        None if standing_ else note("No failure of a step stands."),
        *map(_failure, standing_),
        fold([f"Overcome: {len(overcome)}"], *map(_failure, overcome)) if overcome else None,
    )


def _failure(failure: ReportedFailure) -> Element:
    return element(
        "article",
        element(
            "h3", state_sign("overcome" if failure.overcome else "failed"), f" {failure.title}"
        ),
        element("p", failure.message, class_="message"),
        element("p", failure.advice) if failure.advice else None,
        facts(_failure_facts(failure), "facts small"),
        _evidence(failure) if failure.detail else None,
        class_="failure overcome" if failure.overcome else "failure",
    )


def _evidence(failure: ReportedFailure) -> Element:
    return fold(["Evidence"], prose(failure.detail), opened=not failure.overcome)


def _failure_facts(failure: ReportedFailure) -> Iterator[tuple[str, Part]]:
    yield "Step", failure.step
    yield "Attempt", str(failure.attempt)
    yield "Class", wording.word(failure.failure_class)
    yield "At", instant(failure.at) if failure.at else None
    yield "Works again", instant(failure.retry_at) if failure.retry_at else None
    yield "Critical", None if failure.critical else "no: the run goes on without it"


def summary(report: RunReport) -> Element:
    """Return the run's own summary, its figures and what was asked for."""
    models = report.totals.by_model
    return section(
        "summary",
        "Summary",
        prose(report.run.summary),
        facts(figures(report), "figures"),
        facts(_times(report.run)),
        table("Tokens by model", MODEL_HEADER, map(model_row, models)) if len(models) > 1 else None,
        prose(report.run.request, "Request"),
    )


MODEL_HEADER = ("Model", "Tokens", "Cost")


def model_row(total: ModelTotal) -> tuple[str, str, str]:
    """Return a line of the table of models."""
    return total.model or wording.UNKNOWN, wording.tokens(total.usage), wording.cost(total.cost)


def figures(report: RunReport) -> Iterator[tuple[str, str]]:
    """Yield the figures of a run by name (SPEC T5)."""
    totals = report.totals
    yield "Duration", wording.duration(report.run.duration)
    yield "Messages", f"{totals.messages:,}"
    yield "Tool calls", f"{totals.tool_calls:,}"
    yield "Codex turns", f"{totals.turns:,}"
    yield "Commands", f"{totals.commands:,}"
    yield "Tokens", f"{totals.usage.total:,}"
    yield "Cost", wording.cost(totals.cost)
    yield "Retries", f"{totals.retries:,}"
    yield "Files changed", f"{totals.files:,}"
    yield "Lines", wording.lines_changed(report.changes.added, report.changes.removed)


def _times(run: ReportedRun) -> Iterator[tuple[str, Part]]:
    yield "Created", instant(run.created_at)
    yield "Started", instant(run.started_at) if run.started_at else None
    yield "Ended", instant(run.ended_at) if run.ended_at else None
    yield "Paused", instant(run.paused_at) if run.paused_at else None


def verdict(report: RunReport) -> Element | None:
    """Return the last verdict, requirement by requirement; None if there was none."""
    given = report.verdict
    if given is None:
        return None
    sign = element("p", state_sign(given.verdict), f" by {report.verdict_step}", class_="standing")
    parts = (bullets(*pair) for pair in verdict_lists(given))
    header = ("Requirement", "Status", "Evidence")
    rows = table("Requirements", header, map(_requirement, given.requirements))
    return section(
        "verdict",
        "Verdict",
        sign,
        element("p", tests_said(given)),
        rows if given.requirements else None,
        *parts,
    )


def tests_said(given: Verdict) -> str:
    """Return what came of the tests."""
    return (
        f"Tests: {given.tests_passed:,} passed, {given.tests_failed:,} failed, "
        f"{given.tests_skipped:,} skipped."
    )


def verdict_lists(given: Verdict) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the lists of a verdict by their headings, what stands in the way first."""
    yield "Blocking", given.blocking
    yield "Security", given.security
    yield "To do", given.items
    yield "Recommendations", given.recommendations
    yield "Deployment checklist", given.deployment_checklist


def _requirement(requirement: Requirement) -> tuple[Part, ...]:
    return requirement.id, state_sign(requirement.status), requirement.evidence


def graph(report: RunReport) -> Element | None:
    """Return the graph; None for a run that has no steps yet."""
    return section("graph", "Graph", graph_of(report.steps)) if report.steps else None


def steps(report: RunReport) -> Element | None:
    """Return every step with its times and tries, and what it says of itself."""
    if not report.steps:
        return section("steps", "Steps", note("The run has no steps yet."))
    numbered = list(enumerate(report.steps))
    header = ("Step", "State", "Started", "Took", "Tries", "Tokens")
    return section(
        "steps",
        "Steps",
        table("Steps", header, (_step_row(number, step) for number, step in numbered)),
        *(_step_more(step) for step in report.steps),
    )


def _step_row(number: int, step: ReportedStep) -> tuple[Part, ...]:
    name = element(
        "span",
        element("strong", step.title),
        element("small", f" {step.key}" + needs_said(step)),
        id=f"step-{number}",
    )
    reason = element("small", f" {step.reason}") if step.reason else None
    return (
        name,
        element("span", state_sign(step.state), reason),
        instant(step.started_at, whole=False),
        wording.duration(step.duration),
        tries_said(step),
        f"{step.usage.total:,}",
    )


def needs_said(step: ReportedStep) -> str:
    """Return what a step needs, as it stands behind its key."""
    return f" · needs {', '.join(step.needs)}" if step.needs else ""


def tries_said(step: ReportedStep) -> str:
    """Return how often a step was tried, of how often it may be."""
    return f"{step.attempt} of {step.max_attempts}" if step.attempt else wording.NOTHING


def _step_more(step: ReportedStep) -> Element | None:
    attempts = step.attempts if len(step.attempts) > 1 else ()
    if not step.summary and not attempts:
        return None
    header = ("Attempt", "State", "Started", "Took", "Tokens", "Failure")
    return fold(
        [element("strong", step.title), " in its own words" if step.summary else " by attempt"],
        prose(step.summary),
        table(f"Attempts of {step.title}", header, map(_attempt_row, attempts))
        if attempts
        else None,
    )


def _attempt_row(attempt: ReportedAttempt) -> tuple[Part, ...]:
    return (
        str(attempt.number),
        state_sign(attempt.state),
        instant(attempt.started_at, whole=False),
        wording.duration(attempt.duration),
        f"{attempt.usage.total:,}",
        attempt.failure,
    )
