"""An app-server that plays captured streams, on a real unix socket in websocket frames."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, unix_serve
from websockets.exceptions import ConnectionClosed

from foredeck.services.codex.client import CodexClient

DATA = Path(__file__).parent.parent / "unit" / "data" / "codex"
THREAD, TURN = "thread-1", "turn-1"

Fields = dict[str, Any]


def stream(name: str) -> list[tuple[str, Fields]]:
    """Return a captured stream as (client or server, message)."""
    lines = (DATA / f"appserver-{name}.jsonl").read_text().splitlines()
    return [(record["dir"], record["msg"]) for record in map(json.loads, lines)]


def last_turn(name: str) -> list[Fields]:
    """Return what the server said after the last turn/start of a stream, under our ids."""
    said = stream(name)
    starts = [at for at, (_, message) in enumerate(said) if message.get("method") == "turn/start"]
    start = said[starts[-1]][1]
    answer = next(message for _, message in said[starts[-1] :] if "result" in message)
    text = json.dumps([m for way, m in said[starts[-1] :] if way == "server" and "method" in m])
    text = text.replace(start["params"]["threadId"], THREAD)
    renamed: list[Fields] = json.loads(text.replace(answer["result"]["turn"]["id"], TURN))
    return renamed


def notification(method: str, **params: Any) -> Fields:
    return {"method": method, "params": {"threadId": THREAD, "turnId": TURN, **params}}


def turn_completed(status: str = "completed", **turn: Any) -> Fields:
    return notification("turn/completed", turn={"id": TURN, "status": status, **turn})


class FakeAppServer:
    """Answers calls, and plays `script` once a turn is started.

    `answers` replaces results by method (a function of the params, or an exception to answer
    with an error). `calls` is what came, `replies` what our requests were answered.
    """

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.script: list[Fields] = []
        self.answers: dict[str, Callable[[Fields], Fields]] = {}
        self.calls: list[tuple[str, Fields]] = []
        self.replies: list[Fields] = []
        self.started = asyncio.Event()
        self._connections: list[ServerConnection] = []
        self._client: CodexClient | None = None

    async def connect(self) -> CodexClient:
        if self._client is None or self._client.closed.is_set():
            await self.hang_up()
            self._client = await CodexClient.open(self.socket)
        return self._client

    async def hang_up(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def die(self) -> None:
        """Break every connection off."""
        for connection in self._connections:
            connection.transport.abort()

    async def say(self, *messages: Fields) -> None:
        for message in messages:
            await self._connections[-1].send(json.dumps(message))

    async def handle(self, connection: ServerConnection) -> None:
        self._connections.append(connection)
        try:
            async for raw in connection:
                await self._take(connection, json.loads(raw))
        except ConnectionClosed:
            pass

    async def _take(self, connection: ServerConnection, message: Fields) -> None:
        method = message.get("method", "")
        if not method:
            self.replies.append(message)
            return
        self.calls.append((method, message.get("params", {})))
        if "id" not in message:
            return
        await connection.send(json.dumps({"id": message["id"], **self._answer(method, message)}))
        if method == "turn/start":
            self.started.set()
            await self.say(*self.script)

    def _answer(self, method: str, message: Fields) -> Fields:
        if method in self.answers:
            try:
                return {"result": self.answers[method](message["params"])}
            except ValueError as error:
                return {"error": {"code": -32600, "message": str(error)}}
        default: dict[str, Fields] = {
            "account/read": {"account": None, "requiresOpenaiAuth": False},
            "thread/start": {"thread": {"id": THREAD}},
            "turn/start": {"turn": {"id": TURN}},
        }
        return {"result": default.get(method, {})}

    def called(self, method: str) -> list[Fields]:
        return [params for name, params in self.calls if name == method]


@asynccontextmanager
async def fake_app_server(directory: Path) -> AsyncIterator[FakeAppServer]:
    fake = FakeAppServer(directory / "fake.sock")
    listening = await unix_serve(fake.handle, str(fake.socket), max_size=None, compression=None)
    try:
        yield fake
    finally:
        await fake.hang_up()
        listening.close()
        await listening.wait_closed()
