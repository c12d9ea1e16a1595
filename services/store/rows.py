"""Rows of `statements` to view models."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from foredeck.services.domain.errors import StoreError
from foredeck.services.domain.questions import Question, QuestionKind
from foredeck.services.domain.records import (
    Mode,
    ProjectSettings,
    Role,
    StepKind,
    TokenUsage,
    Trigger,
)
from foredeck.services.domain.states import QuestionState, RunState, StepState
from foredeck.services.domain.views import (
    AttemptRow,
    HistoryEntry,
    ProjectRow,
    QuestionRow,
    RunRow,
    StepRow,
    TranscriptEntry,
)
from foredeck.services.store.codecs import (
    SETTINGS,
    to_failure,
    to_moment,
    to_names,
    to_optional_moment,
    to_path,
    to_verdict,
)

V = TypeVar("V")
RUN_WIDTH = 17
_LOW_HALF = 0xFFFF_FFFF

# A dictionary finds a member in a fifth of the time that calling the enumeration takes.
_RUN_STATES = {state.value: state for state in RunState}
_TRIGGERS = {trigger.value: trigger for trigger in Trigger}
_MODES = {mode.value: mode for mode in Mode}


def each(view: Callable[[Any], V], rows: Iterable[Any]) -> tuple[V, ...]:
    """Return the view models of rows; raises `StoreError` for one that makes no sense."""
    try:
        return tuple(view(row) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"Something stored cannot be understood: {error}.",
            "The database was changed by something else; restore a backup.",
        ) from error


def project_row(row: Any) -> ProjectRow:
    """Read `statements.PROJECT`."""
    return ProjectRow(
        id=row[0],
        name=row[1],
        description=row[2],
        workspace=to_path(row[3]),
        archived=bool(row[4]),
        runs=row[5],
        active_runs=row[6],
        created_at=to_moment(row[7]),
        last_run_at=to_optional_moment(row[8]),
        usage=TokenUsage(*row[9:13]),
    )


def project_settings(row: Any) -> ProjectSettings:
    """Read `statements.PROJECT_SETTINGS`."""
    return SETTINGS.decode(row[0])  # type: ignore[no-any-return]


def run_row(row: Any) -> RunRow:
    """Read the first `RUN_WIDTH` columns of `statements.RUN`, which a page has too."""
    return RunRow(
        id=row[0],
        project_id=row[1],
        project_name=row[2],
        title=row[3],
        state=_RUN_STATES[row[4]],
        trigger=_TRIGGERS[row[5]],
        mode=_MODES[row[6]],
        current_stage=row[7],
        done=row[8] & _LOW_HALF,
        total=row[8] >> 32,
        usage=TokenUsage(*row[9:13]),
        created_at=to_moment(row[13]),
        started_at=to_optional_moment(row[14]),
        ended_at=to_optional_moment(row[15]),
        questions=row[16],
    )


def step_row(row: Any) -> StepRow:
    """Read `statements.STEPS`."""
    return StepRow(
        id=row[0],
        key=row[1],
        title=row[2],
        kind=StepKind(row[3]),
        state=StepState(row[4]),
        needs=to_names(row[5]),
        critical=bool(row[6]),
        attempt=row[7],
        max_attempts=row[8],
        reason=row[9],
        failure=to_failure(row[10]),
        summary=row[11],
        verdict=to_verdict(row[12]),
        usage=TokenUsage(*row[13:17]),
        output_path=None if row[17] is None else to_path(row[17]),
        started_at=to_optional_moment(row[18]),
        ended_at=to_optional_moment(row[19]),
        retry_at=to_optional_moment(row[20]),
        over_budget=bool(row[21]),
    )


def attempt_row(row: Any) -> AttemptRow:
    """Read `statements.ATTEMPTS`."""
    return AttemptRow(
        step_key=row[0],
        number=row[1],
        state=StepState(row[2]),
        started_at=to_moment(row[3]),
        ended_at=to_optional_moment(row[4]),
        failure=to_failure(row[5]),
        output_path=to_path(row[6]),
        usage=TokenUsage(*row[7:11]),
    )


def transcript_entry(row: Any) -> TranscriptEntry:
    """Read `statements.TRANSCRIPT`."""
    return TranscriptEntry(
        id=row[0],
        step_key=row[1],
        attempt=row[2],
        role=Role(row[3]),
        content=row[4],
        at=to_moment(row[5]),
        model=row[6],
        usage=TokenUsage(*row[7:11]),
        tool=row[11],
        arguments=row[12],
        duration=row[13],
        complete=bool(row[14]),
    )


def question_row(row: Any) -> QuestionRow:
    """Read `statements.questions`."""
    question = Question(
        id=row[0],
        key=row[1],
        kind=QuestionKind(row[2]),
        title=row[3],
        asked_at=to_moment(row[4]),
        state=QuestionState(row[5]),
        run_id=row[6],
        step_id=row[7],
        attempt=row[8],
        job_id=row[9],
        place=to_path(row[10]),
        reason=row[11],
        details=row[12],
        choices=to_names(row[13]),
        answer=row[14],
        comment=row[15],
        answered_by=row[16],
        answered_at=to_optional_moment(row[17]),
    )
    return QuestionRow(question, *(words or "" for words in row[18:21]))


def history_entry(row: Any) -> HistoryEntry:
    """Read `statements.HISTORY`."""
    return HistoryEntry(to_moment(row[0]), *row[1:])
