"""A report as rows: what it is about, what went wrong, what it came to, the verdict, the steps."""

from __future__ import annotations

from collections.abc import Iterator

from foredeck.services.domain.amounts import dollars, duration, plural
from foredeck.services.domain.records import Requirement
from foredeck.services.domain.report_model import (
    ReportedFailure,
    ReportedStep,
    RunReport,
)
from foredeck.services.domain.states import StepState
from foredeck.widgets.formats import moment, pad, tokens
from foredeck.widgets.painting import Cells, fit, spread
from foredeck.widgets.report_lists import list_pieces
from foredeck.widgets.report_pieces import (
    INDENT,
    Paper,
    Piece,
    field,
    folded,
    heading,
    one_line,
    words,
)
from foredeck.widgets.state_style import WORD_WIDTH, glyph_of, look_of

# Sections that are open at first; the long ones are not.
OPEN_AT_FIRST = frozenset({"failures", "totals", "verdict", "steps"})


def report_pieces(report: RunReport, paper: Paper) -> list[Piece]:
    """Return all of a report, what went wrong before anything else."""
    return [
        Piece("title", tuple(_title(report, paper))),
        *_failures(report, paper),
        *_totals(report, paper),
        *_verdict(report, paper),
        *_request(report, paper),
        *_steps(report, paper),
        *list_pieces(report, paper),
    ]


def _title(report: RunReport, paper: Paper) -> Iterator[Cells]:
    run, look = report.run, look_of(report.run.state)
    glyph = glyph_of(run.state, ascii_only=paper.ascii_only)
    right: Cells = [(look.word, look.style), (f"  {duration(run.duration)} ", "ink--strong")]
    left: Cells = [(f"{glyph} ", look.style), (one_line(report.title), "ink--strong ink--bold")]
    yield spread(left, right, paper.width)
    if report.rehearsal:
        yield [(INDENT, ""), (" REHEARSAL · the models' words are scripted ", "ink--label")]
    workflow = f"{one_line(run.workflow, 60)} in {one_line(run.project_name, 60)}"
    times = f", begun {moment(run.started_at)}" if run.started_at else ", not begun"
    ended = f", ended {moment(run.ended_at)}" if run.ended_at else ""
    yield from words(f"{workflow}, {run.trigger.value}{times}{ended}", paper, "ink--muted")
    if run.task is not None:
        values = ", ".join(f"{one_line(n, 60)}={one_line(v, 60)}" for n, v in run.task.variables)
        task = f"task {one_line(run.task.name, 80)}{': ' + values if values else ''}"
        yield fit([(INDENT + task, "ink--muted")], paper.width)
        for warning in run.task.warnings:
            yield from field("warning", one_line(warning), paper, "state--waiting")


def _failures(report: RunReport, paper: Paper) -> Iterator[Piece]:
    if not report.failures:
        return
    yield heading(paper, "failures", "What went wrong", len(report.failures))
    if paper.is_open("failures"):
        for number, failure in enumerate(report.failures):
            yield _failure(failure, f"failure:{number}", paper)


def _failure(failure: ReportedFailure, key: str, paper: Paper) -> Piece:
    style = "ink--muted" if failure.overcome else "state--failed"
    mark = "x" if paper.ascii_only else "✗"
    note = "overcome" if failure.overcome else failure.failure_class.value.replace("_", " ")
    left: Cells = [
        (f"{mark} ", style),
        (one_line(failure.title or failure.step, 80), "ink--strong"),
        (f"  attempt {failure.attempt}", "ink--muted"),
    ]
    rows: list[Cells] = [spread(left, [(note + " ", style)], paper.width)]
    for text, look in ((failure.message, style), (failure.advice, "ink--strong")):
        rows += words(one_line(text, 2000), paper, look) if text else []
    foldable = bool(failure.detail)
    if foldable and paper.is_open(key):
        rows += folded(failure.detail, paper, key, "ink--muted")[0]
    elif foldable:
        rows.append([(f"{INDENT}space shows the end of the output", "ink--faint")])
    return Piece(key, tuple(rows), foldable=foldable)


