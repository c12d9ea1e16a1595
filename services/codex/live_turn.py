"""One turn on one connection to the app-server: begun, followed, stopped."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from foredeck.services.codex import failures
from foredeck.services.codex.catch_up import CatchUp
from foredeck.services.codex.client import CodexClient, CodexRpcError, ThreadEvents
from foredeck.services.codex.left_turn import FoundTurn, find_turn, running_items
from foredeck.services.codex.narration import Narrator
from foredeck.services.codex.orders import TurnOrder, TurnReport
from foredeck.services.codex.protocol import (
    Item,
    Notification,
    PersonAsked,
    TurnCompleted,
    TurnDenied,
    TurnStarted,
    UsageUpdated,
)
from foredeck.services.codex.rollouts import SessionFile
from foredeck.services.codex.turn_clock import TurnClock
from foredeck.services.codex.usage import UsageMeter
from foredeck.services.domain.errors import CodexError, StepFailed, StoreError, TurnLost
from foredeck.services.domain.records import TokenUsage
from foredeck.services.jobs.processes import MARK

_THREAD_SECONDS = 60.0  # a thread starts its MCP servers first
STOP_SECONDS = 5.0
"""How long codex may take to answer when a turn is to end: one that is over gets no answer."""

INTERRUPTED = "interrupted"


class TurnOverdue(Exception):
    """The turn took too long, or gave no sign of life for too long."""

    def __init__(self, seconds: float, *, stalled: bool) -> None:
        super().__init__(seconds)
        self.failure = failures.stalled(seconds) if stalled else failures.timed_out(seconds)


# codex gives its commands a socket as stdin; bash takes that for a remote shell and reads
# ~/.bashrc before every command, unless it is told that it is not the outermost one.
_NOT_A_REMOTE_SHELL = {"SHLVL": "1"}


class LiveTurn:
    """A turn and the sub-agents it starts; keeps `report` up to date.

    Call `begin` once, or `take_up` for a turn that was begun already, then `follow`; `stop`
    works at any moment. `opened` is awaited with the thread's id before the turn is asked for.
    """

    def __init__(
        self,
        client: CodexClient,
        order: TurnOrder,
        narrator: Narrator,
        report: TurnReport,
        opened: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._client = client
        self._order = order
        self._narrator = narrator
        self._report = report
        self._opened = opened
        self._clock = TurnClock(order.timeout)
        self._events: ThreadEvents | None = None
        self._meter: UsageMeter | None = None
        self._beginning: asyncio.Task[Any] | None = None
        self._running: dict[str, str] = {}
        self._end: TurnCompleted | None = None

    @property
    def lost(self) -> bool:
        """Whether the turn began and its end is not known."""
        return self._report.turn_id is not None and self._end is None

    async def begin(self) -> None:
        """Open the thread and start the turn; raises `StepFailed` or `CodexError`."""
        # A task of its own: cancelled half-way, we would not know what to stop.
        self._beginning = asyncio.create_task(self._begin())
        await asyncio.shield(self._beginning)

    async def take_up(self, client: CodexClient, thread_id: str, turn_id: str | None) -> bool:
        """Go on with a turn that was begun on another connection; False if it never began.

        What happened meanwhile is written first. Raises `TurnLost`, `CodexError`.
        """
        self._client = client
        if self._events is not None:
            self._events.close()
        self._beginning = asyncio.create_task(self._take_up(thread_id, turn_id))
        found: bool = await asyncio.shield(self._beginning)
        return found

    async def follow(self) -> TurnCompleted:
        """Write what happens until the turn ends; raises `TurnOverdue`, `CodexUnreachable`."""
        while self._end is None:
            for event in await self._next_batch():
                self._take_in(event)
        return self._end

    async def stop(self) -> None:
        """Leave nothing of the turn in codex, as far as it still listens.

        Interrupts what runs (codex leaves its commands alone then), ends the commands, and
        writes what that brings. Costs nothing after a turn that left nothing.
        """
        await self._finish_beginning()
        running = list(self._running.items())
        for thread_id, turn_id in running:
            await self._quietly("turn/interrupt", threadId=thread_id, turnId=turn_id)
        if running:
            await self._take_in_while(lambda: self._end is None)
        if running or self._narrator.open_commands:
            for thread_id in self._threads():
                await self._quietly("thread/backgroundTerminals/clean", threadId=thread_id)
            await self._take_in_while(lambda: self._narrator.open_commands > 0)
        for thread_id in self._threads():
            await self._quietly("thread/unsubscribe", threadId=thread_id)

    async def let_go(self) -> None:
        """Listen no more; the turn goes on, for somebody else to take up."""
        await self._finish_beginning()
        # The output may be closed already; whoever takes the turn up writes what is missing.
        with suppress(StoreError):
            self.close()

    def close(self) -> None:
        """Write what has come in, and listen no more."""
        if self._events is None:
            return
        try:
            for event in self._events.take():
                self._take_in(event)
        finally:
            self._events.close()

    def _threads(self) -> tuple[str, ...]:
        return self._events.threads if self._events is not None else ()

    async def _take_in_while(self, goes_on: Callable[[], bool]) -> None:
        with suppress(CodexError, TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                while self._events is not None and goes_on():
                    for event in await self._events.batch():
                        self._take_in(event)

    async def _begin(self) -> None:
        thread_id = await self._open_thread()
        self._report.thread_id = thread_id
        if self._opened is not None:
            await self._opened(thread_id)
        self._meter = UsageMeter(thread_id, self._order.thread_usage)
        self._narrator.prompt(self._order.prompt)
        params: dict[str, Any] = {
            "threadId": thread_id,
            "input": [{"type": "text", "text": self._order.prompt}],
            # By this name the turn is found again, should we die before we know its id.
            "clientUserMessageId": self._order.job_id,
        }
        if self._order.output_schema is not None:
            params["outputSchema"] = self._order.output_schema
        answer = await self._client.call("turn/start", params)
        turn_id = _id_of(answer, "turn")
        self._running[thread_id] = turn_id
        self._report.turn_id = turn_id
        self._meter.begin(turn_id)

    async def _take_up(self, thread_id: str, turn_id: str | None) -> bool:
        found = await self._find(thread_id, turn_id)
        if found is None:
            if turn_id is not None:  # it did begin, and codex has kept nothing of it
                raise TurnLost(failures.lost())
            return False
        running: tuple[Item, ...] = ()
        if not found.ended:
            if not found.alive:
                raise TurnLost(failures.lost())
            approver = self._order.approver
            self._events = self._client.thread_events(thread_id, approver)
            answer = await self._client.call("thread/resume", {"threadId": thread_id})
            running = running_items(answer, found.turn_id)
            # Once more: what ended before we listened is in no notification.
            found = await self._find(thread_id, found.turn_id) or found
        await self._catch_up(found, running)
        return True

    async def _find(self, thread_id: str, turn_id: str | None) -> FoundTurn | None:
        return await find_turn(self._client, thread_id, self._order.job_id, turn_id)

    async def _catch_up(self, found: FoundTurn, running: tuple[Item, ...]) -> None:
        report, thread_id = self._report, self._report.thread_id or ""
        report.turn_id, report.model = found.turn_id, found.model or report.model
        self._meter = UsageMeter(thread_id, self._order.thread_usage, known=True)
        self._meter.begin(found.turn_id)
        self._order.output.flush()
        CatchUp(self._order.output.path, self._order.job_id).apply(
            self._narrator, self._order.prompt, found.items, running
        )
        report.message = self._narrator.message
        if not found.ended:
            self._running[thread_id] = found.turn_id
            return
        if found.status == INTERRUPTED:  # not by us: whoever interrupts has ended the job
            raise TurnLost(failures.lost())
        head = ("turn/completed", thread_id, found.turn_id)
        self._end = TurnCompleted(*head, found.status, found.error, self._narrator.message)
        if found.rollout is not None:
            session = SessionFile(Path(), thread_id, found.rollout)
            await asyncio.to_thread(session.advance)
            if session.total.total:
                nothing = TokenUsage()
                self._measure(UsageUpdated("", thread_id, found.turn_id, session.total, nothing))

    async def _open_thread(self) -> str:
        asked = self._order.thread_id
        params = thread_params(self._order)
        if asked is None:
            answer = await self._client.call("thread/start", params, _THREAD_SECONDS)
            thread_id = _id_of(answer, "thread")
            self._events = self._client.thread_events(thread_id, self._order.approver)
            self._note_model(answer)
            return thread_id
        self._events = self._client.thread_events(asked, self._order.approver)
        # A thread that still has a listener would keep the environment and the sandbox of
        # its last turn, and with them the mark of another job.
        await self._quietly("thread/unsubscribe", threadId=asked)
        params |= {"threadId": asked, "excludeTurns": True}
        try:
            answer = await self._client.call("thread/resume", params, _THREAD_SECONDS)
        except CodexRpcError as error:
            raise StepFailed(failures.unknown_thread(asked, error.message)) from error
        if (thread_id := _id_of(answer, "thread")) != asked:
            raise StepFailed(failures.wrong_thread(asked, thread_id))
        self._note_model(answer)
        return thread_id

    def _note_model(self, answer: dict[str, Any]) -> None:
        model = answer.get("model")
        if isinstance(model, str) and model:
            self._report.model = model

    async def _finish_beginning(self) -> None:
        if self._beginning is not None:
            await asyncio.wait({self._beginning}, timeout=STOP_SECONDS)
            if not self._beginning.done():
                self._beginning.cancel()
                await asyncio.wait({self._beginning})
            if not self._beginning.cancelled():
                self._beginning.exception()  # it counts as seen: the turn is over anyway

    async def _next_batch(self) -> list[Notification]:
        if self._events is None:
            raise self._client.gone()
        stall = self._order.stall_timeout
        left = self._clock.left
        stalls_first = not (self._narrator.working or self._clock.stopped) and stall < left
        seconds = stall if stalls_first else left
        try:
            async with asyncio.timeout(None if math.isinf(seconds) else max(0.0, seconds)):
                return await self._events.batch()
        except TimeoutError:
            limit = stall if stalls_first else self._order.timeout
            raise TurnOverdue(limit, stalled=stalls_first) from None

    def _take_in(self, event: Notification) -> None:
        """Write one notification and keep the books."""
        own = event.thread_id == self._report.thread_id
        if isinstance(event, UsageUpdated):
            self._measure(event)
        elif isinstance(event, PersonAsked):
            self._clock.person_asked(begins=event.begins)
        elif isinstance(event, TurnDenied):
            self._report.denied = event.wish
        elif isinstance(event, TurnStarted) and not own:
            self._running[event.thread_id] = event.turn_id
        elif isinstance(event, TurnCompleted):
            self._completed(event, own=own)
        said = self._narrator.message
        self._narrator.tell(event)
        if not own:
            self._narrator.message = said
        self._report.message = self._narrator.message
        self._report.errors = tuple(self._narrator.errors)

    def _measure(self, event: UsageUpdated) -> None:
        if self._meter is not None:
            self._meter.update(event)
            self._report.usage = self._meter.turn
            self._report.thread_usage = self._meter.thread_total

    def _completed(self, event: TurnCompleted, *, own: bool) -> None:
        if own and event.turn_id != self._report.turn_id:
            return  # the end of an earlier turn
        self._running.pop(event.thread_id, None)
        if own:
            self._end = event
            self._narrator.message = self._narrator.message or event.message

    async def _quietly(self, method: str, **params: str) -> None:
        with suppress(CodexError):
            await self._client.call(method, params, STOP_SECONDS)


def thread_params(order: TurnOrder) -> dict[str, Any]:
    """Return what a thread is given: where it works, what it may, and its environment.

    Codex remembers none of it, so every resume says it again.
    """
    params: dict[str, Any] = {
        "cwd": str(order.place),
        "sandbox": order.sandbox.value,
        "approvalPolicy": "on-request" if order.may_ask else "never",
        "config": {
            **order.config,
            # Only PATH, HOME and the like, never our keys; the mark finds what is left over.
            "shell_environment_policy.inherit": "core",
            "shell_environment_policy.set": {
                **order.environment,
                MARK: order.job_id,
                **_NOT_A_REMOTE_SHELL,
            },
            # Else codex waits for a network that is down until the end of time.
            "features.unbounded_connection_retries": False,
            "allow_login_shell": False,
        },
    }
    if order.model:
        params["model"] = order.model
    return params


def _id_of(answer: dict[str, Any], what: str) -> str:
    found = answer.get(what)
    identity = found.get("id") if isinstance(found, dict) else None
    if not isinstance(identity, str) or not identity:
        raise CodexRpcError(0, f"codex answered without a {what}")
    return identity
