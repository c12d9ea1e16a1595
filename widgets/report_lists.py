"""The long parts of a report as rows: changes, questions, jobs, timeline, transcript.

A line of one of them is made when it is seen: there may be tens of thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from foredeck.services.domain.amounts import duration
from foredeck.services.domain.records import EntityKind, Role
from foredeck.services.domain.report_model import (
    ReportedFile,
    ReportedJob,
    ReportedMessage,
    ReportedPatch,
    ReportedQuestion,
    ReportedTransition,
    RunReport,
)
from foredeck.widgets.formats import clock, moment, pad, tokens
from foredeck.widgets.painting import Cells, fit, spread
from foredeck.widgets.report_pieces import INDENT, Paper, Piece, field, heading, one_line, words
from foredeck.widgets.state_style import WORD_WIDTH, glyph_of, look_of

_NAMES = {Role.SYSTEM: "foredeck", Role.USER: "prompt", Role.ASSISTANT: "assistant"}


def list_pieces(report: RunReport, paper: Paper) -> Iterator[Piece]:
    """Yield the long parts of a report, each under a heading that folds it."""
    yield from _changes(report, paper)
    if report.questions:
        yield heading(paper, "questions", "Questions", len(report.questions))
        if paper.is_open("questions"):
            for number, one in enumerate(report.questions):
                yield Piece(f"question:{number}", tuple(_question(one, paper)))
    if report.jobs:
        yield heading(paper, "jobs", "Turns and commands", len(report.jobs))
        if paper.is_open("jobs"):
            yield from _many(report.jobs, "job", paper, _job, _about_job)
    yield heading(paper, "timeline", "Timeline", len(report.timeline) + report.timeline_left_out)
    if paper.is_open("timeline"):
        yield from _left_out(report.timeline_left_out, "timeline:gap", "changes")
        yield from _many(report.timeline, "change", paper, _change)
    count = len(report.transcript) + report.transcript_left_out
    yield heading(paper, "transcript", "Transcript", count)
    if paper.is_open("transcript"):
        yield from _left_out(report.transcript_left_out, "transcript:gap", "messages")
        yield from _many(report.transcript, "message", paper, _message, _about_message)


def _left_out(count: int, key: str, what: str) -> Iterator[Piece]:
    if count:
        yield Piece(key, ([(f"{INDENT}{count:,} earlier {what} are left out", "ink--faint")],))


def _many(
    items: Sequence[object],
    name: str,
    paper: Paper,
    line: Callable[..., Cells],
    about: Callable[..., Iterator[Cells]] | None = None,
) -> list[Piece]:
    """Return a line for each, with all about those that are unfolded."""
    pieces = list(_lines(items, name, paper, line, foldable=about is not None))
    opened = [key for key in paper.unfolded if key.startswith(f"{name}:")] if about else []
    for key in opened:
        number = int(key.rpartition(":")[2])
        if about is not None and number < len(items):
            rows = (line(items[number], paper), *about(items[number], paper))
            pieces[number] = Piece(key, rows, foldable=True)
    return pieces


def _lines(
    items: Sequence[object], name: str, paper: Paper, line: Callable[..., Cells], *, foldable: bool
) -> list[Piece]:
    """Return a folded line for each, made once."""
    kept = paper.kept.get(name) if paper.kept is not None else None
    if kept is None:
        kept = [
            Piece(f"{name}:{number}", line=partial(line, one, paper), foldable=foldable)
            for number, one in enumerate(items)
        ]
        if paper.kept is not None:
            paper.kept[name] = kept
    return kept


def _changes(report: RunReport, paper: Paper) -> Iterator[Piece]:
    changes = report.changes
    if not (changes.files or changes.patches):
        return
    yield heading(paper, "changes", "Files", len(changes.files) + changes.files_left_out)
    if not paper.is_open("changes"):
        return
    yield from _many(changes.files, "file", paper, _file)
    yield from _left_out(changes.files_left_out, "files:gap", "files")
    if changes.output_removed:
        says = "The output that the patches stood in was removed by the retention."
        yield Piece("patches:gone", tuple(words(says, paper, "ink--faint")))
    yield from _many(changes.patches, "patch", paper, _patch, _about_patch)
    yield from _left_out(changes.patches_left_out, "patches:gap", "patches")


def _file(file: ReportedFile, paper: Paper) -> Cells:
    counts = "" if file.added is None else f"+{file.added} -{file.removed or 0}"
    left: Cells = [(f"{INDENT}{pad(file.kind.value, 9)} ", "ink--muted"), (one_line(file.path), "")]
    return spread(left, [(counts + " ", "ink--muted")], paper.width)


def _patch(patch: ReportedPatch, paper: Paper) -> Cells:
    left: Cells = [(f"{INDENT}patch     ", "ink--faint"), (one_line(patch.path), "")]
    right = f"{one_line(patch.step, 40)}  +{patch.added} -{patch.removed} "
    return spread(left, [(right, "ink--muted")], paper.width)


def _about_patch(patch: ReportedPatch, paper: Paper) -> Iterator[Cells]:
    styles = {"+": "state--success", "-": "state--failed", "@": "ink--accent"}
    for row in words(patch.diff, paper):
        text = row[0][0]
        yield [(text, styles.get(text[len(INDENT) : len(INDENT) + 1], "ink--muted"))]


def _question(one: ReportedQuestion, paper: Paper) -> Iterator[Cells]:
    left: Cells = [(INDENT, ""), (one_line(one.title), "ink--strong")]
    right = f"{one.kind.value}, {one.state.value}  {clock(one.asked_at)} "
    yield spread(left, [(right, "ink--muted")], paper.width)
    if one.answer:
        by = f"  ({one_line(one.answered_by, 60)})" if one.answered_by else ""
        yield from field("answer", one_line(one.answer, 1000) + by, paper)
    if one.comment:
        yield from field("comment", one_line(one.comment, 1000), paper)


def _job(job: ReportedJob, paper: Paper) -> Cells:
    look = look_of(job.state)
    glyph = glyph_of(job.state, ascii_only=paper.ascii_only)
    left: Cells = [
        (f"{glyph} {pad(look.word, WORD_WIDTH)} ", look.style),
        (one_line(job.step or job.name, 60), "ink--strong"),
        (f"  {one_line(job.command, 200)}", "ink--muted"),
    ]
    code = f"exit {job.exit_code}  " if job.exit_code else ""
    return spread(left, [(f"{code}{duration(job.duration)} ", "ink--muted")], paper.width)


def _about_job(job: ReportedJob, paper: Paper) -> Iterator[Cells]:
    kind = "prompt" if job.is_turn else "command"
    yield from field("id", one_line(job.id), paper)
    for label, text in ((kind, job.command), ("answer", job.message)):
        if text:
            yield [(f"{INDENT}{label}", "ink--faint")]
            yield from words(text, paper)
    if job.failure:
        yield from words(job.failure, paper, "state--failed")


def _change(change: ReportedTransition, paper: Paper) -> Cells:
    subject = "run" if change.kind is EntityKind.RUN else one_line(change.subject, 40)
    arrow = "->" if paper.ascii_only else "→"
    moved = f"{one_line(change.old, 20)} {arrow} " if change.old else ""
    cells: Cells = [
        (f"{moment(change.at)[:10]} {clock(change.at)}  ", "ink--faint"),
        (pad(subject, 22) + " ", "ink--strong"),
        (f"{moved}{one_line(change.new, 20)}", ""),
        (f"  {one_line(change.reason, 200)}" if change.reason else "", "ink--muted"),
    ]
    return fit(cells, paper.width)


def _message(message: ReportedMessage, paper: Paper) -> Cells:
    if message.role is Role.TOOL:
        who = one_line(message.tool, 40) or "tool"
        said = message.arguments or message.content
    else:
        who, said = _NAMES[message.role], message.content
    cells: Cells = [
        (f"{clock(message.at)}  ", "ink--faint"),
        (pad(one_line(message.step, 40), 12) + " ", "ink--muted"),
        (pad(who, 12) + " ", "ink--strong"),
        (one_line(said, 300), "" if message.role is Role.ASSISTANT else "ink--muted"),
    ]
    return fit(cells, paper.width)


def _about_message(message: ReportedMessage, paper: Paper) -> Iterator[Cells]:
    facts = [one_line(message.model, 60), f"attempt {message.attempt}"]
    facts.append(f"{tokens(message.usage.total)} tokens" if message.usage.total else "")
    facts.append(duration(message.duration))
    yield [(INDENT + "  ".join(filter(None, facts)), "ink--faint")]
    for text, style in ((message.arguments, "ink--strong"), (message.content, "")):
        if text:
            yield from words(text, paper, style)
    yield []
