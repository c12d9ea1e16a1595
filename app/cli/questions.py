"""`foredeck runs questions|answer|approve|steer|follow-up`: a person's words to a run."""

from __future__ import annotations

from collections.abc import Sequence

import click

from foredeck.app.cli.answers import run_answer
from foredeck.app.cli.attending import how_to_answer
from foredeck.app.cli.completion import optional_run_argument, run_argument
from foredeck.app.cli.question_words import LEAVE_WORDS, answer_words, heading, question_answer
from foredeck.app.cli.render import format_option, local_time, plain, put_json, put_pairs, say
from foredeck.app.cli.session import Session
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.questions import GateAnswer, Leave, Question, QuestionKind
from foredeck.services.domain.views import QuestionRow, RunRow
from foredeck.services.host.commands import AnswerQuestion, FollowUpRun, SteerRun
from foredeck.services.host.queries import ListQuestions

_QUESTION = click.option(
    "--question", metavar="ID", help="Which one, if the run asks several; or its beginning."
)


_AT_GATE: dict[str, str] = {
    Leave.ONCE.value: GateAnswer.APPROVE.value,
    Leave.DENY.value: GateAnswer.REJECT.value,
}


@click.command()
@optional_run_argument
@format_option
@click.pass_obj
def questions(session: Session, run: str | None, format_: str) -> None:
    """Show what RUN, or any run, asks just now.

    \b
    foredeck runs questions              all of them
    foredeck runs questions 7s24         those of one run
    """
    rows = session.read(lambda host: host.ask(ListQuestions(run)))
    if format_ == "json":
        put_json({"items": [question_answer(row) for row in rows], "total": len(rows)})
    elif rows:
        _put_questions(rows)
    else:
        say("Nothing is asked just now.")


@click.command()
@optional_run_argument
@click.argument("text", required=False)
@click.option("--choice", type=click.IntRange(1), help="The number of an offered answer.")
@_QUESTION
@format_option
@click.pass_obj
def answer(
    session: Session,
    run: str | None,
    text: str | None,
    choice: int | None,
    question: str | None,
    format_: str,
) -> None:
    """Answer what an agent of RUN asks.

    TEXT is the answer in your own words; --choice takes one of those it offers.

    \b
    foredeck runs answer 7s24 "Use PostgreSQL"
    foredeck runs answer 7s24 --choice 2
    foredeck runs answer --question 3fb2 --choice 1
    """
    if question and run and text is None and choice is None:
        run, text = None, run  # `answer --question ID TEXT`
    if (text is None) == (choice is None):
        raise InvalidInput("Give either TEXT or --choice N.", "foredeck runs questions shows both.")
    command = AnswerQuestion(run, question, QuestionKind.QUESTION, text or "", choice)
    _answer(session, command, "foredeck runs answer", format_)


@click.command()
@optional_run_argument
@click.option("--once", is_flag=True, help="Yes, this once (the default).")
@click.option("--session", "for_session", is_flag=True, help="Also when codex asks it again.")
@click.option(
    "--deny",
    "--reject",
    "deny",
    is_flag=True,
    help="No: codex goes on without; at a gate, the gate fails.",
)
@click.option("--deny-and-stop", is_flag=True, help="No, and end the codex turn.")
@click.option("--comment", default="", help="Kept with the answer; codex is told, a gate shows it.")
@_QUESTION
@format_option
@click.pass_obj
def approve(
    session: Session,
    run: str | None,
    once: bool,
    for_session: bool,
    deny: bool,
    deny_and_stop: bool,
    comment: str,
    question: str | None,
    format_: str,
) -> None:
    """Approve or reject a gate of RUN, or what its codex asks for.

    An approved gate lets the steps after it begin, a rejected one fails. --session and
    --deny-and-stop are for codex alone.

    \b
    foredeck runs questions 7s24             what it asks
    foredeck runs approve 7s24               this once
    foredeck runs approve 7s24 --deny --comment "not on this machine"
    foredeck runs approve 7s24 --reject --comment "the changelog is missing"
    """
    given = {
        Leave.ONCE: once,
        Leave.SESSION: for_session,
        Leave.DENY: deny,
        Leave.STOP: deny_and_stop,
    }
    chosen = [leave.value for leave, wanted in given.items() if wanted]
    if len(chosen) > 1:  # which of them was meant, nobody can know
        raise InvalidInput("Give only one of --once, --session, --deny and --deny-and-stop.")
    rows = session.read(lambda host: host.ask(ListQuestions(run)))
    command = approval(rows, run, question, chosen[0] if chosen else None, comment)
    _answer(session, command, "foredeck runs approve", format_)


