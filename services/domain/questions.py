"""What is asked of a person: an agent's question, codex's wish to do more, or a gate's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from foredeck.services.domain.states import QuestionState


class QuestionKind(StrEnum):
    """What kind of answer is wanted: leave to do something, words, or a yes or no at a gate."""

    APPROVAL = "approval"
    QUESTION = "question"
    GATE = "gate"


class Leave(StrEnum):
    """What a person answers to an approval."""

    ONCE = "once"
    SESSION = "session"
    DENY = "deny"
    STOP = "deny_and_stop"


class GateAnswer(StrEnum):
    """What a person answers at a gate."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a step's attempt, or of a job outside any run.

    `key` names what asked within the attempt: an agent's tool call, or codex's thread and
    item. `title` says what is asked, `place` where it would happen, `reason` why, `details`
    are the whole command or the files with their diff. The `choices` of an approval are
    `Leave`s, those of a gate `GateAnswer`s; a question without choices wants words. All texts are
    as they came.
    """

    id: str
    key: str
    kind: QuestionKind
    title: str
    asked_at: datetime
    state: QuestionState = QuestionState.OPEN
    run_id: str | None = None
    step_id: str | None = None
    attempt: int = 1
    job_id: str | None = None
    place: str = ""
    reason: str = ""
    details: str = ""
    choices: tuple[str, ...] = ()
    answer: str = ""
    comment: str = ""
    answered_by: str = ""
    answered_at: datetime | None = None
