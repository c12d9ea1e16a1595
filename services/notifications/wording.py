"""What a notification says (pure)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from foredeck.services.domain.notices import Cause, NotificationRow
from foredeck.services.domain.records import Run
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import RunState

TEST = "test"
"""The cause of what is sent only to see whether it arrives."""
_TITLE_LENGTH = 200
_NAME_LENGTH = 100
_TEXT_LENGTH = 500
_ENDINGS = {
    RunState.SUCCESS: "succeeded",
    RunState.PARTIAL_SUCCESS: "succeeded in part",
    RunState.FAILED: "failed",
}
_BAD = frozenset({RunState.FAILED, RunState.PARTIAL_SUCCESS})


@dataclass(frozen=True, slots=True)
class Telling:
    """What a channel tells. `id` is the same whenever it is told again.

    `run_id` is empty for a due time that failed, `task` for a run of no task.
    """

    id: str
    cause: str
    run_id: str
    project: str
    title: str
    text: str
    state: str
    task: str
    at: datetime


def cause_of(state: RunState, wanted: Collection[Cause]) -> Cause | None:
    """Return for which of the wanted causes the end of a run is told, None for none.

    What somebody cancelled is never told (SPEC T6: on finish, failure, waiting).
    """
    if state in _BAD and Cause.FAILURE in wanted:
        return Cause.FAILURE
    return Cause.FINISH if state in _ENDINGS and Cause.FINISH in wanted else None


def title_of(text: str) -> str:
    """Return the title of a run, or the name of a task, as one line."""
    return safe_line(text, limit=_TITLE_LENGTH)


def text_of_end(run: Run, state: RunState, project: str) -> str:
    """Return how a run ended, and why if it went wrong."""
    why = f": {_words(run.error)}" if run.error and state in _BAD else "."
    return f"{_name(project)}: {_ENDINGS[state]}{why}"


def text_of_due_time(project: str, due_at: datetime, why: str) -> str:
    """Return which due time of a task has failed, and why."""
    return f"{_name(project)}: was due at {due_at:%Y-%m-%d %H:%M} UTC. {_words(why)}"


def text_of_wait(project: str, what: str) -> str:
    """Return what a run waits for."""
    return f"{_name(project)}: waits for you: {_words(what or 'look at it')}"


# One by one: a carriage return in the one must not wipe out the other.
def _name(text: str) -> str:
    return safe_line(text, limit=_NAME_LENGTH)


def _words(text: str) -> str:
    return safe_line(text, limit=_TEXT_LENGTH)


def telling_of(row: NotificationRow) -> Telling:
    """Return what a channel tells of a notification."""
    return Telling(
        id=row.id,
        cause=row.cause.value,
        run_id=row.run_id,
        project=_name(row.project_name),
        title=title_of(row.title),
        text=safe_line(row.text),
        state=row.state.value,
        task=_name(row.task_name),
        at=row.at,
    )


def to_json(telling: Telling) -> dict[str, str]:
    """Return it as one flat JSON object; `at` is ISO 8601 in UTC."""
    return {
        "id": telling.id,
        "event": telling.cause,
        "run_id": telling.run_id,
        "project": telling.project,
        "title": telling.title,
        "text": telling.text,
        "state": telling.state,
        "task": telling.task,
        "at": telling.at.isoformat(),
    }


def to_environment(telling: Telling) -> Mapping[str, str]:
    """Return the variables that a command finds it in."""
    return {
        "FOREDECK_EVENT": telling.cause,
        "FOREDECK_NOTIFICATION_ID": telling.id,
        "FOREDECK_RUN_ID": telling.run_id,
        "FOREDECK_PROJECT": telling.project,
        "FOREDECK_TITLE": telling.title,
        "FOREDECK_STATE": telling.state,
        "FOREDECK_TASK": telling.task,
        "FOREDECK_TEXT": telling.text,
    }