def approval(
    rows: Sequence[QuestionRow],
    run: str | None,
    question: str | None,
    leave: str | None,
    comment: str,
) -> AnswerQuestion:
    """Return the command that approves or rejects what is meant, by what is asked just now.

    `leave` is a `Leave`, None for a plain yes; at a gate yes approves and no rejects. Where
    nothing fits, the host says so. Raises `InvalidInput`.
    """
    kinds = {
        row.question.kind
        for row in rows
        if row.question.kind is not QuestionKind.QUESTION
        and (question is None or row.question.id.startswith(question))
    }
    said = leave or Leave.ONCE.value
    if kinds != {QuestionKind.GATE}:
        kind = QuestionKind.APPROVAL if len(kinds) < 2 else None  # two of them: the host asks which
        return AnswerQuestion(run, question, kind, said, comment=comment)
    if said not in _AT_GATE:
        raise InvalidInput(
            "At a gate there is only yes or no.", "Leave the option out, or --reject."
        )
    return AnswerQuestion(run, question, QuestionKind.GATE, _AT_GATE[said], comment=comment)


@click.command()
@run_argument
@click.argument("text")
@format_option
@click.pass_obj
def steer(session: Session, run: str, text: str, format_: str) -> None:
    """Say TEXT to the codex turn that works for RUN.

    It reads it before its next thought.

    \b
    foredeck runs steer 7s24 "Leave the tests alone, fix the code"
    """
    row = session.write(lambda host: host.do(SteerRun(run, text)), "foredeck runs steer")
    _put_run(row, f"✓ Said to the codex of run: {row.id}", format_)


@click.command("follow-up")
@run_argument
@click.argument("text")
@format_option
@click.pass_obj
def follow_up(session: Session, run: str, text: str, format_: str) -> None:
    """Queue TEXT as the next codex turn of RUN.

    It is given to codex, in the same conversation, when the turn that works has ended and
    before the stage goes on.

    \b
    foredeck runs follow-up 7s24 "Now add a test for the empty file"
    """
    row = session.write(lambda host: host.do(FollowUpRun(run, text)), "foredeck runs follow-up")
    _put_run(row, f"✓ Queued for the codex of run: {row.id}", format_)


def _answer(session: Session, command: AnswerQuestion, role: str, format_: str) -> None:
    # Where nobody is the host, one is started that goes on with the run after the answer.
    asked = session.read(lambda host: host.ask(ListQuestions(command.run)))
    answered = (
        session.hand_over(lambda host: host.do(command))
        if asked
        else session.write(lambda host: host.do(command), role)
    )
    say(f"✓ Answered “{answer_words(answered)}”: {answered.title}")
    if format_ == "json":
        put_json(_answered(answered))


def _answered(question: Question) -> dict[str, object]:
    answer_: dict[str, object] = plain(question)
    return answer_


def _put_run(row: RunRow, sentence: str, format_: str) -> None:
    say(sentence)
    if format_ == "json":
        put_json(run_answer(row))


def _put_questions(rows: tuple[QuestionRow, ...]) -> None:
    for number, row in enumerate(rows):
        if number:
            click.echo()
        question = row.question
        pairs: dict[str, object] = {
            "Question": question.id,
            "Run": f"{question.run_id or '–'} {row.run_title}".rstrip(),
            "What": heading(row),
            "Where": question.place,
            "Why": question.reason,
        }
        if question.details not in ("", question.title):
            pairs["Details"] = question.details
        if question.choices:
            pairs["Choices"] = _choices(question)
        pairs["Asked"] = local_time(question.asked_at)
        pairs["Answer"] = how_to_answer(question)
        put_pairs({name: value for name, value in pairs.items() if value})


def _choices(question: Question) -> str:
    if question.kind is QuestionKind.APPROVAL:
        return ", ".join(LEAVE_WORDS[Leave(choice)] for choice in question.choices)
    if question.kind is QuestionKind.GATE:
        return ", ".join(question.choices)
    return "\n".join(f"{n}  {choice}" for n, choice in enumerate(question.choices, 1))