def _totals(report: RunReport, paper: Paper) -> Iterator[Piece]:
    yield heading(paper, "totals", "Summary")
    if not paper.is_open("totals"):
        return
    total, changes = report.totals, report.changes
    cost = "unknown" if total.cost is None else dollars(total.cost)
    work = f"{total.steps_done} of {plural(total.steps, 'step')}, {plural(total.turns, 'turn')} of "
    work += f"codex, {plural(total.commands, 'command')}"
    facts = [
        ("work", f"{work}, {_retries(total.retries)}, {plural(total.failures, 'failure')}"),
        ("words", f"{plural(total.messages, 'message')}, {plural(total.tool_calls, 'tool call')}"),
        ("tokens", f"{tokens(total.usage.total)}, cost {cost}"),
        ("files", f"{plural(total.files, 'file')} changed, +{changes.added} -{changes.removed}"),
    ]
    rows = [row for label, text in facts for row in field(label, text, paper)]
    if len(total.by_model) > 1:
        for one in total.by_model:
            name = one_line(one.model, 60) or "unknown model"
            rows += field("", f"{name}: {tokens(one.usage.total)} tokens", paper, "ink--muted")
    summary, foldable = folded(report.run.summary, paper, "summary")
    if report.run.summary:
        rows += [[], *summary]
    yield Piece("summary", tuple(rows), foldable=foldable)


def _retries(count: int) -> str:
    return "1 retry" if count == 1 else f"{count} retries"


def _verdict(report: RunReport, paper: Paper) -> Iterator[Piece]:
    verdict = report.verdict
    if verdict is None:
        return
    yield heading(paper, "verdict", "Verdict")
    if not paper.is_open("verdict"):
        return
    style = "state--success" if verdict.approved else "state--failed"
    word = one_line(verdict.verdict, 40).replace("_", " ")
    by = f"  by {one_line(report.verdict_step, 60)}" if report.verdict_step else ""
    yield Piece("verdict:word", ([(INDENT + word, f"{style} ink--bold"), (by, "ink--muted")],))
    tests = f"{verdict.tests_passed} passed, {verdict.tests_failed} failed"
    rows = list(field("tests", tests, paper))
    lists = (
        ("blocking", verdict.blocking),
        ("security", verdict.security),
        ("to do", verdict.items),
    )
    for label, items in lists:
        for item in items:
            rows += field(label, one_line(item, 1000), paper)
    yield Piece("verdict:facts", tuple(rows))
    for number, one in enumerate(verdict.requirements):
        yield _requirement(one, f"requirement:{number}", paper)


def _requirement(one: Requirement, key: str, paper: Paper) -> Piece:
    passed = one.status == "pass"
    mark = ("+" if passed else "x") if paper.ascii_only else ("✓" if passed else "✗")
    style = "state--success" if passed else "state--failed"
    cells: Cells = [
        (f"{INDENT}{mark} ", style),
        (one_line(one.id, 40), "ink--strong"),
        (f"  {one_line(one.evidence, 400)}", "ink--muted"),
    ]
    return Piece(key, (fit(cells, paper.width),))


def _request(report: RunReport, paper: Paper) -> Iterator[Piece]:
    yield heading(paper, "request", "Request")
    if paper.is_open("request"):
        yield Piece("request:text", tuple(folded(report.run.request, paper, "request")[0]))


def _steps(report: RunReport, paper: Paper) -> Iterator[Piece]:
    if not report.steps:
        return
    yield heading(paper, "steps", "Steps", len(report.steps))
    if paper.is_open("steps"):
        for step in report.steps:
            yield _step(step, f"step:{step.key}", paper)


def _step(step: ReportedStep, key: str, paper: Paper) -> Piece:
    look = look_of(step.state)
    glyph = glyph_of(step.state, ascii_only=paper.ascii_only)
    left: Cells = [
        (f"{glyph} {pad(look.word, WORD_WIDTH)} ", look.style),
        (one_line(step.title or step.key, 80), "ink--strong"),
    ]
    if step.retries:
        left.append((f"  {_retries(step.retries)}", "state--retry"))
    spent = f"{tokens(step.usage.total)} tokens  " if step.usage.total and paper.width > 60 else ""
    right: Cells = [(f"{spent}{duration(step.duration)} ", "ink--muted")]
    rows: list[Cells] = [spread(left, right, paper.width)]
    foldable = bool(step.summary or step.reason or len(step.attempts) > 1 or step.needs)
    if foldable and paper.is_open(key):
        rows += _about_step(step, paper)
    return Piece(key, tuple(rows), foldable=foldable)


def _about_step(step: ReportedStep, paper: Paper) -> Iterator[Cells]:
    if step.needs:
        yield from field("needs", ", ".join(one_line(need, 60) for need in step.needs), paper)
    if step.reason:
        yield from field("reason", one_line(step.reason, 1000), paper)
    for attempt in step.attempts if len(step.attempts) > 1 else ():
        failed = attempt.state is StepState.FAILED
        says = f"{attempt.state.value} {duration(attempt.duration)} {one_line(attempt.failure)}"
        yield from field(f"attempt {attempt.number}", says, paper, "state--failed" * failed)
    yield from folded(step.summary, paper, f"step:{step.key}")[0] if step.summary else ()
