"""Messages, and the Agents SDK's own items, within one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, func, select

from foredeck.services.domain.events import MessageSaved
from foredeck.services.domain.records import Message, PromptEdit, Role
from foredeck.services.store import mapping
from foredeck.services.store.repositories import tell_usage
from foredeck.services.store.repository import Repository
from foredeck.services.store.tables import MESSAGE, PROMPT_EDIT, SESSION_ITEM
from foredeck.services.store.unit import Unit


class MessageRepository(Repository[Message]):
    """Messages of the stages' conversations."""

    map = mapping.MESSAGES

    async def add(self, message: Message) -> Message:
        """Store a new message behind the step's others; return it with its position."""
        last = await self._unit.link.run(
            select(func.max(MESSAGE.c.position)).where(MESSAGE.c.step_id == message.step_id)
        )
        message = replace(message, position=(last.scalar() or 0) + 1)
        await self._insert(message)
        self._publish(message)
        await tell_usage(self._unit, None, message)
        return message

    async def save(self, message: Message) -> None:
        """Store a message as it is now; it keeps its position."""
        old = await self.get(message.id)
        await self._update(old, replace(message, position=old.position))
        self._publish(old)
        await tell_usage(self._unit, old, message)

    async def by_call(self, step_id: str, attempt: int, role: Role, call_id: str) -> Message | None:
        """Return the message of that role and call in an attempt of a step."""
        found = await self._select(
            (MESSAGE.c.step_id == step_id)
            & (MESSAGE.c.attempt == attempt)
            & (MESSAGE.c.role == role.value)
            & (MESSAGE.c.call_id == call_id)
        )
        return found[0] if found else None

    async def of_step(self, step_id: str) -> tuple[Message, ...]:
        """Return the conversation of a step."""
        return await self._select(MESSAGE.c.step_id == step_id, MESSAGE.c.position)

    async def of_run(self, run_id: str) -> tuple[Message, ...]:
        """Return the conversation of a run, in the order in which it was stored."""
        return await self._select(MESSAGE.c.run_id == run_id, MESSAGE.c.seq)

    def _publish(self, message: Message) -> None:
        self._unit.publish(
            MessageSaved(run_id=message.run_id, step_id=message.step_id, message_id=message.id)
        )


class PromptEditRepository(Repository[PromptEdit]):
    """Prompts that a person has replaced; none is ever changed or deleted."""

    map = mapping.PROMPT_EDITS

    async def add(self, edit: PromptEdit) -> None:
        """Store an edit; it counts from now on."""
        await self._insert(edit)

    async def latest(self, step_id: str) -> PromptEdit | None:
        """Return the edit that counts for a step, None if it says what it says by itself."""
        edits = PROMPT_EDIT.c
        found = await self._select(
            edits.step_id == step_id, edits.at.desc(), edits.id.desc(), limit=1
        )
        return found[0] if found and found[0].text else None


class SessionRepository:
    """The items that the Agents SDK remembers of a session, opaque to Foredeck."""

    def __init__(self, unit: Unit) -> None:
        self._link = unit.link
        self._redactor = unit.redactor

    async def items(self, session_id: str, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the session's items, oldest first; only the last `limit` if given."""
        result = await self._link.run(
            select(SESSION_ITEM.c.item)
            .where(SESSION_ITEM.c.session_id == session_id)
            .order_by(SESSION_ITEM.c.id.desc())
            .limit(limit)
        )
        return [json.loads(row.item) for row in reversed(result.all())]

    async def append(self, session_id: str, items: Iterable[Any]) -> None:
        """Add items at the end."""
        redacted = self._redactor.json_text
        rows = [{"session_id": session_id, "item": redacted(json.dumps(item))} for item in items]
        if rows:
            await self._link.run(SESSION_ITEM.insert().values(rows))

    async def pop(self, session_id: str) -> dict[str, Any] | None:
        """Remove and return the last item, None if there is none."""
        result = await self._link.run(
            select(SESSION_ITEM)
            .where(SESSION_ITEM.c.session_id == session_id)
            .order_by(SESSION_ITEM.c.id.desc())
            .limit(1)
        )
        row = result.first()
        if row is None:
            return None
        await self._link.run(delete(SESSION_ITEM).where(SESSION_ITEM.c.id == row.id))
        item: dict[str, Any] = json.loads(row.item)
        return item

    async def clear(self, session_id: str) -> None:
        """Forget the session."""
        await self._link.run(delete(SESSION_ITEM).where(SESSION_ITEM.c.session_id == session_id))
