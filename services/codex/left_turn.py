"""Finds out what became of a turn that an earlier host, or an earlier connection, began.

Observed (0.163): a turn goes on without a client; `thread/turns/list` answers for every
thread, loaded or not, the completed items under the ids that came live; the person's message
carries the `clientUserMessageId` of its `turn/start`; `thread/resume` of a running thread
subscribes and answers the items in progress.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foredeck.services.codex.client import CodexClient, CodexRpcError
from foredeck.services.codex.protocol import Item, TurnError, parse_error, parse_item

IN_PROGRESS = "inProgress"
ACTIVE = "active"

# A `turn/start` that was on its way when its client died may not have been carried out yet.
_SECOND_LOOK = 0.5
_TURNS_READ = 8


@dataclass(frozen=True, slots=True)
class FoundTurn:
    """A turn as codex has it: `status` is inProgress, completed, failed or interrupted.

    `alive` says that codex works on it. `rollout` is the file that codex keeps of the thread.
    """

    turn_id: str
    status: str
    items: tuple[Item, ...]
    alive: bool
    error: TurnError | None = None
    model: str = ""
    rollout: Path | None = None

    @property
    def ended(self) -> bool:
        """Whether it has come to its end, one way or another."""
        return self.status != IN_PROGRESS


async def find_turn(
    client: CodexClient, thread_id: str, job_id: str, turn_id: str | None
) -> FoundTurn | None:
    """Return the turn of that job on that thread; None if it never began.

    Raises `CodexUnreachable`.
    """
    found = await _look(client, thread_id, job_id, turn_id)
    if found is None:
        await asyncio.sleep(_SECOND_LOOK)
        found = await _look(client, thread_id, job_id, turn_id)
    return found


def running_items(answer: Mapping[str, Any], turn_id: str) -> tuple[Item, ...]:
    """Return the items in progress out of the answer to `thread/resume`."""
    thread = answer.get("thread")
    turns = thread.get("turns") if isinstance(thread, dict) else None
    return tuple(
        parse_item(item)
        for turn in _dicts(turns)
        if turn.get("id") == turn_id
        for item in _dicts(turn.get("items"))
        if item.get("status") == IN_PROGRESS
    )


async def _look(
    client: CodexClient, thread_id: str, job_id: str, turn_id: str | None
) -> FoundTurn | None:
    try:
        answer = await client.call("thread/read", {"threadId": thread_id, "includeTurns": False})
        listed = await client.call(
            "thread/turns/list",
            {"threadId": thread_id, "itemsView": "full", "limit": _TURNS_READ},
        )
    except CodexRpcError:
        return None  # it has no turn yet, so codex has kept nothing of it
    thread = answer.get("thread")
    thread = thread if isinstance(thread, dict) else {}
    for turn in _dicts(listed.get("data")):
        if turn.get("id") == turn_id or _asked_by(turn, job_id):
            return _found(turn, thread)
    return None


def _asked_by(turn: Mapping[str, Any], job_id: str) -> bool:
    return any(item.get("clientId") == job_id for item in _dicts(turn.get("items")))


def _found(turn: Mapping[str, Any], thread: Mapping[str, Any]) -> FoundTurn:
    status, error, path = thread.get("status"), turn.get("error"), thread.get("path")
    items = [item for item in _dicts(turn.get("items")) if item.get("status") != IN_PROGRESS]
    return FoundTurn(
        turn_id=str(turn.get("id")),
        status=str(turn.get("status")),
        items=tuple(map(parse_item, items)),
        alive=isinstance(status, dict) and status.get("type") == ACTIVE,
        error=parse_error(error) if isinstance(error, dict) else None,
        model=str(thread.get("model") or ""),
        rollout=Path(path) if isinstance(path, str) else None,
    )


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
