"""How long a person was asked: time that counts against no limit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from foredeck.services.domain.questions import Question


def asked_seconds(questions: Iterable[Question], now: datetime) -> float:
    """Return the seconds in which at least one of these questions was open, until `now`."""
    total, until = 0.0, datetime.min.replace(tzinfo=now.tzinfo)
    for question in sorted(questions, key=lambda question: question.asked_at):
        end = question.answered_at or now
        begin = max(question.asked_at, until)
        if end > begin:
            total += (end - begin).total_seconds()
            until = end
    return total
