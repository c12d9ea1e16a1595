"""A short conversation with an app-server, to know whether it lives and what it does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from foredeck.services.domain.errors import CodexUnreachable

Ask = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]

_CLIENT = {"name": "foredeck", "title": "Foredeck", "version": "0.1.0"}
_LARGEST_MESSAGE = 64 * 1024 * 1024


async def greet(socket: Path) -> str:
    """Return how the server introduces itself; raises `CodexUnreachable`. Wants a timeout."""
    async with _conversation(socket) as (_, introduction):
        return str(introduction.get("userAgent", ""))


async def is_busy(socket: Path) -> bool:
    """Whether a thread has a turn under way; raises `CodexUnreachable`. Wants a timeout."""
    async with _conversation(socket) as (ask, _):
        loaded = await ask("thread/loaded/list", {})
        for thread_id in loaded.get("data", ()):
            answer = await ask("thread/read", {"threadId": thread_id, "includeTurns": False})
            if answer.get("thread", {}).get("status", {}).get("type") == "active":
                return True
        return False


@asynccontextmanager
async def _conversation(socket: Path) -> AsyncIterator[tuple[Ask, dict[str, Any]]]:
    from websockets.asyncio.client import unix_connect
    from websockets.exceptions import WebSocketException

    try:
        async with unix_connect(
            str(socket), "ws://localhost/", max_size=_LARGEST_MESSAGE, compression=None
        ) as connection:
            number = 0

            async def ask(method: str, params: dict[str, Any]) -> dict[str, Any]:
                nonlocal number
                number += 1
                request = {"id": number, "method": method, "params": params}
                await connection.send(json.dumps(request))
                async for message in connection:
                    answer = json.loads(message)
                    if answer.get("id") == number and "method" not in answer:
                        return _result(method, answer)
                raise CodexUnreachable(f"codex hung up instead of answering {method}.")

            introduction = await ask("initialize", {"clientInfo": _CLIENT})
            await connection.send(json.dumps({"method": "initialized"}))
            yield ask, introduction
    except (OSError, WebSocketException, ValueError) as error:
        raise CodexUnreachable(f"codex does not answer on its socket: {error}") from error


def _result(method: str, answer: dict[str, Any]) -> dict[str, Any]:
    result = answer.get("result")
    if not isinstance(result, dict):
        raise CodexUnreachable(f"codex refused {method}.")
    return result
