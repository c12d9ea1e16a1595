"""Speaks with a codex app-server: JSON-RPC in websocket frames on a unix socket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from foredeck.services.codex.approvals import ApprovalPolicy, DeclineAll, answer
from foredeck.services.codex.protocol import (
    Incoming,
    ItemCompleted,
    ItemStarted,
    Notification,
    RequestId,
    Response,
    ServerRequest,
    ToolItem,
    WarningRaised,
    parse_message,
)
from foredeck.services.domain.errors import CodexError, CodexUnreachable

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_log = logging.getLogger(__name__)

CALL_SECONDS = 30.0
_OPEN_SECONDS = 10.0
_CLIENT_INFO = {"name": "foredeck", "title": "Foredeck", "version": "0.1.0"}


class CodexRpcError(CodexError):
    """The app-server refused a call; `code` is JSON-RPC's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class ThreadEvents:
    """What happens on a thread and on those of its sub-agents, from its creation on.

    Nothing is dropped: whoever reads takes all that has come since. After the
    connection is gone and everything was taken, reading raises `CodexUnreachable`.
    """

    def __init__(self, client: CodexClient, thread_id: str) -> None:
        self._client = client
        self._threads: set[str] = set()
        self._waiting: list[Notification] = []
        self._arrived = asyncio.Event()
        self._follow(thread_id)

    @property
    def threads(self) -> tuple[str, ...]:
        """The thread and its sub-agents' threads."""
        return tuple(self._threads)

    def close(self) -> None:
        """Take no more notifications."""
        for thread_id in self._threads:
            self._client._unsubscribe(thread_id, self)
        self._threads.clear()

    def take(self) -> list[Notification]:
        """Return what has come since, without waiting."""
        taken, self._waiting = self._waiting, []
        self._arrived.clear()
        return taken

    async def batch(self) -> list[Notification]:
        """Wait until something comes and return all there is."""
        while not self._waiting:
            if self._client.closed.is_set():
                raise self._client.gone()
            self._arrived.clear()
            await self._arrived.wait()
        return self.take()

    async def __aiter__(self) -> AsyncIterator[Notification]:
        while True:
            for notification in await self.batch():
                yield notification

    def _follow(self, thread_id: str) -> None:
        self._threads.add(thread_id)
        self._client._subscribe(thread_id, self)

    def _put(self, notification: Notification) -> None:
        # At once, because the sub-agent's first words are right behind.
        for thread_id in _sub_agents(notification):
            self._follow(thread_id)
        self._waiting.append(notification)
        self._arrived.set()

    def _wake(self) -> None:
        self._arrived.set()


