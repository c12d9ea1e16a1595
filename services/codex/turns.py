"""Runs codex turns: everything live into the output, nothing left behind at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from foredeck.services.codex import failures
from foredeck.services.codex.client import CodexClient
from foredeck.services.codex.live_turn import STOP_SECONDS, LiveTurn, TurnOverdue
from foredeck.services.codex.login import require_login
from foredeck.services.codex.narration import Narrator
from foredeck.services.codex.orders import TurnOrder, TurnReport, TurnResult
from foredeck.services.codex.protocol import TurnCompleted
from foredeck.services.codex.surroundings import tools_mark
from foredeck.services.departure import Departure
from foredeck.services.domain.errors import (
    CodexError,
    CodexUnreachable,
    Conflict,
    ForedeckError,
    StepFailed,
)
from foredeck.services.domain.records import Failure, FailureClass, FileChange
from foredeck.services.jobs import processes
from foredeck.services.patience import to_the_end
from foredeck.services.settings import Settings
from foredeck.services.workspace.changes import Snapshot, differences, snapshot
from foredeck.services.workspace.kept_snapshot import KeptSnapshot

_log = logging.getLogger(__name__)

Opened = Callable[[str], Awaitable[None]]
Started = Callable[[str, str], Awaitable[None]]

# How often a turn is taken up again on a new connection before it is given up.
_RECONNECTIONS = 5


class Connector(Protocol):
    """Where connections to the app-server come from (`server.AppServer`)."""

    async def connect(self) -> CodexClient:
        """Return an open connection, not to be closed; starts the app-server if need be."""
        ...


class TurnRunner:
    """Runs turns, any number at once."""

    def __init__(
        self, server: Connector, settings: Settings, departure: Departure | None = None
    ) -> None:
        self._server = server
        self._grace = settings.grace
        self._departure = departure or Departure()

    async def run(
        self,
        order: TurnOrder,
        *,
        opened: Opened | None = None,
        started: Started | None = None,
        report: TurnReport | None = None,
    ) -> TurnResult:
        """Run one turn to its end; raises `StepFailed`, `TurnLost` if nobody knows how it ended.

        `opened` is called with the thread's id before the turn is asked for, `started` with
        the thread's and the turn's as soon as both are known;
        `report` is kept up to date and holds what is known also after a bad end.
        A turn that an earlier host left (`order.left`) is taken up where it is now, and so is
        one whose connection breaks. Cancelled, the turn is interrupted, its processes are
        ended, and only then is the cancellation raised again; in a house that departs the
        turn goes on without us.
        """
        report = report if report is not None else TurnReport()
        report.thread_id = order.thread_id
        report.thread_usage = order.thread_usage
        narrator = Narrator(order.output, order.job_id, order.workspace)
        kept = _kept_snapshot(order)
        try:
            before = await (kept.taken() if order.left else kept.take())
            if order.left is None:
                await asyncio.to_thread(order.require_place)
            client = await self._server.connect()
        except ForedeckError as error:
            raise StepFailed(_unable(error)) from error
        turn = LiveTurn(client, order, narrator, report, opened)
        leaves = False
        try:
            end = await self._work(turn, client, order, report, started)
        except asyncio.CancelledError:
            leaves = self._departure.leaving
            raise
        except TurnOverdue as overdue:
            raise StepFailed(overdue.failure) from None
        except StepFailed:
            raise
        except ForedeckError as error:
            raise StepFailed(failures.from_error(error)) from error
        finally:
            if leaves:
                await to_the_end(turn.let_go())
            else:
                await to_the_end(self._tidy_up(turn, order, narrator, report, before))
                await kept.forget()
        return _result(end, report)

    async def _work(
        self,
        turn: LiveTurn,
        client: CodexClient,
        order: TurnOrder,
        report: TurnReport,
        started: Started | None,
    ) -> TurnCompleted:
        left = order.left
        taken_up = False
        if left is not None and left.thread_id is not None:
            report.thread_id = left.thread_id
            taken_up = await turn.take_up(client, left.thread_id, left.turn_id)
        if not taken_up:
            report.thread_id = order.thread_id
            await self._begin(turn, client, report)
        if started is not None and report.thread_id and report.turn_id:
            await started(report.thread_id, report.turn_id)
        for _ in range(_RECONNECTIONS):
            try:
                return await turn.follow()
            except CodexUnreachable:
                await self._take_up_again(turn, report)
        return await turn.follow()

    async def _begin(self, turn: LiveTurn, client: CodexClient, report: TurnReport) -> None:
        # Without an account codex would try in vain for minutes, offline for ever.
        await require_login(client)
        try:
            await turn.begin()
        except CodexUnreachable:
            # The connection broke while we asked: it may have begun all the same.
            if not await self._take_up_again(turn, report):
                raise

    async def _take_up_again(self, turn: LiveTurn, report: TurnReport) -> bool:
        """Go on with the turn on a new connection; False if it never began."""
        if report.thread_id is None:
            return False
        client = await self._server.connect()
        return await turn.take_up(client, report.thread_id, report.turn_id)

    async def abandon(self, job_id: str, thread_id: str | None, turn_id: str | None) -> None:
        """End a turn that an earlier host left running, and everything with its mark."""
        if thread_id and turn_id:
            with suppress(ForedeckError):
                await self._interrupt(thread_id, turn_id)
        await processes.sweep(tools_mark(job_id), self._grace)
        await processes.sweep(job_id, self._grace)

    async def _interrupt(self, thread_id: str, turn_id: str) -> None:
        client = await self._server.connect()
        with suppress(CodexError):
            ids = {"threadId": thread_id, "turnId": turn_id}
            await client.call("turn/interrupt", ids, STOP_SECONDS)
        with suppress(CodexError):
            await client.call(
                "thread/backgroundTerminals/clean", {"threadId": thread_id}, STOP_SECONDS
            )

    async def _tidy_up(
        self,
        turn: LiveTurn,
        order: TurnOrder,
        narrator: Narrator,
        report: TurnReport,
        before: Snapshot,
    ) -> None:
        """Leave nothing of the turn behind, and see what it changed; never raises."""
        try:
            await self._end_all(turn, report)
        except Exception:
            _log.exception("codex could not be told to end job %s", order.job_id)
        try:
            if order.config:
                await processes.sweep(tools_mark(order.job_id), self._grace)
            swept = await processes.sweep(order.job_id, self._grace)
            report.changes = await _changes(before)
            narrator.finish()
            if swept:
                noun = "processes" if swept > 1 else "process"
                narrator.note(f"Ended {swept} {noun} that the turn had left running.")
            narrator.changed(report.changes)
        except Exception:
            _log.exception("the end of job %s could not be written", order.job_id)

    async def _end_all(self, turn: LiveTurn, report: TurnReport) -> None:
        try:
            await turn.stop()
        finally:
            turn.close()
        if turn.lost and report.thread_id and report.turn_id:
            # Only the connection may have ended: then the turn goes on in the app-server.
            with suppress(ForedeckError):
                await self._interrupt(report.thread_id, report.turn_id)


def _kept_snapshot(order: TurnOrder) -> KeptSnapshot:
    file = order.output.path.with_name(f"{order.job_id}.before.json")
    return KeptSnapshot(Path(order.workspace), file)


async def _changes(before: Snapshot) -> tuple[FileChange, ...]:
    try:
        return differences(before, await snapshot(before.root))
    except Conflict:
        return ()  # the workspace is gone; who needs it next will say so


def _result(end: TurnCompleted, report: TurnReport) -> TurnResult:
    if end.status != "completed" or not report.thread_id or not report.turn_id:
        raise StepFailed(_unended(end, report))
    return TurnResult(
        thread_id=report.thread_id,
        turn_id=report.turn_id,
        message=report.message or end.message,
        usage=report.usage,
        thread_usage=report.thread_usage,
        changes=report.changes,
        errors=report.errors,
    )


def _unended(end: TurnCompleted, report: TurnReport) -> Failure:
    if end.status == "failed" and end.error is not None:
        return failures.classify(end.error)
    if end.status == "interrupted":
        return failures.denied(report.denied) if report.denied else failures.interrupted()
    return Failure(
        FailureClass.CODEX,
        f"Codex ended the turn as {end.status or 'nothing'} without a reason.",
        "Read the end of the output, then retry.",
    )


def _unable(error: ForedeckError) -> Failure:
    if isinstance(error, Conflict):
        return Failure(FailureClass.WORKSPACE, error.message, error.advice)
    return failures.from_error(error)
