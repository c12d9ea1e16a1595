"""The second half of a report: what happened, was said, was changed and was asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from foredeck.services.domain.amounts import duration, plural, size
from foredeck.services.domain.records import Role
from foredeck.services.domain.report_model import (
    ReportedFile,
    ReportedJob,
    ReportedMessage,
    ReportedPatch,
    ReportedQuestion,
    ReportedTransition,
    RunReport,
)
from foredeck.services.domain.states import FINAL_JOBS, JobState, QuestionState
from foredeck.services.reports import wording
from foredeck.services.reports.document import (
    Article,
    Bars,
    Block,
    Diff,
    Fold,
    Instant,
    Paragraph,
    Section,
    Tone,
    Toned,
    Word,
    Words,
    code,
    facts,
    left_out,
    moment,
    note,
    prose,
    quiet,
    sign,
    table,
)
from foredeck.services.reports.spans import chart_of
from foredeck.services.reports.spreading import spread

_CHANGE_COLUMNS = (
    ("Time", 6), ("What", 6), ("From", 4), ("To", 4), ("By", 3), ("Why", 5),
)  # fmt: skip
_FILE_COLUMNS = (("File", 8), ("Change", 3), ("Lines", 3), ("By", 4))
_WENT_WRONG = FINAL_JOBS - {JobState.COMPLETED, JobState.CANCELLED}


def timeline(report: RunReport) -> Section | None:
    """Return when which step was at work, and folded every change of a state."""
    chart = chart_of(report)
    blocks: list[Block] = [Bars(chart)] if chart else []
    blocks += left_out(report.timeline_left_out, "earlier change", "the later ones are here")
    if report.timeline:
        said = f"{plural(len(report.timeline), 'change')} of state"
        rows = table("Changes of state", _CHANGE_COLUMNS, map(_transition_row, report.timeline))
        blocks.append(Fold(said, tuple(rows)))
    return Section("timeline", "Timeline", tuple(blocks)) if blocks else None


def _transition_row(change: ReportedTransition) -> tuple[Words, ...]:
    kind = change.kind.value
    return (
        Instant(change.at),
        kind if change.subject == kind else f"{kind} {change.subject}",
        sign(change.old) if change.old else "",
        sign(change.new),
        change.actor,
        change.reason,
    )


def transcript(report: RunReport) -> Section | None:
    """Return what was said, folded by attempt of a step."""
    where = "the later ones are here"
    blocks = left_out(report.transcript_left_out, "earlier message", where)
    titles = {step.key: step.title for step in report.steps}
    for (step, attempt), messages in _conversations(report.transcript).items():
        said = (Toned(titles.get(step, step), Tone.STRONG), _counted(attempt, messages))
        blocks.append(Fold(said, tuple(map(_message, messages))))
    return Section("transcript", "Transcript", tuple(blocks)) if blocks else None


def _conversations(
    messages: Sequence[ReportedMessage],
) -> dict[tuple[str, int], list[ReportedMessage]]:
    """Return the messages by step and attempt, in the order in which these began to talk."""
    found: dict[tuple[str, int], list[ReportedMessage]] = {}
    for message in messages:
        found.setdefault((message.step, message.attempt), []).append(message)
    return found


def _counted(attempt: int, messages: Sequence[ReportedMessage]) -> str:
    calls = sum(message.role is Role.TOOL for message in messages)
    said = [plural(len(messages) - calls, "message")]
    said += [plural(calls, "tool call")] if calls else []
    return f" · attempt {attempt} · {', '.join(said)}"


def _message(message: ReportedMessage) -> Article | Fold:
    if message.role is Role.TOOL:
        return _tool_call(message)
    said = prose(message.content, code=False) or [note("Nothing was said.")]
    return Article("said", (message.role.value.capitalize(), *_by_line(message)), tuple(said))


def _tool_call(message: ReportedMessage) -> Fold:
    blocks = prose(spread(message.arguments), "Arguments")
    blocks += prose(spread(message.content), "Answer") or [note("It answered nothing.")]
    return Fold((Toned(message.tool or "tool", Tone.CODE), *_by_line(message)), tuple(blocks))


def _by_line(message: ReportedMessage) -> Iterator[Word]:
    yield from (quiet(" "), Instant(message.at))
    more = [message.model] if message.model else []
    more += [duration(message.duration)] if message.duration is not None else []
    more += [] if message.complete else ["not finished"]
    yield quiet("".join(f" · {each}" for each in more))


def changes(report: RunReport) -> Section | None:
    """Return the files that the run changed, and folded what changed in them."""
    made = report.changes
    if not made.files and not made.patches and not made.output_removed:
        return None
    lines = wording.lines_changed(made.added, made.removed)
    said = f"{plural(report.totals.files, 'file')}, {lines} lines as far as is known."
    gone = "The output with the changes of the files has been removed by the retention."
    blocks: list[Block] = [Paragraph(said)]
    blocks += [note(gone)] if made.output_removed else []
    blocks += table("Changed files", _FILE_COLUMNS, map(_file_row, made.files))
    blocks += left_out(made.files_left_out, "file", "the workspace has them")
    blocks += map(_patch, made.patches)
    where = "the output files of the steps have them"
    blocks += left_out(made.patches_left_out, "change", where)
    return Section("changes", "Changes", tuple(blocks))


def _file_row(file: ReportedFile) -> tuple[Words, ...]:
    lines = wording.lines_changed(file.added, file.removed)
    return code(file.path), file.kind.value, lines, ", ".join(file.steps)


def _patch(patch: ReportedPatch) -> Fold:
    lines = f" {wording.lines_changed(patch.added, patch.removed)}"
    by = quiet(f" {patch.step} · attempt {patch.attempt} · ")
    return Fold((Toned(patch.path, Tone.CODE), lines, by, Instant(patch.at)), (Diff(patch.diff),))


def questions(report: RunReport) -> Section | None:
    """Return what was asked of a person and what they said, open questions first."""
    if not report.questions:
        return None
    order = sorted(report.questions, key=lambda each: each.state is not QuestionState.OPEN)
    return Section("questions", "Questions", tuple(map(_question, order)))


def _question(question: ReportedQuestion) -> Article:
    blocks: list[Block] = [Paragraph(question.reason)] if question.reason else []
    blocks += prose(question.details)
    blocks.append(facts(_question_facts(question), "small"))
    return Article("question", (sign(question.state), f" {question.title}"), tuple(blocks))


def _question_facts(question: ReportedQuestion) -> Iterator[tuple[str, Words | None]]:
    yield "Kind", question.kind.value
    yield "Step", question.step
    yield "Where", code(question.place)
    yield "Choices", ", ".join(map(wording.word, question.choices))
    yield "Asked", moment(question.asked_at)
    yield "Answer", Toned(question.answer, Tone.STRONG) if question.answer else None
    yield "Comment", question.comment
    yield "By", question.answered_by
    yield "Answered", moment(question.answered_at)


def jobs(report: RunReport) -> Section | None:
    """Return the codex turns and commands, those that went wrong unfolded."""
    if not report.jobs:
        return None
    return Section("jobs", "Jobs", tuple(map(_job, report.jobs)))


def _job(job: ReportedJob) -> Fold:
    ended = "" if job.exit_code is None else f" · exit code {job.exit_code}"
    said = quiet(f" {duration(job.duration) or wording.NOTHING}{ended}")
    blocks: list[Block] = [Paragraph(job.failure, "message")] if job.failure else []
    blocks += prose(job.command, "Prompt" if job.is_turn else "Command")
    blocks += prose(job.message, "Answer" if job.is_turn else "Outcome")
    blocks.append(facts(_job_facts(job), "small"))
    summary = (sign(job.state), " ", Toned(job.name, Tone.STRONG), said)
    return Fold(summary, tuple(blocks), opened=job.state in _WENT_WRONG)


def _job_facts(job: ReportedJob) -> Iterator[tuple[str, Words | None]]:
    yield "Id", code(job.id)
    yield "Type", wording.word(job.type)
    yield "Step", f"{job.step}, attempt {job.attempt}" if job.step else None
    yield "Model", job.model
    yield "Conversation", code(job.thread_id or "")
    yield "Created", moment(job.created_at)
    yield "Started", moment(job.started_at)
    yield "Ended", moment(job.ended_at)
    yield "Tokens", wording.tokens(job.usage) if job.usage.total else None
    yield "CPU", duration(job.cpu_seconds) or None
    yield "Peak memory", size(job.peak_memory) if job.peak_memory is not None else None


def environment(report: RunReport) -> Section:
    """Return what the run was started with, and where it took place."""
    return Section("environment", "Environment", (facts(_circumstances(report)),))


def _circumstances(report: RunReport) -> Iterator[tuple[str, Words | None]]:
    run = report.run
    yield "Run", code(run.id)
    yield "Project", f"{run.project_name} ({run.project_id})"
    yield "Workspace", code(run.workspace)
    yield "Workflow", run.workflow
    yield "Mode", run.mode.value
    yield "Trigger", run.trigger.value
    if run.task is not None:
        yield "Task", f"{run.task.name} ({run.task.id})"
        yield from ((f"Variable {name}", value) for name, value in run.task.variables)
        yield from (("Warning", text) for text in run.task.warnings)
        yield "Due", moment(run.task.due_at)
    yield "Began anew from", code(run.parent_run_id or "")
    yield "Began anew as", ", ".join(run.restarts)
    yield "Report made", moment(report.generated_at)
    yield "Report made by", report.generator
