"""Conversations: a question is stored before anybody is asked, its answer while it comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from foredeck.services.agents.declaration import AgentSpec
from foredeck.services.agents.registry import agent
from foredeck.services.agents.runner import resolve_mode
from foredeck.services.chat.record import CUT_OFF, ChatRecord, cut_off_left
from foredeck.services.chat.subject import Subject, load_subject
from foredeck.services.codex.failures import internal
from foredeck.services.codex.supervisor import Runner
from foredeck.services.departure import Departure
from foredeck.services.domain import clock
from foredeck.services.domain.chat import ChatMessage, ChatState, Conversation
from foredeck.services.domain.errors import Conflict, ForedeckError, InvalidInput
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Mode, Role
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store, Transaction

_log = logging.getLogger(__name__)

LONGEST = 100_000
_TITLE = 100
# Answers that are produced at the same time; more wait for their turn.
_AT_ONCE = 4


class Answerer(Protocol):
    """Produces an answer into a record; raises `StepFailed`, or is cancelled."""

    async def __call__(
        self,
        conversation: Conversation,
        spec: AgentSpec,
        subject: Subject,
        record: ChatRecord,
        question: str,
    ) -> None: ...


@dataclass(frozen=True)
class Question:
    """What a person says to whom; refs are ids, beginnings of ids, or a project's name.

    `conversation` goes on with that one. `again` sends its last message once more, which
    got no whole answer; `text` is empty then.
    """

    agent: str = ""
    text: str = ""
    project: str | None = None
    run: str | None = None
    conversation: str | None = None
    again: bool = False


@dataclass(eq=False)
class _Work:
    """An answer under way."""

    task: asyncio.Task[None]
    reason: str = ""


class ChatService:
    """Owns every answer of this host; lives on the services' loop."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        runner: Runner,
        answerers: Mapping[Mode, Answerer],
        departure: Departure,
    ) -> None:
        self._store = store
        self._settings = settings
        self._runner = runner
        self._answerers = answerers
        self._departure = departure
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._work: dict[str, _Work] = {}

    async def send(self, question: Question) -> str:
        """Store the question and let it be answered; return the conversation's id.

        Raises `InvalidInput`, `NotFound`, `Ambiguous`, and `Conflict` while the agent still
        answers.
        """
        text = "" if question.again else _checked(question.text)
        async with self._store.transaction("user") as tx:
            conversation = await self._conversation(tx, question, text)
            if await tx.chat_messages.growing(conversation.id):
                raise Conflict(
                    "The agent has not finished its answer yet.", "Wait for it, or stop it."
                )
            asked = await (
                _last(tx, conversation) if question.again else _add(tx, conversation, text)
            )
        self._launch(conversation, asked)
        return conversation.id

    async def stop(self, ref: str) -> str:
        """Cut the answer off; returns the conversation's id when nothing works for it."""
        async with self._store.transaction() as tx:
            conversation = await tx.conversations.find(ref)
        work = self._work.get(conversation.id)
        if work is None:
            raise Conflict("Nobody is answering: there is nothing to stop.")
        await self._end(work, "it was stopped")
        return conversation.id

    async def wait(self, conversation_id: str) -> None:
        """Return when the conversation's answer has ended."""
        if work := self._work.get(conversation_id):
            await asyncio.wait({work.task})

    async def recover(self) -> None:
        """Mark what an earlier host left unanswered, and end what it left running."""
        if not await self._store.queries.answers_under_way():
            return
        async with self._store.transaction("recovery") as tx:
            left = await tx.chat_messages.growing()
            threads = {
                message.id: (await tx.conversations.get(message.conversation_id)).thread_id
                for message in left
                if message.turn_id
            }
        for message in left:
            if message.id in threads:
                with suppress(ForedeckError):
                    await self._runner.abandon(message.id, threads[message.id], message.turn_id)
        await cut_off_left(self._store, "Foredeck ended meanwhile")

    async def close(self) -> None:
        """Cut every answer off and wait until that is stored."""
        await asyncio.gather(
            *(self._end(work, "Foredeck was closed") for work in list(self._work.values()))
        )

    async def _conversation(self, tx: Transaction, question: Question, text: str) -> Conversation:
        if question.conversation is not None:
            return await tx.conversations.find(question.conversation)
        if question.again:
            raise InvalidInput("Which conversation? Only one that is there can go on.")
        spec = agent(question.agent)
        run = await tx.runs.find(question.run) if question.run else None
        if run is None and question.project is None:
            raise InvalidInput("What is it about? Name a project or a run.")
        ref = run.project_id if run else str(question.project)
        project = await tx.projects.find(ref)
        moment = clock.now()
        conversation = Conversation(
            id=new_id(),
            project_id=project.id,
            agent=spec.role,
            mode=resolve_mode(self._settings, project)[0],
            title=safe_line(self._store.redactor.text(text), limit=_TITLE),
            created_at=moment,
            updated_at=moment,
            run_id=run.id if run else None,
        )
        await tx.conversations.add(conversation)
        return conversation

    def _launch(self, conversation: Conversation, asked: ChatMessage) -> None:
        task = asyncio.create_task(
            self._answer(conversation, asked), name=f"chat {conversation.id}"
        )
        self._work[conversation.id] = _Work(task)
        task.add_done_callback(lambda done: self._ended(conversation.id, done))

    def _ended(self, conversation_id: str, task: asyncio.Task[None]) -> None:
        self._work.pop(conversation_id, None)
        if not task.cancelled() and (error := task.exception()):
            _log.error("the end of an answer could not be stored: %s", error)

    async def _end(self, work: _Work, reason: str) -> None:
        work.reason = work.reason or reason
        await asyncio.sleep(0)  # cancelled before its first step, it could store nothing
        work.task.cancel()
        await asyncio.wait({work.task})

    async def _answer(self, conversation: Conversation, asked: ChatMessage) -> None:
        """Produce the answer; however it ends, that is stored."""
        record = ChatRecord(self._store, asked)
        try:
            async with self._slots:
                subject = await load_subject(
                    self._store, conversation.project_id, conversation.run_id
                )
                answerer = self._answerers[conversation.mode]
                spec = agent(conversation.agent)
                await answerer(conversation, spec, subject, record, asked.content)
        except asyncio.CancelledError:
            if self._departure.leaving:
                await record.let_go()  # codex may go on: the next host marks it and ends it
                return
            work = self._work.get(conversation.id)
            reason = work.reason if work and work.reason else "it was stopped"
            await record.close(ChatState.CUT_OFF, CUT_OFF.format(reason))
        except ForedeckError as error:
            await record.close(ChatState.FAILED, str(error))
        except Exception as error:
            _log.exception("the answer in conversation %s broke", conversation.id)
            await record.close(ChatState.FAILED, internal(error).message)
        else:
            await record.close(ChatState.COMPLETE)


async def _add(tx: Transaction, conversation: Conversation, text: str) -> ChatMessage:
    message = ChatMessage(
        id=new_id(),
        conversation_id=conversation.id,
        role=Role.USER,
        state=ChatState.GROWING,
        content=text,
        at=clock.now(),
    )
    await tx.chat_messages.add(message)
    await tx.conversations.save(replace(conversation, updated_at=message.at))
    return message


async def _last(tx: Transaction, conversation: Conversation) -> ChatMessage:
    """Return the last question, to be answered again."""
    said = await tx.chat_messages.of_conversation(conversation.id)
    questions = [message for message in said if message.role is Role.USER]
    if not questions or questions[-1].state is ChatState.COMPLETE:
        raise Conflict("The last message was answered: there is nothing to send again.")
    asked = replace(questions[-1], state=ChatState.GROWING, turn_id=None)
    await tx.chat_messages.save(asked)
    return asked


def _checked(text: str) -> str:
    text = text.strip()
    if not text:
        raise InvalidInput("There is nothing to send: the message is empty.")
    if len(text) > LONGEST:
        raise InvalidInput(f"The message has more than {LONGEST:,} characters.")
    return text
