"""What a report about a run is made from: everything stored of the run, in bounded reads.

Whatever may be long (messages, prompts, details) comes as its length, its beginning and its end,
so that no single text decides how much memory a report takes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from foredeck.services.domain.questions import QuestionKind
from foredeck.services.domain.records import (
    Attempt,
    EntityKind,
    Failure,
    FileChange,
    Role,
    Run,
    Step,
    TokenUsage,
)
from foredeck.services.domain.states import JobState, QuestionState
from foredeck.services.domain.tasks import Execution
from foredeck.services.store import mapping, rows, statements
from foredeck.services.store.codecs import (
    CHANGES,
    to_failure,
    to_moment,
    to_names,
    to_optional_moment,
    to_path,
)
from foredeck.services.store.engine import Link
from foredeck.services.store.finding import by_beginning

BLOCK = 500
"""Messages of one read."""

# Characters beyond a limit that are read all the same, so many at most and at least: a secret
# that lies across the cut is known as one only when the whole of it is there.
_MARGIN, _LEAST_MARGIN = 2_000, 500
# More than this nobody reads of a run's jobs and questions; the latest ones are kept.
_JOBS = 5_000
_QUESTIONS = 2_000


class Long(NamedTuple):
    """A long text: how many characters it has, its beginning, and its end if it was cut."""

    length: int
    head: str
    tail: str


def _long(column: str, limit: int) -> str:
    """Return the three columns of a `Long` of which `limit` characters will be shown."""
    margin = min(_MARGIN, max(limit, _LEAST_MARGIN))
    whole, half = limit + 2 * margin, limit // 2 + margin
    return f"""
        length({column}),
        CASE WHEN length({column}) <= {whole} THEN {column} ELSE substr({column}, 1, {half}) END,
        CASE WHEN length({column}) <= {whole} THEN '' ELSE substr({column}, -{half}) END
    """


class MessageRow(NamedTuple):
    """A message or a tool call of the run."""

    seq: int
    step: str
    attempt: int
    role: Role
    at: datetime
    model: str
    usage: TokenUsage
    tool: str
    duration: float | None
    complete: bool
    arguments: Long
    content: Long


class JobMaterial(NamedTuple):
    """A job of the run, with what it changed in the workspace."""

    id: str
    name: str
    type: str
    step: str
    attempt: int
    state: JobState
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    exit_code: int | None
    model: str
    thread_id: str | None
    cpu_seconds: float | None
    peak_memory: int | None
    files: tuple[FileChange, ...]
    failure: Failure | None
    usage: TokenUsage
    prompt: Long
    message: Long


class QuestionMaterial(NamedTuple):
    """A question of the run, however it stands."""

    step: str
    kind: QuestionKind
    state: QuestionState
    title: str
    asked_at: datetime
    place: str
    reason: str
    choices: tuple[str, ...]
    answer: str
    comment: str
    answered_by: str
    answered_at: datetime | None
    details: Long


class TransitionRow(NamedTuple):
    """A change of a state."""

    at: datetime
    kind: EntityKind
    subject: str
    old: str
    new: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of a run there is, what is not read included."""

    messages: int
    tool_calls: int
    transitions: int


@dataclass(frozen=True, slots=True)
class Material:
    """All but the messages, which `messages` reads in blocks."""

    run: Run
    project_name: str
    workspace: str
    output_removed: bool
    restarts: tuple[str, ...]
    execution: Execution | None
    task_name: str
    counts: Counts
    steps: tuple[Step, ...]
    attempts: tuple[Attempt, ...]
    jobs: tuple[JobMaterial, ...]
    questions: tuple[QuestionMaterial, ...]
    transitions: tuple[TransitionRow, ...]
    usage_by_model: tuple[tuple[str, TokenUsage], ...]


_PROJECT = """
    SELECT p.name, p.workspace, r.output_removed_at IS NOT NULL
    FROM run r CROSS JOIN project p ON p.id = r.project_id WHERE r.id = ?
"""
_COUNTS = """
    SELECT count(*) - count(CASE WHEN role = 'tool' THEN 1 END),
        count(CASE WHEN role = 'tool' THEN 1 END),
        (SELECT count(*) FROM "transition" t WHERE t.run_id = ?1)
    FROM message WHERE run_id = ?1
"""
_TRANSITIONS = """
    SELECT t.at, t.entity, coalesce(s.key, j.name, t.entity), t.old, t.new, t.actor, t.reason
    FROM "transition" t
    LEFT JOIN step s ON t.entity = 'step' AND s.id = t.entity_id
    LEFT JOIN job j ON t.entity = 'job' AND j.id = t.entity_id
    WHERE t.run_id = ? ORDER BY t.id DESC LIMIT ?
"""
_JOB_LIMIT, _DETAILS_LIMIT, _ARGUMENTS_LIMIT = 2_000, 4_000, 4_000
_RUN_JOBS = f"""
    SELECT j.id, j.name, j.type, coalesce(s.key, ''), j.attempt, j.state, j.created_at,
        j.started_at, j.ended_at, j.exit_code, j.model, j.thread_id, j.cpu_seconds,
        j.peak_memory, j.files_changed, j.failure,
        j.usage_input, j.usage_cached_input, j.usage_output, j.usage_reasoning,
        {_long("j.prompt", _JOB_LIMIT)}, {_long("j.message", _JOB_LIMIT)}
    FROM job j LEFT JOIN step s ON s.id = j.step_id
    WHERE j.run_id = ? ORDER BY j.created_at DESC, j.id DESC LIMIT {_JOBS}
"""  # noqa: S608
_RUN_QUESTIONS = f"""
    SELECT coalesce(s.key, ''), q.kind, q.state, q.title, q.asked_at, q.place, q.reason,
        q.choices, q.answer, q.comment, q.answered_by, q.answered_at,
        {_long("q.details", _DETAILS_LIMIT)}
    FROM question q LEFT JOIN step s ON s.id = q.step_id
    WHERE q.run_id = ? ORDER BY q.asked_at DESC, q.id DESC LIMIT {_QUESTIONS}
"""  # noqa: S608


