"""An answer as it is produced: stored while it grows, and always before what follows it."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import Any

from foredeck.services.domain import clock
from foredeck.services.domain.chat import ChatMessage, ChatState
from foredeck.services.domain.errors import StoreError
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Role, TokenUsage
from foredeck.services.store.store import Store

_log = logging.getLogger(__name__)

CUT_OFF = "This answer was cut off: {}. Send the message again to get a whole one."
SAVE_SECONDS = 0.2


class ChatRecord:
    """The messages that answer one question; used by one task of the loop at a time."""

    def __init__(self, store: Store, question: ChatMessage) -> None:
        self._store = store
        self.question = question
        self._answer: ChatMessage | None = None
        self._saver: asyncio.Task[None] | None = None
        self._last: ChatMessage | None = None
        self._unplaced = TokenUsage()
        self._model = ""

    @property
    def answering(self) -> bool:
        """Whether an answer was begun that is not complete yet."""
        return self._answer is not None

    async def begin_answer(self, model: str) -> None:
        """Begin a message that will grow."""
        await self.finish_answer()
        self._answer = await self._add(Role.ASSISTANT, "", model=model, state=ChatState.GROWING)

    async def grow(self, text: str) -> None:
        """Append text to the answer that was begun."""
        if self._answer is None:
            raise RuntimeError("no answer has been begun")
        self._answer = replace(self._answer, content=self._answer.content + text)
        if self._saver is None:
            self._saver = asyncio.create_task(self._save_soon(), name="save chat")

    def think(self, text: str) -> None:
        """Leave out the model's reasoning: it is no part of the conversation."""

    async def finish_answer(
        self, text: str | None = None, state: ChatState = ChatState.COMPLETE
    ) -> None:
        """Complete the growing answer, if there is one; `text` is its final wording."""
        answer, self._answer = self._answer, None
        if answer is not None:
            await self._stop_saver()
            content = answer.content if text is None else text
            await self._save(replace(answer, content=content, state=state))

    async def use(self, usage: TokenUsage, model: str) -> None:
        """Count tokens on the message that they produced, or on the next one."""
        if self._last and self._last.role is Role.ASSISTANT and not self._last.usage.total:
            await self._save(replace(self._last, usage=usage, model=model))
        else:
            self._unplaced, self._model = self._unplaced + usage, model

    async def begin_tool(self, name: str, arguments: str, call_id: str) -> ChatMessage:
        """Store a tool call before it is carried out."""
        await self.finish_answer()
        return await self._add(
            Role.TOOL, "", tool=name, arguments=arguments, call_id=call_id, state=ChatState.GROWING
        )

    async def end_tool(self, call: ChatMessage, answer: str, began: float) -> None:
        """Store a tool's answer; `began` is when it was called, in monotonic seconds."""
        took = time.monotonic() - began
        await self._save(replace(call, content=answer, duration=took, state=ChatState.COMPLETE))

    async def note(self, text: str) -> None:
        """Tell the person something that no model said."""
        await self._add(Role.SYSTEM, text)

    async def turn_began(self, thread_id: str, turn_id: str) -> None:
        """Store which turn of codex answers, so that a later host can end it."""
        self.question = replace(self.question, turn_id=turn_id)
        async with self._store.transaction("agent") as tx:
            await tx.chat_messages.save(self.question)
            conversation = await tx.conversations.get(self.question.conversation_id)
            await tx.conversations.save(replace(conversation, thread_id=thread_id))

    async def let_go(self) -> None:
        """Leave everything as it is, for a later host to mark."""
        await self._stop_saver()

    async def forget_thread(self) -> None:
        """Let the next question begin a new thread of codex."""
        async with self._store.transaction("agent") as tx:
            conversation = await tx.conversations.get(self.question.conversation_id)
            await tx.conversations.save(replace(conversation, thread_id=None))

    async def close(self, state: ChatState, note: str = "") -> None:
        """Complete everything and say how the answer ended; waits out a full disk."""
        await self._store.durably(lambda: self._close(state, note))

    async def _close(self, state: ChatState, note: str) -> None:
        await self.finish_answer(state=state)
        await self._stop_saver()
        if note:
            await self.note(note)
        async with self._store.transaction("agent") as tx:
            await end_all(tx, self.question.conversation_id, state)
            if self._unplaced.total:
                used = self.question.usage + self._unplaced
                question = await tx.chat_messages.get(self.question.id)
                await tx.chat_messages.save(replace(question, usage=used, model=self._model))
        self._unplaced = TokenUsage()

    async def _add(self, role: Role, content: str, **fields: Any) -> ChatMessage:
        usage, self._unplaced = self._unplaced, TokenUsage()
        if usage.total:
            fields = {"model": self._model, **fields}
        message = ChatMessage(
            id=new_id(),
            conversation_id=self.question.conversation_id,
            role=role,
            content=content,
            at=clock.now(),
            usage=usage,
            **{"state": ChatState.COMPLETE, **fields},
        )
        async with self._store.transaction("agent") as tx:
            await tx.chat_messages.add(message)
        self._last = message
        return message

    async def _save(self, message: ChatMessage) -> None:
        async with self._store.transaction("agent") as tx:
            await tx.chat_messages.save(message)
        if self._last is not None and self._last.id == message.id:
            self._last = message

    async def _save_soon(self) -> None:
        try:
            await asyncio.sleep(SAVE_SECONDS)
            if self._answer is not None:
                await self._save(self._answer)
        except StoreError as error:
            _log.warning("a growing answer could not be stored: %s", error)
        finally:
            self._saver = None

    async def _stop_saver(self) -> None:
        if self._saver is not None:
            await asyncio.wait({self._saver})


async def cut_off_left(store: Store, reason: str) -> None:
    """Mark what is still growing in any conversation as cut off, and say why in each."""
    async with store.transaction("recovery") as tx:
        left = await tx.chat_messages.growing()
    for message in left:
        if message.role is Role.USER:
            await ChatRecord(store, message).close(ChatState.CUT_OFF, CUT_OFF.format(reason))
    async with store.transaction("recovery") as tx:
        for conversation_id in {message.conversation_id for message in left}:
            await end_all(tx, conversation_id, ChatState.CUT_OFF)


async def end_all(tx: Any, conversation_id: str, state: ChatState) -> None:
    """Give what is still growing in a conversation another state, and note the time."""
    for message in await tx.chat_messages.growing(conversation_id):
        await tx.chat_messages.save(replace(message, state=state))
    conversation = await tx.conversations.get(conversation_id)
    await tx.conversations.save(replace(conversation, updated_at=clock.now()))
