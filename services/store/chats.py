"""Conversations with an agent: their records within a transaction, and their view models."""

from __future__ import annotations

from typing import Any

from foredeck.services.domain.chat import (
    ChatMessage,
    ChatState,
    Conversation,
    ConversationDetail,
    ConversationRow,
)
from foredeck.services.domain.events import ChatGrew, ProjectSaved
from foredeck.services.domain.records import Mode, Role, TokenUsage
from foredeck.services.domain.views import Page, TranscriptEntry
from foredeck.services.store import mapping
from foredeck.services.store.codecs import to_moment
from foredeck.services.store.engine import Link
from foredeck.services.store.finding import by_beginning
from foredeck.services.store.repository import Repository
from foredeck.services.store.rows import each


class ConversationRepository(Repository[Conversation]):
    """Conversations; their usage is the sum of their messages', whatever is saved."""

    map = mapping.CONVERSATIONS

    async def add(self, conversation: Conversation) -> None:
        """Store a new conversation."""
        await self._insert(conversation)

    async def save(self, conversation: Conversation) -> None:
        """Store a conversation as it is now."""
        await self._update(await self.get(conversation.id), conversation)
        self._unit.publish(ChatGrew(conversation_id=conversation.id))


class ChatMessageRepository(Repository[ChatMessage]):
    """The messages of conversations, in the order in which they were stored."""

    map = mapping.CHAT_MESSAGES

    async def add(self, message: ChatMessage) -> None:
        """Store a new message behind the others."""
        await self._insert(message)
        await self._tell(TokenUsage(), message)

    async def save(self, message: ChatMessage) -> None:
        """Store a message as it is now."""
        old = await self.get(message.id)
        await self._update(old, message)
        await self._tell(old.usage, message)

    async def of_conversation(self, conversation_id: str) -> tuple[ChatMessage, ...]:
        """Return the messages of a conversation, oldest first."""
        return await self._select("conversation_id = ?", conversation_id, order="seq")

    async def growing(self, conversation_id: str | None = None) -> tuple[ChatMessage, ...]:
        """Return what is not complete yet, of one conversation or of all."""
        condition, values = "state = ?", [ChatState.GROWING.value]
        if conversation_id is not None:
            condition += " AND conversation_id = ?"
            values.append(conversation_id)
        return await self._select(condition, *values, order="seq")

    async def _tell(self, used: TokenUsage, message: ChatMessage) -> None:
        self._unit.publish(ChatGrew(conversation_id=message.conversation_id))
        if message.usage != used:
            conversation = await ConversationRepository(self._unit).get(message.conversation_id)
            self._unit.publish(ProjectSaved(project_id=conversation.project_id))


UNDER_WAY = "SELECT 1 FROM chat_message WHERE state = 'growing' LIMIT 1"

_ROW = """
    SELECT c.id, c.project_id, p.name, c.run_id, c.agent, c.mode, c.title, c.created_at,
        c.updated_at, (SELECT count(*) FROM chat_message m WHERE m.conversation_id = c.id),
        coalesce((SELECT m.state FROM chat_message m WHERE m.conversation_id = c.id
            AND m.role = 'user' ORDER BY m.seq DESC LIMIT 1), 'complete'),
        c.usage_input, c.usage_cached_input, c.usage_output, c.usage_reasoning
    FROM conversation c CROSS JOIN project p ON p.id = c.project_id
"""
_ENTRIES = """
    SELECT m.id, c.agent, m.role, m.content, m.at, m.model, m.usage_input, m.usage_cached_input,
        m.usage_output, m.usage_reasoning, m.tool, m.arguments, m.duration, m.state
    FROM chat_message m CROSS JOIN conversation c ON c.id = m.conversation_id
    WHERE m.conversation_id = ? ORDER BY m.seq
"""


async def conversations(
    link: Link,
    project_id: str | None,
    run_id: str | None,
    agent: str | None,
    limit: int,
    offset: int,
) -> Page[ConversationRow]:
    """Return conversations, the latest first."""
    wanted = {"project_id": project_id, "run_id": run_id, "agent": agent}
    given = {name: value for name, value in wanted.items() if value is not None}
    condition = " AND ".join([f"c.{name} = ?" for name in given] or ["c.updated_at > -1"])
    found = await link.rows(
        f"{_ROW} WHERE {condition} ORDER BY c.updated_at DESC, c.id DESC LIMIT ? OFFSET ?",
        (*given.values(), limit, offset),
    )
    total = await link.rows(
        f"SELECT count(*) FROM conversation c WHERE {condition}",  # noqa: S608
        tuple(given.values()),
    )
    return Page(each(_row, found), total[0][0], limit, offset)


async def conversation(link: Link, ref: str) -> ConversationDetail:
    """Return a conversation; raises `NotFound` and `Ambiguous`."""
    conversation_id = await by_beginning(link, "conversation", ref)
    found = await link.rows(f"{_ROW} WHERE c.id = ?", (conversation_id,))
    entries = await link.rows(_ENTRIES, (conversation_id,))
    return ConversationDetail(each(_row, found)[0], each(_entry, entries))


def _row(row: Any) -> ConversationRow:
    return ConversationRow(
        id=row[0],
        project_id=row[1],
        project_name=row[2],
        run_id=row[3],
        agent=row[4],
        mode=Mode(row[5]),
        title=row[6],
        created_at=to_moment(row[7]),
        updated_at=to_moment(row[8]),
        messages=row[9],
        last=ChatState(row[10]),
        usage=TokenUsage(*row[11:15]),
    )


def _entry(row: Any) -> TranscriptEntry:
    role, state = Role(row[2]), ChatState(row[13])
    return TranscriptEntry(
        id=row[0],
        step_key=row[1],
        attempt=1,
        role=role,
        content=row[3],
        at=to_moment(row[4]),
        model=row[5],
        usage=TokenUsage(*row[6:10]),
        tool=row[10],
        arguments=row[11],
        duration=row[12],
        # A person's message is whole; its state tells how its answer fared.
        complete=role is Role.USER or state is not ChatState.GROWING,
    )