class CodexClient:
    """One connection to an app-server; lives on one event loop.

    Calls that are under way when the connection ends raise `CodexUnreachable`. What
    codex asks is always answered: approvals by the policy, everything else by a refusal.
    """

    def __init__(self, connection: ClientConnection, policy: ApprovalPolicy | None = None) -> None:
        self._connection = connection
        self._policy = policy or DeclineAll()
        self._pending: dict[RequestId, asyncio.Future[Response]] = {}
        self._subscriptions: dict[str, list[ThreadEvents]] = {}
        self._answers: set[asyncio.Task[None]] = set()
        self._last_id = 0
        self.closed = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name="codex client")

    @classmethod
    async def open(cls, socket: Path, policy: ApprovalPolicy | None = None) -> Self:
        """Connect and shake hands; raises `CodexUnreachable`.

        The path must not be longer than the system allows for a socket (107 bytes).
        """
        from websockets.asyncio.client import unix_connect
        from websockets.exceptions import WebSocketException

        try:
            connection = await unix_connect(
                str(socket),
                "ws://localhost/",
                max_size=None,  # a line of output has reached 6 MB
                compression=None,
                ping_interval=None,  # a dead local process closes its socket by itself
                open_timeout=_OPEN_SECONDS,
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            raise CodexUnreachable(
                f"The codex app-server does not answer on {socket}: {error}.",
                "Try again; `foredeck doctor` says what is wrong with codex.",
            ) from error
        client = cls(connection, policy)
        try:
            await client._shake_hands()
        except BaseException:
            await client.close()
            raise
        return client

    async def close(self) -> None:
        """End the connection; turns that run go on in the app-server."""
        await self._connection.close()
        self._reader.cancel()
        for task in self._answers:
            task.cancel()
        await asyncio.gather(self._reader, *self._answers, return_exceptions=True)

    async def call(
        self, method: str, params: Mapping[str, Any], timeout: float = CALL_SECONDS
    ) -> dict[str, Any]:
        """Return the result; raises `CodexRpcError`, or `CodexUnreachable` without an answer."""
        if self.closed.is_set():
            raise self.gone()
        self._last_id += 1
        number = self._last_id
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        try:
            async with asyncio.timeout(timeout):  # one that reads no more holds the sending up
                await self._send({"id": number, "method": method, "params": dict(params)})
                response = await future
        except TimeoutError:
            raise CodexUnreachable(
                f"The codex app-server did not answer {method} within {timeout:g} s.",
                "Try again; if it stays so, restart Foredeck.",
            ) from None
        finally:
            self._pending.pop(number, None)
        if response.error is not None:
            raise CodexRpcError(response.error.code, response.error.message)
        return dict(response.result)

    def thread_events(self, thread_id: str) -> ThreadEvents:
        """Return what happens on that thread from now on."""
        return ThreadEvents(self, thread_id)

    def gone(self) -> CodexUnreachable:
        """Return the error of a connection that has ended."""
        return CodexUnreachable(
            "The connection to the codex app-server ended.", "Try again: it is started anew."
        )

    async def _shake_hands(self) -> None:
        capabilities = {"experimentalApi": True}  # for thread/backgroundTerminals/clean
        await self.call("initialize", {"clientInfo": _CLIENT_INFO, "capabilities": capabilities})
        await self._send({"method": "initialized"})

    async def _send(self, message: Mapping[str, Any]) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(json.dumps(message))
        except ConnectionClosed:
            raise self.gone() from None

    async def _read(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            async for raw in self._connection:
                message = parse_message(raw)
                if message is not None:
                    self._dispatch(message)
        except ConnectionClosed:
            pass  # `closed` says so
        except Exception:
            _log.exception("the connection to the codex app-server broke")
        finally:
            self._end()

    def _dispatch(self, message: Incoming) -> None:
        if isinstance(message, Response):
            future = self._pending.get(message.id)
            if future is not None and not future.done():
                future.set_result(message)
        elif isinstance(message, ServerRequest):
            task = asyncio.create_task(self._answer(message), name=f"codex {message.method}")
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)
        else:
            self._route(message)

    async def _answer(self, request: ServerRequest) -> None:
        """Answer what codex asks, and tell the thread's subscribers how."""
        reply, note = await answer(self._policy, request)
        if note:
            self._route(WarningRaised(request.method, request.thread_id, message=note))
        with suppress(CodexUnreachable):
            await self._send({"id": request.id, **reply})

    def _route(self, notification: Notification) -> None:
        for events in tuple(self._subscriptions.get(notification.thread_id, ())):
            events._put(notification)

    def _subscribe(self, thread_id: str, events: ThreadEvents) -> None:
        subscribers = self._subscriptions.setdefault(thread_id, [])
        if events not in subscribers:
            subscribers.append(events)

    def _unsubscribe(self, thread_id: str, events: ThreadEvents) -> None:
        subscribers = self._subscriptions.get(thread_id, [])
        if events in subscribers:
            subscribers.remove(events)
        if not subscribers:
            self._subscriptions.pop(thread_id, None)

    def _end(self) -> None:
        self.closed.set()
        for future in self._pending.values():
            if not future.done():
                future.set_exception(self.gone())
        for subscribers in self._subscriptions.values():
            for events in subscribers:
                events._wake()


def _sub_agents(notification: Notification) -> tuple[str, ...]:
    if isinstance(notification, ItemStarted | ItemCompleted):
        item = notification.item
        return item.receivers if isinstance(item, ToolItem) else ()
    return ()
