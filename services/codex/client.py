"""Speaks with a codex app-server: JSON-RPC in websocket frames on a unix socket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from foredeck.services.codex.approvals import Approver, DeclineAll, answer
from foredeck.services.codex.forms import key_of
from foredeck.services.codex.protocol import (
    FileChangeItem,
    Incoming,
    Item,
    ItemCompleted,
    ItemStarted,
    Notification,
    PersonAsked,
    RequestId,
    RequestResolved,
    Response,
    ServerRequest,
    ToolItem,
    TurnDenied,
    WarningRaised,
    parse_message,
)
from foredeck.services.domain.errors import CodexError, CodexUnreachable

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_log = logging.getLogger(__name__)

CALL_SECONDS = 30.0
_OPEN_SECONDS = 10.0
_COMMENT_SECONDS = 5.0
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

    def __init__(self, client: CodexClient, thread_id: str, approver: Approver) -> None:
        self._client = client
        self.approver = approver
        self._patches: dict[str, Item] = {}
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

    def patch(self, item_id: str) -> Item | None:
        """Return what codex said of a patch that it has not applied yet, if it did."""
        return self._patches.get(item_id)

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
        self._keep_patch(notification)
        self._waiting.append(notification)
        self._arrived.set()

    def _keep_patch(self, notification: Notification) -> None:
        """Remember a patch until it is applied: the question about it does not say what it is."""
        if isinstance(notification, ItemStarted) and isinstance(notification.item, FileChangeItem):
            self._patches[notification.item.id] = notification.item
        elif isinstance(notification, ItemCompleted):
            self._patches.pop(notification.item.id, None)

    def _wake(self) -> None:
        self._arrived.set()


class CodexClient:
    """One connection to an app-server; lives on one event loop.

    Calls that are under way when the connection ends raise `CodexUnreachable`. What
    codex asks is always answered: by the approver of whoever follows the thread, else by
    `approver` (which declines, unless another is given), and by a refusal if nobody could.
    """

    def __init__(self, connection: ClientConnection, approver: Approver | None = None) -> None:
        self._connection = connection
        self._approver = approver or DeclineAll()
        self._pending: dict[RequestId, asyncio.Future[Response]] = {}
        self._subscriptions: dict[str, list[ThreadEvents]] = {}
        self._answers: dict[RequestId, asyncio.Task[None]] = {}
        self._withdrawals: set[asyncio.Task[None]] = set()
        self._last_id = 0
        self.closed = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name="codex client")

    @classmethod
    async def open(cls, socket: Path, approver: Approver | None = None) -> Self:
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
        client = cls(connection, approver)
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
        left = [*self._answers.values(), *self._withdrawals]
        for task in left:
            task.cancel()
        await asyncio.gather(self._reader, *left, return_exceptions=True)

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

    def thread_events(self, thread_id: str, approver: Approver | None = None) -> ThreadEvents:
        """Return what happens on that thread from now on; `approver` answers what it asks."""
        return ThreadEvents(self, thread_id, approver or self._approver)

    def tell(self, thread_id: str, note: str) -> None:
        """Tell whoever follows a thread something, as if codex had said it."""
        self._route(WarningRaised("foredeck/note", thread_id, message=note))

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

        # Half of a surrogate pair, as JSON can spell it, makes codex hang up on every turn.
        text = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace").decode()
        try:
            await self._connection.send(text)
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
            self._begin_answer(message)
        else:
            if isinstance(message, RequestResolved) and message.request_id in self._answers:
                self._answers.pop(message.request_id).cancel()
            self._route(message)

    def _begin_answer(self, request: ServerRequest) -> None:
        """Answer a request unless that is being done: a resumed thread sends it once more."""
        if request.id in self._answers:
            return
        task = asyncio.create_task(self._answer(request), name=f"codex {request.method}")
        self._answers[request.id] = task
        task.add_done_callback(lambda _done: self._forget_answer(request.id, task))

    def _forget_answer(self, number: RequestId, task: asyncio.Task[None]) -> None:
        if self._answers.get(number) is task:
            del self._answers[number]

    async def _answer(self, request: ServerRequest) -> None:
        """Answer what codex asks, and tell the thread's subscribers how."""
        followers = self._subscriptions.get(request.thread_id, ())
        events = next(iter(followers), None)
        approver = events.approver if events else self._approver
        item = events.patch(str(request.params.get("itemId"))) if events else None
        self._route(PersonAsked(request.method, request.thread_id, begins=True))
        try:
            reply = await answer(approver, request, item)
        except asyncio.CancelledError:
            if self._answers.get(request.id) is not asyncio.current_task():
                self._withdraw(approver, key_of(request))
            raise
        finally:
            self._route(PersonAsked(request.method, request.thread_id, begins=False))
        self._route(WarningRaised(request.method, request.thread_id, message=reply.note))
        if reply.denied:
            self._route(TurnDenied(request.method, request.thread_id, wish=reply.denied))
        self._answers.pop(request.id, None)  # that it is resolved now is no news
        with suppress(CodexError):
            if reply.comment:
                await self._comment(request, reply.comment)
        with suppress(CodexUnreachable):
            await self._send({"id": request.id, **reply.body})

    async def _comment(self, request: ServerRequest, words: str) -> None:
        """Tell the model something about an answer that has no words of its own."""
        params = {
            "threadId": request.thread_id,
            "expectedTurnId": request.params.get("turnId"),
            "input": [{"type": "text", "text": words}],
        }
        await self.call("turn/steer", params, _COMMENT_SECONDS)

    def _withdraw(self, approver: Approver, key: str) -> None:
        """Codex needs no answer any more: say so to whoever is asked."""
        task = asyncio.create_task(approver.withdraw(key), name=f"withdraw {key}")
        self._withdrawals.add(task)
        task.add_done_callback(self._withdrawals.discard)

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
