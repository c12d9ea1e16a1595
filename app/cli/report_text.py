"""A report as text for a terminal: what went wrong first."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable

import click

from foredeck.app.cli.render import (
    columns,
    local_time,
    put_pairs,
    put_table,
    say,
    state_word,
)
from foredeck.services.domain.amounts import dollars, duration
from foredeck.services.domain.records import Verdict
from foredeck.services.domain.report_model import (
    Changes,
    ReportedFailure,
    ReportedMessage,
    ReportedRun,
    RunReport,
)

# Where no terminal says how wide it is; longer lines are hard to read in any case.
_WIDTH = 80
_WIDEST = 100
_DETAIL_LINES = 12
_FILES = 40


def put_report(report: RunReport) -> None:
    """Write a report for a person, but for what was said."""
    _put_heading(report.title)
    _put_overview(report)
    _put_failures(report)
    if report.verdict:
        _put_verdict(report.verdict, report.verdict_step)
    _put_steps(report)
    if report.run.summary:
        _put_heading("Summary")
        _put_text(report.run.summary.text)
    _put_changes(report.changes)
    _put_questions(report)
    _put_commands(report)
    say(f"The whole of it: foredeck reports create {report.run.id}")


def put_transcript(report: RunReport) -> None:
    """Write what was said, and every tool call, in their order."""
    _put_heading("Transcript")
    if report.transcript_left_out:
        click.echo(f"({report.transcript_left_out:,} earlier entries are left out.)")
    for message in report.transcript:
        _put_message(message)


def _put_overview(report: RunReport) -> None:
    run, totals = report.run, report.totals
    pairs: dict[str, object] = {
        "Run": run.id,
        "State": state_word(run.state),
        **_pause(run),
        "Project": run.project_name,
        "Workflow": f"{run.workflow} ({run.trigger.value}, {run.mode.value})",
        "Started": local_time(run.started_at),
        "Duration": duration(run.duration) or "–",
        "Steps": f"{totals.steps_done} of {totals.steps} done, retries: {totals.retries}",
        "Work": _work(report),
        "Tokens": f"{totals.usage.total:,}",
        "Cost": "unknown" if totals.cost is None else dollars(totals.cost),
        "Request": report.run.request.text,
    }
    if run.task:
        values = ", ".join(f"{name}={value}" for name, value in run.task.variables)
        pairs["Task"] = f"{run.task.name} ({values})" if values else run.task.name
    if report.rehearsal:
        pairs["Note"] = "A rehearsal: the words of the models are scripted."
    put_pairs(pairs)


def _pause(run: ReportedRun) -> dict[str, object]:
    is_paused = run.paused_at and not run.is_over
    return {"Paused": f"since {local_time(run.paused_at)}"} if is_paused else {}


def _work(report: RunReport) -> str:
    totals = report.totals
    counts = {
        "messages": totals.messages,
        "tool calls": totals.tool_calls,
        "codex turns": totals.turns,
        "commands": totals.commands,
    }
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items())


def _put_failures(report: RunReport) -> None:
    if report.run.error or report.failures:
        _put_heading("What went wrong")
    if report.run.error:
        _put_text(report.run.error.text)
    for failure in report.failures:
        _put_failure(failure)


def _put_failure(failure: ReportedFailure) -> None:
    mark, rest = ("·", ", overcome") if failure.overcome else ("✗", "")
    where = f"{failure.step}, attempt {failure.attempt} ({failure.failure_class.value}{rest})"
    click.echo(f"{mark} {where}")
    _put_text(failure.message, "  ")
    _put_text(failure.advice, "  → ")
    if failure.detail and not failure.overcome:
        for line in failure.detail.text.splitlines()[-_DETAIL_LINES:]:
            _put_text(line, "  │ ")


def _put_verdict(verdict: Verdict, step: str) -> None:
    _put_heading(f"Verdict of {step}: {verdict.verdict}")
    tests = verdict.tests_passed, verdict.tests_failed, verdict.tests_skipped
    click.echo("Tests: {} passed, {} failed, {} skipped".format(*tests))
    for requirement in verdict.requirements:
        mark = "✓" if requirement.status == "pass" else "✗"
        _put_text(f"{requirement.id}: {requirement.evidence}", f"{mark} ")
    parts = {
        "Blocking": verdict.blocking,
        "Security": verdict.security,
        "To do": verdict.items,
        "Recommended": verdict.recommendations,
        "Before deployment": verdict.deployment_checklist,
    }
    for name, lines in parts.items():
        if lines:
            click.echo(f"{name}:")
            _put_list(lines)


def _put_steps(report: RunReport) -> None:
    _put_heading("Steps")
    rows = [
        (
            step.key,
            state_word(step.state),
            f"{step.attempt}/{step.max_attempts}",
            duration(step.duration) or "–",
            f"{step.usage.total:,}",
            step.reason,
        )
        for step in report.steps
    ]
    put_table(("Step", "State", "Attempts", "Duration", "Tokens", "Note"), rows)


def _put_changes(changes: Changes) -> None:
    if not changes.files:
        return
    _put_heading(f"Files: {len(changes.files) + changes.files_left_out}")
    for file in changes.files[:_FILES]:
        lines = f"  +{file.added} -{file.removed}" if file.added is not None else ""
        click.echo(f"{file.kind.value:<8} {file.path}{lines}")
    more = len(changes.files) - _FILES + changes.files_left_out
    if more > 0:
        click.echo(f"and {more:,} more")


def _put_questions(report: RunReport) -> None:
    if report.questions:
        _put_heading("Questions")
    for question in report.questions:
        answer = " ".join(filter(None, (question.answer, question.comment)))
        _put_text(question.title, "? ")
        _put_text(answer or question.state.value, "  → ")


def _put_commands(report: RunReport) -> None:
    commands = [job for job in report.jobs if not job.is_turn]
    if not commands:
        return
    _put_heading("Commands")
    rows = [
        (
            job.id,
            state_word(job.state),
            "–" if job.exit_code is None else job.exit_code,
            duration(job.duration) or "–",
            job.command.text,
        )
        for job in commands
    ]
    put_table(("Job", "State", "Exit", "Duration", "Command"), rows)


def _put_message(message: ReportedMessage) -> None:
    click.echo()
    who = message.tool or message.role.value
    time = message.at.astimezone().strftime("%H:%M:%S")
    model = f", {message.model}" if message.model else ""
    click.echo(f"── {time} {message.step}, attempt {message.attempt}: {who}{model}")
    _put_text(message.arguments.text, "  ")
    _put_text(message.content.text)


def _put_heading(text: str) -> None:
    width = _width()
    line = text if len(text) <= width else text[: width - 1] + "…"
    click.echo(f"\n{line}\n{'─' * len(line)}")


def _put_list(lines: Iterable[str]) -> None:
    for line in lines:
        _put_text(line, "  • ")


def _put_text(text: str, begin: str = "") -> None:
    """Write a text broken between words, below `begin`."""
    indent = begin if begin.endswith("│ ") else " " * len(begin)
    for number, line in enumerate(text.splitlines()):
        lead = begin if number == 0 else indent
        wrapped = textwrap.wrap(
            line,
            _width(),
            initial_indent=lead,
            subsequent_indent=indent,
            replace_whitespace=False,
            break_on_hyphens=False,
        )
        click.echo("\n".join(wrapped))


def _width() -> int:
    found = columns(sys.stdout)
    return _WIDTH if found > 1_000 else min(max(found, 40), _WIDEST)
