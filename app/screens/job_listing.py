"""Which jobs are listed, and in which order: pure, and the clock is the caller's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import TypeVar

from foredeck.services.domain.job_views import JobRow
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.widgets.formats import elapsed
from foredeck.widgets.job_cells import job_title, job_type
from foredeck.widgets.state_style import look_of

E = TypeVar("E", bound=Enum)

_BADLY = frozenset({JobState.FAILED, JobState.TIMEOUT, JobState.LOST})


class Shown(Enum):
    """Which jobs are listed; the value says so in the title."""

    ALL = ""
    OPEN = "not ended"
    BADLY = "failed, timeout, lost"
    ENDED = "ended"

    def includes(self, state: JobState) -> bool:
        """Whether jobs in that state are listed."""
        if self is Shown.OPEN:
            return state not in FINAL_JOBS
        if self is Shown.ENDED:
            return state in FINAL_JOBS
        return self is Shown.ALL or state in _BADLY


class Order(Enum):
    """In which order jobs are listed; the value says so in the title."""

    TURN = "by turn"
    NEWEST = "newest first"
    LONGEST = "longest first"


def following(one: E) -> E:
    """Return the choice after this one; after the last comes the first."""
    choices = list(type(one))
    return choices[(choices.index(one) + 1) % len(choices)]


def arrange(
    rows: Iterable[JobRow], text: str, shown: Shown, order: Order, now: datetime
) -> tuple[JobRow, ...]:
    """Return those to list; each word of `text` has to be in a job's name, state, project or type.

    The rows come as their turn does.
    """
    words = text.casefold().split()
    kept = [row for row in rows if shown.includes(row.state) and _has(row, words)]
    if order is Order.NEWEST:
        kept.sort(key=lambda row: (row.created_at, row.id), reverse=True)
    if order is Order.LONGEST:
        kept.sort(key=lambda row: -(elapsed(row.started_at, row.ended_at, now) or -1.0))
    return tuple(kept)


def _has(row: JobRow, words: list[str]) -> bool:
    if not words:
        return True
    parts = (
        *(job_title(row), look_of(row.state).word, row.state.value, row.project_name),
        *(job_type(row), row.type, row.id),
    )
    text = "\n".join(parts).casefold()
    return all(word in text for word in words)