def _messages_sql(limit: int) -> str:
    return f"""
        SELECT m.seq, s.key, m.attempt, m.role, m.at, m.model,
            m.usage_input, m.usage_cached_input, m.usage_output, m.usage_reasoning,
            m.tool, m.duration, m.complete,
            {_long("m.arguments", min(limit, _ARGUMENTS_LIMIT))}, {_long("m.content", limit)}
        FROM message m CROSS JOIN step s ON s.id = m.step_id
        WHERE m.run_id = ? AND m.seq < ? ORDER BY m.seq DESC LIMIT {BLOCK}
    """  # noqa: S608


async def material(link: Link, ref: str, transitions: int) -> Material:
    """Return what is stored of a run, at most so many `transitions`, the latest ones.

    Raises `NotFound` and `Ambiguous`.
    """
    run_id = await by_beginning(link, "run", ref)
    run = mapping.RUNS.to_record((await link.rows(mapping.RUNS.selecting, (run_id,)))[0])
    name, workspace, removed = (await link.rows(_PROJECT, (run_id,)))[0]
    restarts = await link.rows(statements.RESTARTS, (run_id,))
    execution, task_name = await _execution(link, run_id)
    counts = Counts(*(await link.rows(_COUNTS, (run_id,)))[0])
    history = await link.rows(_TRANSITIONS, (run_id, transitions))
    jobs = await link.rows(_RUN_JOBS, (run_id,))
    questions = await link.rows(_RUN_QUESTIONS, (run_id,))
    usages = await link.rows(statements.MODEL_USAGE, (run_id,))
    return Material(
        run=run,
        project_name=name,
        workspace=to_path(workspace),
        output_removed=bool(removed),
        restarts=tuple(row[0] for row in restarts),
        execution=execution,
        task_name=task_name,
        counts=counts,
        steps=await _steps(link, run_id),
        attempts=await _attempts(link, run_id),
        jobs=rows.each(_job, reversed(jobs)),
        questions=rows.each(_question, reversed(questions)),
        transitions=rows.each(_transition, reversed(history)),
        usage_by_model=tuple((row[0], TokenUsage(*row[1:])) for row in usages),
    )


async def messages(
    link: Link, run_id: str, limit: Callable[[], int]
) -> AsyncIterator[tuple[MessageRow, ...]]:
    """Yield the messages of a run in blocks, the latest first.

    `limit` says before each block how many characters of each message will be shown, 0 for no
    more of them.
    """
    before = 2**63 - 1
    while wanted := limit():
        found = await link.rows(_messages_sql(wanted), (run_id, before))
        if not found:
            return
        yield rows.each(_message, found)
        before = found[-1][0]


async def _execution(link: Link, run_id: str) -> tuple[Execution | None, str]:
    found = await link.rows(mapping.EXECUTIONS.selecting, (run_id,))
    if not found:
        return None, ""
    execution = mapping.EXECUTIONS.to_record(found[0])
    name = await link.rows("SELECT name FROM task WHERE id = ?", (execution.task_id,))
    return execution, str(name[0][0])


async def _steps(link: Link, run_id: str) -> tuple[Step, ...]:
    sql = f"{mapping.STEPS.selecting_all} WHERE run_id = ? ORDER BY position, key"
    return tuple(map(mapping.STEPS.to_record, await link.rows(sql, (run_id,))))


async def _attempts(link: Link, run_id: str) -> tuple[Attempt, ...]:
    sql = f"{mapping.ATTEMPTS.selecting_all} WHERE run_id = ? ORDER BY step_id, number"
    return tuple(map(mapping.ATTEMPTS.to_record, await link.rows(sql, (run_id,))))


def _message(row: Any) -> MessageRow:
    return MessageRow(
        seq=row[0],
        step=row[1],
        attempt=row[2],
        role=Role(row[3]),
        at=to_moment(row[4]),
        model=row[5],
        usage=TokenUsage(*row[6:10]),
        tool=row[10],
        duration=row[11],
        complete=bool(row[12]),
        arguments=Long(*row[13:16]),
        content=Long(*row[16:19]),
    )


def _job(row: Any) -> JobMaterial:
    return JobMaterial(
        id=row[0],
        name=row[1],
        type=row[2],
        step=row[3],
        attempt=row[4],
        state=JobState(row[5]),
        created_at=to_moment(row[6]),
        started_at=to_optional_moment(row[7]),
        ended_at=to_optional_moment(row[8]),
        exit_code=row[9],
        model=row[10],
        thread_id=row[11],
        cpu_seconds=row[12],
        peak_memory=row[13],
        files=CHANGES.decode(row[14]),
        failure=to_failure(row[15]),
        usage=TokenUsage(*row[16:20]),
        prompt=Long(*row[20:23]),
        message=Long(*row[23:26]),
    )


def _question(row: Any) -> QuestionMaterial:
    return QuestionMaterial(
        step=row[0],
        kind=QuestionKind(row[1]),
        state=QuestionState(row[2]),
        title=row[3],
        asked_at=to_moment(row[4]),
        place=to_path(row[5]),
        reason=row[6],
        choices=to_names(row[7]),
        answer=row[8],
        comment=row[9],
        answered_by=row[10],
        answered_at=to_optional_moment(row[11]),
        details=Long(*row[12:15]),
    )


def _transition(row: Any) -> TransitionRow:
    return TransitionRow(to_moment(row[0]), EntityKind(row[1]), *row[2:])
