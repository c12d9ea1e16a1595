"""How questions read on a terminal, and how their answers are spelt."""

from __future__ import annotations

from typing import Any

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.questions import GateAnswer, Leave, Question, QuestionKind
from foredeck.services.domain.views import QuestionRow

# More of a command or a patch is shown by `foredeck runs questions`.
_DETAIL_LINES = 30

LEAVE_WORDS = {
    Leave.ONCE: "once",
    Leave.SESSION: "session",
    Leave.DENY: "deny",
    Leave.STOP: "deny and stop",
}
GATE_WORDS = {GateAnswer.APPROVE: "approve", GateAnswer.REJECT: "reject"}
_GATE_KEYS = {GateAnswer.APPROVE: "a", GateAnswer.REJECT: "r"}
_KEYS = {Leave.ONCE: "o", Leave.SESSION: "s", Leave.DENY: "d", Leave.STOP: "x"}


def leave_of(line: str) -> tuple[Leave, str]:
    """Return the answer that a person typed and the comment behind its letter.

    Raises `InvalidInput`.
    """
    said = line.strip().lower().replace("_", " ").replace("-", " ")
    letter, _, comment = line.strip().partition(" ")
    for leave, word in LEAVE_WORDS.items():
        if said == word:
            return leave, ""
        if letter.lower() == _KEYS[leave]:
            return leave, comment.strip()
    raise InvalidInput(f"{line!r} is no answer here.", f"Type {_offered(tuple(Leave))}.")


def gate_answer_of(line: str) -> tuple[GateAnswer, str]:
    """Return what a person typed at a gate and the comment behind it.

    Raises `InvalidInput`.
    """
    said, _, comment = line.strip().partition(" ")
    for answer, word in GATE_WORDS.items():
        if said.lower() in (word, _GATE_KEYS[answer]):
            return answer, comment.strip()
    raise InvalidInput(f"{line!r} is no answer here.", f"Type {_offered_at_gate()}.")


def answer_words(question: Question) -> str:
    """Return the answer of a settled question as a person reads it."""
    if question.kind is QuestionKind.APPROVAL:
        return LEAVE_WORDS[Leave(question.answer)]
    return question.answer


def ask_words(row: QuestionRow) -> str:
    """Return a question as it is put on a terminal, and what can be typed."""
    question = row.question
    lines = [f"? {heading(row)}"]
    if question.place:
        lines.append(f"  in {question.place}")
    if question.reason and question.kind is QuestionKind.APPROVAL:
        lines.append(f"  because {question.reason}")
    details = question.details.splitlines()
    if len(details) > 1 or question.kind is QuestionKind.GATE:
        lines += [f"  {line}" for line in details[:_DETAIL_LINES]]
    if len(details) > _DETAIL_LINES:
        lines.append(f"  … {len(details) - _DETAIL_LINES} more lines: foredeck runs questions")
    if question.kind is QuestionKind.APPROVAL:
        typed = f"{_offered(question.choices)}; codex hears the words behind it"
    elif question.kind is QuestionKind.GATE:
        typed = f"{_offered_at_gate()}; the words behind it are your comment"
    else:
        lines += [f"  {n}  {choice}" for n, choice in enumerate(question.choices, 1)]
        typed = "a number, or your own words" if question.choices else "your answer"
    return "\n".join([*lines, f"  Type {typed}.", "  Ctrl-D leaves it open."])


def heading(row: QuestionRow) -> str:
    """Return who asks what, in a line."""
    who = row.step_title or "codex"
    if row.question.kind is QuestionKind.APPROVAL:
        return f"{who} asks for leave to {row.question.title}"
    if row.question.kind is QuestionKind.GATE:
        return f"{who} asks for approval: {row.question.title}"
    return f"{who} asks: {row.question.title}"


def question_answer(row: QuestionRow) -> dict[str, Any]:
    """Return a question as one flat object."""
    question = row.question
    return {
        "id": question.id,
        "run_id": question.run_id,
        "run": row.run_title,
        "step": row.step_key,
        "attempt": question.attempt,
        "job_id": question.job_id,
        "kind": question.kind,
        "state": question.state,
        "title": question.title,
        "place": question.place,
        "reason": question.reason,
        "details": question.details,
        "choices": question.choices,
        "asked_at": question.asked_at,
    }


def _offered_at_gate() -> str:
    return ", ".join(f"{_GATE_KEYS[answer]} ({word})" for answer, word in GATE_WORDS.items())


def _offered(choices: tuple[str, ...]) -> str:
    return ", ".join(
        f"{_KEYS[leave]} ({LEAVE_WORDS[leave]})" for leave in Leave if leave.value in choices
    )
