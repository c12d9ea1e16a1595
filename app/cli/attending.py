"""The person at the terminal of a followed run: known to be there, and asked right there."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import click

from foredeck.app.cli.question_words import ask_words, gate_answer_of, leave_of
from foredeck.app.cli.render import say
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.events import Event, QuestionSaved, Resync
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.questions import Question, QuestionKind
from foredeck.services.domain.views import QuestionRow
from foredeck.services.host.commands import AnswerQuestion, DeclarePresence
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import ListQuestions

_LINE = 65_536


class Attendant:
    """Asks what a run asks on the terminal, if this is one; `there` says so."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._client = f"terminal {new_id()}"
        self._left_open: set[str] = set()
        self._sent: str | None = None
        self.there = _has_terminal()

    async def arrive(self, run_id: str | None = None) -> None:
        """Tell the host that somebody is there, for one run or (before it has an id) for all."""
        if self.there:
            await self._host.do(DeclarePresence(self._client, run=run_id))

    async def leave(self) -> None:
        """Tell the host that nobody is there any more; one that is gone knows it."""
        if self.there:
            try:
                await self._host.do(DeclarePresence(self._client, present=False))
            except ForedeckError:
                return

    async def attend(self, run_id: str) -> None:
        """Ask what the run asks, one thing after the other, until cancelled."""
        if not self.there:
            return
        events = self._host.events()
        while True:
            asked = await self._host.ask(ListQuestions(run_id))
            waiting = [row for row in asked if row.question.id not in self._left_open]
            if waiting:
                await self._put(waiting[0])
                continue
            await _news(events)

    async def _put(self, row: QuestionRow) -> None:
        """Ask one question until it is answered, here or elsewhere, or left open."""
        say(ask_words(row))
        answering = asyncio.ensure_future(self._answer(row.question))
        elsewhere = asyncio.ensure_future(self._settled(row.question.id))
        try:
            await asyncio.wait({answering, elsewhere}, return_when=asyncio.FIRST_COMPLETED)
            if self._sent == row.question.id:
                await asyncio.wait({answering})  # what has settled it is what was typed here
            elif not answering.done():
                say("It has been settled elsewhere.")
        finally:
            answering.cancel()
            elsewhere.cancel()

    async def _answer(self, question: Question) -> None:
        while True:
            click.echo("> ", nl=False, err=True)
            line = await _read_line()
            if line is None:
                self._left_open.add(question.id)
                say(f"\nLeft open. Answer it with: {how_to_answer(question)}")
                return
            try:
                if line.strip():
                    self._sent = question.id
                    await self._host.do(_command(question, line.strip()))
                    return
            except ForedeckError as error:
                self._sent = None
                say(str(error))

    async def _settled(self, question_id: str) -> None:
        events = self._host.events()
        while question_id in {q.question.id for q in await self._host.ask(ListQuestions())}:
            await _news(events)


async def _news(events: AsyncIterator[Event]) -> None:
    """Return when a question may have come or gone."""
    async for event in events:
        if isinstance(event, QuestionSaved | Resync):
            return


def how_to_answer(question: Question) -> str:
    """Return the command that answers a question."""
    name = "answer" if question.kind is QuestionKind.QUESTION else "approve"
    which = question.run_id or f"--question {question.id}"
    words = ' "TEXT"' if question.kind is QuestionKind.QUESTION else ""
    return f"foredeck runs {name} {which}{words}"


def _command(question: Question, line: str) -> AnswerQuestion:
    if question.kind is QuestionKind.APPROVAL:
        leave, comment = leave_of(line)
        return AnswerQuestion(question=question.id, answer=leave, comment=comment)
    if question.kind is QuestionKind.GATE:
        said, comment = gate_answer_of(line)
        return AnswerQuestion(question=question.id, answer=said, comment=comment)
    if line.isdecimal() and 1 <= int(line) <= len(question.choices):
        return AnswerQuestion(question=question.id, choice=int(line))
    return AnswerQuestion(question=question.id, answer=line)


def _has_terminal() -> bool:
    """Whether a person can be asked here: not in the background of a shell, nor in a pipe."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False


async def _read_line() -> str | None:
    """Return the next line that is typed, None at Ctrl-D; can be cancelled."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[bytes] = loop.create_future()
    handle = sys.stdin.fileno()

    def read() -> None:
        data = os.read(handle, _LINE)
        if not typed.done():
            typed.set_result(data)

    loop.add_reader(handle, read)
    try:
        data = await typed
    finally:
        loop.remove_reader(handle)
    return data.decode("utf-8", "replace") if data else None
