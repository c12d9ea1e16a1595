"""Reports to write in a format: one in which every field has a value, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

from foredeck.services.domain.questions import QuestionKind
from foredeck.services.domain.records import (
    ChangeKind,
    EntityKind,
    FailureClass,
    Mode,
    Requirement,
    Role,
    SkipCause,
    StepKind,
    TokenUsage,
    Trigger,
    Verdict,
)
from foredeck.services.domain.report_model import (
    Changes,
    Excerpt,
    ModelTotal,
    ReportedAttempt,
    ReportedFailure,
    ReportedFile,
    ReportedJob,
    ReportedMessage,
    ReportedPatch,
    ReportedQuestion,
    ReportedRun,
    ReportedStep,
    ReportedTask,
    ReportedTransition,
    RunReport,
    Totals,
)
from foredeck.services.domain.states import JobState, QuestionState, RunState, StepState

T = TypeVar("T")

BEGIN = datetime(2026, 3, 1, 14, 3, 9, tzinfo=UTC)
USAGE = TokenUsage(123_456, 100_000, 7_890, 1_200)
VERDICT = Verdict(
    "NEEDS_WORK",
    (
        Requirement("R1", "pass", "tests/test_split.py::test_even"),
        Requirement("R2", "fail", "Nobody to split among is not handled."),
    ),
    tests_passed=11,
    tests_failed=2,
    tests_skipped=1,
    security=("No input is validated.",),
    blocking=("R2 is not met.",),
    recommendations=("Add a property test.",),
    deployment_checklist=("Tag a release.",),
    items=("Handle an empty list of people.",),
)


def at(seconds: float) -> datetime:
    """Return so many seconds after the run has begun."""
    return BEGIN + timedelta(seconds=seconds)


def attempt(number: int, state: StepState, begin: float, end: float | None) -> ReportedAttempt:
    failed = state is StepState.FAILED
    return ReportedAttempt(
        number=number,
        state=state,
        started_at=at(begin),
        ended_at=None if end is None else at(end),
        duration=None if end is None else end - begin,
        usage=USAGE,
        failure_class=FailureClass.COMMAND if failed else None,
        failure="The command ended with exit code 1." if failed else "",
    )


def step(key: str, *needs: str, attempts: tuple[ReportedAttempt, ...], **more: Any) -> ReportedStep:
    """Return a step that stands as the last of its attempts does."""
    last = attempts[-1]
    given: dict[str, Any] = {
        "key": key,
        "title": key.capitalize(),
        "kind": StepKind.AGENT,
        "state": last.state,
        "needs": needs,
        "critical": True,
        "round": 1,
        "attempt": last.number,
        "max_attempts": 4,
        "retries": len(attempts) - 1,
        "usage": USAGE,
        "started_at": attempts[0].started_at,
        "ended_at": last.ended_at,
        "duration": last.duration,
        "attempts": attempts,
    }
    return ReportedStep(**given | more)


PLANNER = step(
    "planner",
    attempts=(attempt(1, StepState.SUCCESS, 0, 41),),
    summary=Excerpt("Three steps.\nNothing is unclear."),
)
BUILDER = step(
    "builder",
    "planner",
    attempts=(attempt(1, StepState.FAILED, 41, 80), attempt(2, StepState.SUCCESS, 90, 200)),
)
TYPES = step(
    "types",
    "builder",
    attempts=(attempt(1, StepState.FAILED, 200, 207), attempt(2, StepState.FAILED, 208, 219)),
    kind=StepKind.COMMAND,
    reason="It has failed too often.",
    skip_cause=SkipCause.NEED,
    retry_at=at(300),
    verdict=VERDICT,
)

RUN = ReportedRun(
    id="1vf0myky858f",
    title="Split a bill",
    request=Excerpt("Write a program that splits a bill.\nIt must handle tips."),
    project_id="5drj7eao11aa",
    project_name="fairshare",
    workspace="/home/ann/src/fairshare",
    workflow="four-agents",
    trigger=Trigger.SCHEDULE,
    mode=Mode.AGENT,
    state=RunState.FAILED,
    created_at=at(-2),
    started_at=at(0),
    ended_at=at(401),
    paused_at=at(100),
    duration=401.0,
    current_stage="types",
    summary=Excerpt("The program splits a bill; the type check fails."),
    error=Excerpt("The step types failed."),
    parent_run_id="aaaa0myky858",
    restarts=("bbbb0myky858",),
    task=ReportedTask("tttt0myky858", "nightly", (("who", "ann"),), ("An extra one.",), at(-3)),
)

FAILURES = (
    ReportedFailure(
        "types", "Types", 1, FailureClass.COMMAND, "The command ended with exit code 1.",
        "Read the end of its output.", Excerpt("split.py:12: error: no return\nFound 1 error"),
        at(219), at(300), critical=False,
    ),
    ReportedFailure(
        "builder", "Builder", 1, FailureClass.NETWORK, "The model could not be reached.",
        at=at(80), overcome=True,
    ),
)  # fmt: skip

TRANSCRIPT = (
    ReportedMessage("planner", 1, Role.USER, at(1), Excerpt("Split a bill.")),
    ReportedMessage(
        "planner", 1, Role.TOOL, at(2), Excerpt("def split(): ..."), tool="read_file",
        arguments=Excerpt('{"path": "split.py"}'), duration=0.4,
    ),
    ReportedMessage(
        "planner", 1, Role.ASSISTANT, at(3), Excerpt("I have read it."), "gpt-5.5", USAGE,
        duration=12.0, complete=False,
    ),
)  # fmt: skip

CHANGES = Changes(
    files=(ReportedFile("split.py", ChangeKind.MODIFIED, ("builder",), 2, 1),),
    files_left_out=3,
    patches=(
        ReportedPatch(
            "split.py", "builder", 2, at(99), Excerpt("@@ -1 +1,2 @@\n-old\n+new\n+newer"), 2, 1
        ),
    ),
    patches_left_out=1,
    added=2,
    removed=1,
    output_removed=True,
)

QUESTIONS = (
    ReportedQuestion(
        "builder", QuestionKind.APPROVAL, QuestionState.ANSWERED, "May codex run pip?", at(99),
        "/home/ann", "It needs the network.", Excerpt("pip install x"), ("once", "deny"), "once",
        "fine", "ann", at(120),
    ),
    ReportedQuestion("types", QuestionKind.GATE, QuestionState.OPEN, "Release it?", at(400)),
)  # fmt: skip

JOBS = (
    ReportedJob(
        "job1", "write", "codex", "builder", 2, JobState.COMPLETED, Excerpt("Write it."), at(90),
        at(91), at(130), 39.0, None, USAGE, Excerpt("Done."), "", "gpt-5.5-codex", "thread-1",
    ),
    ReportedJob(
        "job2", "mypy", "shell_command", "types", 1, JobState.FAILED, Excerpt("mypy ."), at(200),
        at(201), at(219), 18.0, 1, TokenUsage(), Excerpt("1 error"), "It ended with exit code 1.",
        cpu_seconds=12.5, peak_memory=123_456_789,
    ),
)  # fmt: skip

REPORT = RunReport(
    schema_version=1,
    generated_at=at(500),
    generator="Foredeck 0.1.0",
    title="Split a bill fairly",
    run=RUN,
    totals=Totals(
        31, 9, 4, 3, 3, 2, 1, 2, 4, USAGE + USAGE, 0.1234,
        (ModelTotal("gpt-5.5", USAGE, 0.1), ModelTotal("", USAGE, None)),
    ),
    rehearsal=True,
    failures=FAILURES,
    verdict=VERDICT,
    verdict_step="types",
    steps=(PLANNER, BUILDER, TYPES),
    timeline=(
        ReportedTransition(at(0), EntityKind.RUN, "run", "", "running", "ann"),
        ReportedTransition(at(1), EntityKind.STEP, "planner", "pending", "running", "host", "now"),
    ),
    timeline_left_out=2,
    transcript=TRANSCRIPT,
    transcript_left_out=1,
    changes=CHANGES,
    questions=QUESTIONS,
    jobs=JOBS,
)  # fmt: skip
"""A failed run of a task, with everything that a report can say."""

EMPTY = RunReport(
    schema_version=1,
    generated_at=at(0),
    generator="Foredeck 0.1.0",
    title="Split a bill",
    run=ReportedRun(
        "1vf0myky858f", "Split a bill", Excerpt("Split it."), "5drj7eao11aa", "fairshare", "/w",
        "codex", Trigger.MANUAL, Mode.DIRECT, RunState.CREATED, at(-1),
    ),
    totals=Totals(0, 0, 0, 0, 0, 0, 0, 0, 0, TokenUsage()),
)  # fmt: skip
"""A run that was created and nothing else."""


def texts_of(value: Any) -> list[str]:
    """Return every text in a report, in the order of the fields."""
    found: list[str] = []

    def keep(text: str) -> str:
        found.append(text)
        return text

    _mapped(value, keep)
    return found


def filled(report: T, text: str) -> T:
    """Return a report in which every text that is not empty is `text`."""
    filled_: T = _mapped(report, lambda old: text if old else old)
    return filled_


def with_text(report: T, number: int, text: str) -> T:
    """Return a report in which the text of that number in `texts_of` is `text`."""
    count = -1

    def change(old: str) -> str:
        nonlocal count
        count += 1
        return text if count == number else old

    changed: T = _mapped(report, change)
    return changed


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_mapped(each, change) for each in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    parts = {part.name: _mapped(getattr(value, part.name), change) for part in fields(value)}
    return replace(value, **parts)
