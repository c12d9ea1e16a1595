"""How much of a report goes into a PDF: what a person would print, and no more.

What is left out is in the HTML and in the JSON, and the PDF says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from foredeck.services.domain.records import Role
from foredeck.services.domain.report_model import (
    Changes,
    Excerpt,
    ReportedFailure,
    ReportedJob,
    ReportedMessage,
    ReportedPatch,
    ReportedQuestion,
    ReportedStep,
    RunReport,
)
from foredeck.services.reports.spreading import spread

T = TypeVar("T")

# How many of each there are at most: the first of the failures, steps and files, the latest of
# what has happened. Together some two hundred pages, set within a few seconds.
MOST_FAILURES = 50
MOST_STEPS = 500
MOST_CHANGES = 300
MOST_MESSAGES = 400
MOST_FILES = 300
MOST_PATCHES = 50
MOST_QUESTIONS = 100
MOST_JOBS = 100

# Characters of a text, of the conversation and of what matters more, and how many of them a line
# of the paper holds: empty lines take room, too.
SHORT_TEXT = 1200
LONG_TEXT = 4000
_IN_A_LINE = 30
_CUT = "\n… {:,} characters left out …\n"


def shortened(report: RunReport) -> tuple[RunReport, str]:
    """Return a report with the bounds of this module, and the sentence that tells of them.

    The sentence is empty for a report in which everything has its place.
    """
    short = replace(
        report,
        failures=tuple(map(_failure, report.failures[:MOST_FAILURES])),
        steps=tuple(map(_step, report.steps[:MOST_STEPS])),
        timeline=report.timeline[-MOST_CHANGES:],
        transcript=tuple(map(_message, report.transcript[-MOST_MESSAGES:])),
        changes=_changes(report.changes),
        questions=tuple(map(_question, report.questions[-MOST_QUESTIONS:])),
        jobs=tuple(map(_job, report.jobs[-MOST_JOBS:])),
    )
    missing = ", ".join(_missing(report, short))
    return short, f"Shortened for paper; the HTML has more: here are {missing}." if missing else ""


def _missing(whole: RunReport, short: RunReport) -> Iterator[str]:
    yield from _part("failures", whole.failures, short.failures)
    yield from _part("steps", whole.steps, short.steps)
    yield from _part("changes of state", whole.timeline, short.timeline)
    yield from _part("messages", whole.transcript, short.transcript)
    yield from _part("files", whole.changes.files, short.changes.files)
    yield from _part("patches", whole.changes.patches, short.changes.patches)
    yield from _part("questions", whole.questions, short.questions)
    yield from _part("jobs", whole.jobs, short.jobs)


def _part(noun: str, whole: Sequence[T], short: Sequence[T]) -> Iterator[str]:
    if len(short) < len(whole):
        yield f"{len(short):,} of {len(whole):,} {noun}"


def _excerpt(excerpt: Excerpt, limit: int) -> Excerpt:
    """Return the beginning and the end of a text, of `limit` characters and its lines at most."""
    text, lines = excerpt.text, limit // _IN_A_LINE // 2
    if len(text) <= limit and text.count("\n") <= 2 * lines:
        return excerpt
    head = "\n".join(text[: limit // 2].split("\n")[:lines])
    tail = "\n".join(text[max(len(head), len(text) - limit // 2) :].split("\n")[-lines:])
    left_out = len(text) - len(head) - len(tail)
    return Excerpt(f"{head}{_CUT.format(left_out)}{tail}", excerpt.left_out + left_out)


def _failure(failure: ReportedFailure) -> ReportedFailure:
    limit = SHORT_TEXT if failure.overcome else LONG_TEXT
    return replace(failure, detail=_excerpt(failure.detail, limit))


def _step(step: ReportedStep) -> ReportedStep:
    return replace(step, summary=_excerpt(step.summary, LONG_TEXT))


def _message(message: ReportedMessage) -> ReportedMessage:
    arguments = _excerpt(spread(message.arguments), SHORT_TEXT)
    content = spread(message.content) if message.role is Role.TOOL else message.content
    return replace(message, content=_excerpt(content, SHORT_TEXT), arguments=arguments)


def _changes(changes: Changes) -> Changes:
    return replace(
        changes,
        files=changes.files[:MOST_FILES],
        patches=tuple(map(_patch, changes.patches[:MOST_PATCHES])),
    )


def _patch(patch: ReportedPatch) -> ReportedPatch:
    return replace(patch, diff=_excerpt(patch.diff, LONG_TEXT))


def _question(question: ReportedQuestion) -> ReportedQuestion:
    return replace(question, details=_excerpt(question.details, SHORT_TEXT))


def _job(job: ReportedJob) -> ReportedJob:
    command = _excerpt(job.command, SHORT_TEXT)
    return replace(job, command=command, message=_excerpt(job.message, SHORT_TEXT))
