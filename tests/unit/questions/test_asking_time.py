"""The time in which a person was asked is counted once."""

from datetime import timedelta

from foredeck.services.domain.questions import Question, QuestionKind
from foredeck.services.questions.asking_time import asked_seconds
from tests.support.records import MOMENT


def open_from(begin: float, end: float | None) -> Question:
    return Question(
        id=str(begin),
        key=str(begin),
        kind=QuestionKind.APPROVAL,
        title="run make",
        asked_at=MOMENT + timedelta(seconds=begin),
        answered_at=None if end is None else MOMENT + timedelta(seconds=end),
    )


def test_questions_that_overlap_count_once_and_open_ones_until_now() -> None:
    now = MOMENT + timedelta(seconds=100)
    assert asked_seconds((), now) == 0
    assert asked_seconds([open_from(90, None)], now) == 10
    several = [open_from(50, 60), open_from(0, 10), open_from(5, 20), open_from(6, 7)]
    assert asked_seconds(several, now) == 30
