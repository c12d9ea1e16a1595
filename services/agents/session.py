"""The conversation of an agent: what the model was told and what it said, in the store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from foredeck.services.store.store import Store

CALL, OUTPUT = "function_call", "function_call_output"


class StoredConversation:
    """One attempt's items as the model service takes them, oldest first.

    What the model said is stored before anything acts on it, what a tool answered before the
    model hears it: after a crash the conversation goes on from its last word. Lives on the
    services' loop; `open` reads it.
    """

    def __init__(self, store: Store, session_id: str, items: Iterable[Any]) -> None:
        self._store = store
        self._session_id = session_id
        self._items: list[dict[str, Any]] = list(items)
        self._names = {_name(item) for item in self._items}

    @classmethod
    async def open(
        cls, store: Store, step_id: str, attempt: int, continues: int = 0
    ) -> StoredConversation:
        """Return the attempt's conversation; an empty one begins with that of `continues`."""
        async with store.transaction("agent") as tx:
            items = await tx.sessions.items(_session(step_id, attempt))
            if not items and continues:
                items = await tx.sessions.items(_session(step_id, continues))
                await tx.sessions.append(_session(step_id, attempt), items)
        return cls(store, _session(step_id, attempt), items)

    @property
    def items(self) -> list[dict[str, Any]]:
        """Everything so far."""
        return list(self._items)

    @property
    def unanswered(self) -> tuple[dict[str, Any], ...]:
        """The tool calls that have no answer yet, oldest first."""
        answered = {item.get("call_id") for item in self._items if item.get("type") == OUTPUT}
        calls = (item for item in self._items if item.get("type") == CALL)
        return tuple(call for call in calls if call.get("call_id") not in answered)

    @property
    def last_words(self) -> str | None:
        """What the model said last, if nothing has come after it."""
        last = self._items[-1] if self._items else {}
        if last.get("role") != "assistant":
            return None
        content = last.get("content")
        parts = content if isinstance(content, list) else []
        return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))

    def calls_of(self, tool: str) -> tuple[dict[str, Any], ...]:
        """Return the model's calls of that tool, oldest first."""
        return tuple(i for i in self._items if i.get("type") == CALL and i.get("name") == tool)

    @property
    def ends_with_handoff(self) -> bool:
        """Whether the last thing that happened is an answered handoff."""
        last = self._items[-1] if self._items else {}
        calls = self.calls_of("handoff")
        answered = last.get("type") == OUTPUT and bool(calls)
        return answered and last.get("call_id") == calls[-1].get("call_id")

    def mentions(self, text: str) -> bool:
        """Whether somebody but the model has said this."""
        told = (item for item in self._items if item.get("role") in {"system", "user"})
        return any(text in str(item.get("content")) for item in told)

    async def say(self, role: str, text: str) -> None:
        """Append somebody's words; durable on return."""
        await self._append([{"role": role, "content": text}])

    async def add(self, items: Sequence[Any]) -> None:
        """Append those that are not there yet; durable on return."""
        fresh = [dict(item) for item in items if _name(dict(item)) not in self._names]
        if fresh:
            await self._append(fresh)

    async def _append(self, fresh: list[dict[str, Any]]) -> None:
        async with self._store.transaction("agent") as tx:
            await tx.sessions.append(self._session_id, fresh)
        self._items += fresh
        self._names.update(map(_name, fresh))


def answer_of(call_id: str, answer: str) -> dict[str, Any]:
    """Return the item that answers a tool call."""
    return {"type": OUTPUT, "call_id": call_id, "output": answer}


def _session(step_id: str, attempt: int) -> str:
    return f"{step_id}:{attempt}"


def _name(item: dict[str, Any]) -> tuple[str, str]:
    """Return what tells an item from all others of the conversation."""
    kind = str(item.get("type") or item.get("role"))
    identity = item.get("call_id") or item.get("id")
    return kind, str(identity) if identity else json.dumps(item, sort_keys=True, default=str)
