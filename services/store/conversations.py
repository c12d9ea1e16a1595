"""Messages, and the Agents SDK's own items, within one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from foredeck.services.domain.audit import change
from foredeck.services.domain.events import MessageSaved
from foredeck.services.domain.records import Message, PromptEdit, Role
from foredeck.services.store import mapping
from foredeck.services.store.repositories import tell_usage
from foredeck.services.store.repository import Repository
from foredeck.services.store.unit import Unit

_LAST_POSITION = "SELECT coalesce(max(position), 0) FROM message WHERE step_id = ?"
# Parameters: a session's id, and how many items, -1 for all of them.
_LAST_ITEMS = "SELECT id, item FROM session_item WHERE session_id = ? ORDER BY id DESC LIMIT ?"
_ADD_ITEM = "INSERT INTO session_item (session_id, item) VALUES (?, ?)"


class MessageRepository(Repository[Message]):
    """Messages of the stages' conversations."""

    map = mapping.MESSAGES

    async def add(self, message: Message) -> Message:
        """Store a new message behind the step's others; return it with its position."""
        last = await self._unit.link.rows(_LAST_POSITION, (message.step_id,))
        message = replace(message, position=last[0][0] + 1)
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
            "step_id = ? AND attempt = ? AND role = ? AND call_id = ?",
            step_id,
            attempt,
            role.value,
            call_id,
        )
        return found[0] if found else None

    async def of_step(self, step_id: str) -> tuple[Message, ...]:
        """Return the conversation of a step."""
        return await self._select("step_id = ?", step_id, order="position")

    async def of_run(self, run_id: str) -> tuple[Message, ...]:
        """Return the conversation of a run, in the order in which it was stored."""
        return await self._select("run_id = ?", run_id, order="seq")

    def _publish(self, message: Message) -> None:
        self._unit.publish(
            MessageSaved(run_id=message.run_id, step_id=message.step_id, message_id=message.id)
        )


class PromptEditRepository(Repository[PromptEdit]):
    """Prompts that a person has replaced; none is ever changed or deleted."""

    map = mapping.PROMPT_EDITS

    async def add(self, edit: PromptEdit) -> None:
        """Store an edit; it counts from now on."""
        last = await self.latest(edit.step_id)
        await self._insert(edit)
        before = (last.text if last else "") or edit.original
        self._unit.audit(
            change(
                "step.edit_prompt",
                edit.step_id,
                f"step {edit.step_id}: " + ("its prompt" if edit.text else "its own prompt again"),
                {"prompt": before},
                {"prompt": edit.text or edit.original},
            )
        )

    async def latest(self, step_id: str) -> PromptEdit | None:
        """Return the edit that counts for a step, None if it says what it says by itself."""
        found = await self._select("step_id = ?", step_id, order="at DESC, id DESC", limit=1)
        return found[0] if found and found[0].text else None


class SessionRepository:
    """The items that the Agents SDK remembers of a session, opaque to Foredeck."""

    def __init__(self, unit: Unit) -> None:
        self._link = unit.link
        self._redactor = unit.redactor

    async def items(self, session_id: str, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the session's items, oldest first; only the last `limit` if given."""
        limit = -1 if limit is None else limit
        found = await self._link.rows(_LAST_ITEMS, (session_id, limit))
        return [json.loads(item) for _id, item in reversed(found)]

    async def append(self, session_id: str, items: Iterable[Any]) -> None:
        """Add items at the end."""
        redacted = self._redactor.json_text
        for item in items:
            await self._link.rows(_ADD_ITEM, (session_id, redacted(json.dumps(item))))

    async def pop(self, session_id: str) -> dict[str, Any] | None:
        """Remove and return the last item, None if there is none."""
        found = await self._link.rows(_LAST_ITEMS, (session_id, 1))
        if not found:
            return None
        await self._link.rows("DELETE FROM session_item WHERE id = ?", (found[0][0],))
        item: dict[str, Any] = json.loads(found[0][1])
        return item

    async def clear(self, session_id: str) -> None:
        """Forget the session."""
        await self._link.rows("DELETE FROM session_item WHERE session_id = ?", (session_id,))
