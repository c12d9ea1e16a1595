"""Questions that need no answer any more."""

from __future__ import annotations

from collections.abc import Iterable

from foredeck.services.domain import clock
from foredeck.services.domain.questions import Question
from foredeck.services.domain.states import QuestionState
from foredeck.services.store.store import Transaction

ENDED = "What asked has ended"


async def withdraw(tx: Transaction, questions: Iterable[Question], reason: str = ENDED) -> None:
    """Store that nobody need answer these questions, and why."""
    for question in questions:
        await tx.move_question(
            question.id, QuestionState.WITHDRAWN, reason=reason, answered_at=clock.now()
        )
