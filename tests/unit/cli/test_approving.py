"""What `runs approve` means by its words, at a gate and for codex."""

from __future__ import annotations

import pytest

from foredeck.app.cli.attending import how_to_answer
from foredeck.app.cli.question_words import ask_words, gate_answer_of
from foredeck.app.cli.questions import approval
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.questions import GateAnswer, Leave, Question, QuestionKind
from foredeck.services.domain.views import QuestionRow
from foredeck.services.host.commands import AnswerQuestion
from tests.support.records import MOMENT

_CHOICES: dict[QuestionKind, tuple[str, ...]] = {
    QuestionKind.APPROVAL: tuple(Leave),
    QuestionKind.GATE: tuple(GateAnswer),
    QuestionKind.QUESTION: (),
}


def row(kind: QuestionKind, id_: str = "q1", details: str = "") -> QuestionRow:
    question = Question(
        id=id_,
        key="k",
        kind=kind,
        title="Ship it?",
        asked_at=MOMENT,
        run_id="run1",
        details=details,
        choices=_CHOICES[kind],
    )
    return QuestionRow(question, "sign-off", "Sign off", "A run")


@pytest.mark.parametrize(
    ("leave", "said"), [(None, "approve"), (Leave.ONCE, "approve"), (Leave.DENY, "reject")]
)
def test_at_a_gate_yes_approves_and_no_rejects(leave: str | None, said: str) -> None:
    command = approval((row(QuestionKind.GATE),), "run1", None, leave, "why")
    assert command == AnswerQuestion("run1", None, QuestionKind.GATE, said, comment="why")


@pytest.mark.parametrize("leave", [Leave.SESSION, Leave.STOP])
def test_what_only_codex_understands_is_refused_at_a_gate(leave: str) -> None:
    with pytest.raises(InvalidInput, match="there is only yes or no"):
        approval((row(QuestionKind.GATE),), "run1", None, leave, "")


def test_codex_gets_leave_as_before_and_questions_are_not_meant() -> None:
    rows = (row(QuestionKind.QUESTION, "q0"), row(QuestionKind.APPROVAL))
    assert approval(rows, "run1", None, None, "").answer == "once"
    assert approval(rows, "run1", None, Leave.DENY, "").answer == "deny"
    assert approval(rows, "run1", None, None, "").kind is QuestionKind.APPROVAL


def test_of_a_gate_and_a_wish_the_one_that_is_named_is_meant() -> None:
    rows = (row(QuestionKind.GATE, "gg1"), row(QuestionKind.APPROVAL, "aa1"))
    assert approval(rows, "run1", "gg", None, "").answer == "approve"
    assert approval(rows, "run1", "aa", None, "").answer == "once"
    assert approval(rows, "run1", None, None, "").kind is None  # the host asks which


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("a", (GateAnswer.APPROVE, "")),
        ("Approve well done", (GateAnswer.APPROVE, "well done")),
        ("r not yet", (GateAnswer.REJECT, "not yet")),
        ("reject", (GateAnswer.REJECT, "")),
    ],
)
def test_a_gate_is_answered_in_a_letter_or_a_word(
    typed: str, answer: tuple[GateAnswer, str]
) -> None:
    assert gate_answer_of(typed) == answer


@pytest.mark.parametrize("typed", ["", "y", "yes", "ok", "app", "deny"])
def test_anything_else_is_no_answer_at_a_gate(typed: str) -> None:
    with pytest.raises(InvalidInput, match="a \\(approve\\), r \\(reject\\)"):
        gate_answer_of(typed)


def test_a_gate_is_put_with_what_is_approved() -> None:
    asked = row(QuestionKind.GATE, details="Build (build): success, attempt 2\nIt works")
    assert ask_words(asked).splitlines() == [
        "? Sign off asks for approval: Ship it?",
        "  Build (build): success, attempt 2",
        "  It works",
        "  Type a (approve), r (reject); the words behind it are your comment.",
        "  Ctrl-D leaves it open.",
    ]
    assert how_to_answer(asked.question) == "foredeck runs approve run1"
