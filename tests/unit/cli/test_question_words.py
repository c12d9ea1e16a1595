"""How a question reads on a terminal, and which answers are understood."""

import pytest

from foredeck.app.cli.attending import how_to_answer
from foredeck.app.cli.question_words import ask_words, leave_of, question_answer
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.questions import Leave, Question, QuestionKind
from foredeck.services.domain.views import QuestionRow
from tests.support.records import MOMENT


def question(kind: QuestionKind = QuestionKind.APPROVAL, **fields: object) -> QuestionRow:
    given = {"title": "run make", "reason": "to build", "place": "/w", "choices": tuple(Leave)}
    record = Question(id="q1", key="k", kind=kind, asked_at=MOMENT, **{**given, **fields})  # type: ignore[arg-type]
    return QuestionRow(record, "builder", "Builder", "A run")


@pytest.mark.parametrize(
    ("typed", "leave"),
    [
        ("o", Leave.ONCE),
        ("Once", Leave.ONCE),
        (" s ", Leave.SESSION),
        ("deny", Leave.DENY),
        ("x", Leave.STOP),
        ("deny and stop", Leave.STOP),
        ("deny-and-stop", Leave.STOP),
        ("deny_and_stop", Leave.STOP),
    ],
)
def test_leave_in_a_letter_or_a_word(typed: str, leave: Leave) -> None:
    assert leave_of(typed) == (leave, "")


def test_words_behind_the_letter_are_a_comment() -> None:
    assert leave_of("d  use make instead ") == (Leave.DENY, "use make instead")


@pytest.mark.parametrize("typed", ["", "y", "yes", "onc", "accept"])
def test_anything_else_is_no_leave(typed: str) -> None:
    with pytest.raises(InvalidInput, match="is no answer here"):
        leave_of(typed)


def test_leave_says_what_where_and_why() -> None:
    assert ask_words(question(details="run make")).splitlines() == [
        "? Builder asks for leave to run make",
        "  in /w",
        "  because to build",
        "  Type o (once), s (session), d (deny), x (deny and stop); "
        "codex hears the words behind it.",
        "  Ctrl-D leaves it open.",
    ]


def test_a_long_patch_is_cut_and_says_where_the_rest_is() -> None:
    text = ask_words(question(details="\n".join(map(str, range(100)))))
    assert "  29\n  … 70 more lines: foredeck runs questions\n" in text


def test_choices_are_numbered_and_not_all_leave_is_offered() -> None:
    asked = question(QuestionKind.QUESTION, title="Which?", choices=("red", "blue"))
    assert "  2  blue\n  Type a number, or your own words.\n" in ask_words(asked)
    plain = question(QuestionKind.QUESTION, title="Which?", choices=())
    assert "Type your answer.\n" in ask_words(plain)
    once = question(choices=(Leave.ONCE, Leave.DENY))
    assert "Type o (once), d (deny);" in ask_words(once)


def test_how_to_answer() -> None:
    assert how_to_answer(question(run_id="7s24").question) == "foredeck runs approve 7s24"
    words = question(QuestionKind.QUESTION, run_id="7s24").question
    assert how_to_answer(words) == 'foredeck runs answer 7s24 "TEXT"'
    assert how_to_answer(question().question) == "foredeck runs approve --question q1"


def test_as_json_it_is_one_flat_object() -> None:
    answer = question_answer(question(run_id="7s24"))
    assert (answer["id"], answer["run_id"], answer["step"]) == ("q1", "7s24", "builder")
    assert not any(isinstance(value, dict) for value in answer.values())
