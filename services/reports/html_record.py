"""The lower half of a report's page: what happened, was said, was changed and was asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
from foredeck.services.reports.html_parts import (
    Part,
    facts,
    fold,
    instant,
    left_out,
    note,
    prose,
    section,
    state_sign,
    table,
)
from foredeck.services.reports.markup import Element, element
from foredeck.services.reports.spans import Chart, Lane, Span, chart_of

# The width of a bar's drawing; it is stretched to what room there is.
_BAR = 1000.0
_LEAST = 4.0


def timeline(report: RunReport) -> Element | None:
    """Return when which step was at work, and folded every change of a state."""
    if not report.timeline and not chart_of(report):
        return None
    chart = chart_of(report)
    header = ("Time (UTC)", "What", "From", "To", "By", "Why")
    rows = map(_transition_row, report.timeline)
    return section(
        "timeline",
        "Timeline",
        _bars(chart) if chart else None,
        left_out(report.timeline_left_out, "earlier change", "the later ones are here"),
        fold(
            [f"{wording.plural(len(report.timeline), 'change')} of state"],
            table("Changes of state", header, rows),
        ),
    )


def _bars(chart: Chart) -> Element:
    ends = element("p", instant(chart.begin), instant(chart.end), class_="ends")
    scale = element("div", element("span"), ends, element("span"), class_="lane")
    return element("div", scale, *map(_lane, chart.lanes), class_="bars")


def _lane(lane: Lane) -> Element:
    drawing = element(
        "svg",
        *map(_bar, lane.spans),
        viewBox=f"0 0 {_BAR:g} 12",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    return element(
        "div",
        element("span", lane.title, class_="name"),
        drawing,
        element("span", wording.duration(lane.seconds), element("small", lane.said), class_="took"),
        class_="lane",
    )


def _bar(span: Span) -> Element:
    width = max(span.length * _BAR, _LEAST)
    x = min(span.start * _BAR, _BAR - width)
    colour = wording.colour(span.state.value)
    return element("rect", x=x, y=0, width=width, height=12, class_=colour)


def _transition_row(change: ReportedTransition) -> tuple[Part, ...]:
    old = state_sign(change.old) if change.old else None
    return (
        instant(change.at),
        f"{change.kind.value} {change.subject}" if change.subject != "run" else "run",
        old,
        state_sign(change.new),
        change.actor,
        change.reason,
    )


def transcript(report: RunReport) -> Element | None:
    """Return what was said, folded by attempt of a step."""
    if not report.transcript:
        return None
    titles = {step.key: step.title for step in report.steps}
    return section(
        "transcript",
        "Transcript",
        left_out(report.transcript_left_out, "earlier message", "the later ones are here"),
        *(
            fold(
                [element("strong", titles.get(step, step)), _conversation(attempt, messages)],
                *map(_message, messages),
            )
            for (step, attempt), messages in conversations(report.transcript).items()
        ),
    )


def conversations(
    messages: Sequence[ReportedMessage],
) -> dict[tuple[str, int], list[ReportedMessage]]:
    """Return the messages by step and attempt, in the order in which these began to talk."""
    found: dict[tuple[str, int], list[ReportedMessage]] = {}
    for message in messages:
        found.setdefault((message.step, message.attempt), []).append(message)
    return found


def _conversation(attempt: int, messages: Sequence[ReportedMessage]) -> str:
    calls = sum(message.role is Role.TOOL for message in messages)
    said = [wording.plural(len(messages) - calls, "message")]
    said += [wording.plural(calls, "tool call")] if calls else []
    return f" · attempt {attempt} · {', '.join(said)}"


def _message(message: ReportedMessage) -> Element:
    if message.role is Role.TOOL:
        return _tool_call(message)
    return element(
        "article",
        element("h3", *_by_line(message)),
        prose(message.content) or note("Nothing was said."),
        class_=f"said {message.role.value}",
    )


def _tool_call(message: ReportedMessage) -> Element:
    return element(
        "article",
        fold(
            [element("code", message.tool or "tool"), *_by_line(message, named=False)],
            prose(message.arguments, "Arguments"),
            prose(message.content, "Answer") or note("It answered nothing."),
        ),
        class_="said tool",
    )


def _by_line(message: ReportedMessage, *, named: bool = True) -> Iterator[Part]:
    if named:
        yield message.role.value.capitalize()
    more = [message.model] if message.model else []
    more += [wording.duration(message.duration)] if message.duration is not None else []
    more += [] if message.complete else ["not finished"]
    yield element("small", " ", instant(message.at), *(f" · {each}" for each in more))


def changes(report: RunReport) -> Element | None:
    """Return the files that the run changed, and folded what changed in them."""
    made = report.changes
    if not made.files and not made.patches and not made.output_removed:
        return None
    gone = "The output with the changes of the files has been removed by the retention."
    return section(
        "changes",
        "Changes",
        element("p", f"{wording.plural(report.totals.files, 'file')}, ", _sum_of(report)),
        note(gone) if made.output_removed else None,
        table("Changed files", ("File", "Change", "Lines", "By"), map(_file_row, made.files)),
        left_out(made.files_left_out, "file", "the workspace has them"),
        *map(_patch, made.patches),
        left_out(made.patches_left_out, "change", "the output files of the steps have them"),
    )


def _sum_of(report: RunReport) -> str:
    changed = wording.lines_changed(report.changes.added, report.changes.removed)
    return f"{changed} lines as far as is known."


def _file_row(file: ReportedFile) -> tuple[Part, ...]:
    lines = wording.lines_changed(file.added, file.removed)
    return element("code", file.path), file.kind.value, lines, ", ".join(file.steps)


def _patch(patch: ReportedPatch) -> Element:
    lines = f" {wording.lines_changed(patch.added, patch.removed)}"
    by = element("small", f" {patch.step} · attempt {patch.attempt} · ", instant(patch.at))
    return fold([element("code", patch.path), lines, by], _diff(patch))


def _diff(patch: ReportedPatch) -> Element:
    lines = patch.diff.text.split("\n")
    return element(
        "div",
        element("pre", *(_diff_line(line) for line in lines), class_="diff"),
        left_out(patch.diff.left_out, "character", "the output file of the step has them"),
    )


_DIFF_LINES = {"+": "added", "-": "removed", "@": "place"}


def _diff_line(line: str) -> Element:
    return element("span", line + "\n", class_=_DIFF_LINES.get(line[:1]))


def questions(report: RunReport) -> Element | None:
    """Return what was asked of a person and what they said, open questions first."""
    if not report.questions:
        return None
    order = sorted(report.questions, key=lambda each: each.state is not QuestionState.OPEN)
    return section("questions", "Questions", *map(_question, order))


def _question(question: ReportedQuestion) -> Element:
    return element(
        "article",
        element("h3", state_sign(question.state), f" {question.title}"),
        element("p", question.reason) if question.reason else None,
        prose(question.details),
        facts(
            [
                ("Kind", question.kind.value),
                ("Step", question.step),
                ("Where", element("code", question.place) if question.place else None),
                ("Choices", ", ".join(map(wording.word, question.choices))),
                ("Asked", instant(question.asked_at)),
                ("Answer", element("strong", question.answer) if question.answer else None),
                ("Comment", question.comment),
                ("By", question.answered_by),
                ("Answered", instant(question.answered_at) if question.answered_at else None),
            ],
            "facts small",
        ),
        class_="question",
    )


def jobs(report: RunReport) -> Element | None:
    """Return the codex turns and commands, those that went wrong unfolded."""
    if not report.jobs:
        return None
    return section("jobs", "Jobs", *map(_job, report.jobs))


def _job(job: ReportedJob) -> Element:
    ended = "" if job.exit_code is None else f" · exit code {job.exit_code}"
    said = f" {wording.duration(job.duration)}{ended}"
    bad = job.state in FINAL_JOBS - {JobState.COMPLETED, JobState.CANCELLED}
    return fold(
        [state_sign(job.state), " ", element("strong", job.name), element("small", said)],
        element("p", job.failure, class_="message") if job.failure else None,
        prose(job.command, "Prompt" if job.is_turn else "Command"),
        prose(job.message, "Answer" if job.is_turn else "Outcome"),
        facts(_job_facts(job), "facts small"),
        opened=bad,
    )


def _job_facts(job: ReportedJob) -> Iterator[tuple[str, Part]]:
    yield "Id", element("code", job.id)
    yield "Type", wording.word(job.type)
    yield "Step", f"{job.step}, attempt {job.attempt}" if job.step else None
    yield "Model", job.model
    yield "Conversation", element("code", job.thread_id) if job.thread_id else None
    yield "Created", instant(job.created_at)
    yield "Started", instant(job.started_at) if job.started_at else None
    yield "Ended", instant(job.ended_at) if job.ended_at else None
    yield "Tokens", wording.tokens(job.usage) if job.usage.total else None
    yield "CPU", wording.duration(job.cpu_seconds) if job.cpu_seconds is not None else None
    yield "Peak memory", wording.size(job.peak_memory) if job.peak_memory is not None else None


def environment(report: RunReport) -> Element:
    """Return what the run was started with and where it took place."""
    return section("environment", "Environment", facts(circumstances(report)))


def circumstances(report: RunReport) -> Iterator[tuple[str, str]]:
    """Yield where and how a run took place, by name."""
    run = report.run
    yield "Run", run.id
    yield "Project", f"{run.project_name} ({run.project_id})"
    yield "Workspace", run.workspace
    yield "Workflow", run.workflow
    yield "Mode", run.mode.value
    yield "Trigger", run.trigger.value
    if run.task is not None:
        yield "Task", f"{run.task.name} ({run.task.id})"
        yield from ((f"Variable {name}", value) for name, value in run.task.variables)
        yield from (("Warning", text) for text in run.task.warnings)
        yield "Due", wording.moment(run.task.due_at) if run.task.due_at else ""
    yield "Began anew from", run.parent_run_id or ""
    yield "Began anew as", ", ".join(run.restarts)
    yield "Report made", wording.moment(report.generated_at)
    yield "Report made by", report.generator
