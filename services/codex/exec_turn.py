"""One turn of `codex exec`: its events as they come, written and counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from foredeck.services.codex import failures
from foredeck.services.codex.exec_events import parse_events, thread_of
from foredeck.services.codex.exec_process import ExecProcess
from foredeck.services.codex.live_turn import TurnOverdue
from foredeck.services.codex.narration import Narrator
from foredeck.services.codex.orders import TurnOrder, TurnReport
from foredeck.services.codex.protocol import (
    ItemCompleted,
    MessageItem,
    Notification,
    TurnCompleted,
    UsageUpdated,
)
from foredeck.services.codex.rollouts import SessionFile
from foredeck.services.codex.turns import Opened, Started
from foredeck.services.domain.errors import StepFailed, StoreError
from foredeck.services.domain.records import TokenUsage

LINE_LIMIT = 16 * 2**20

_BLOCK = 1 << 20
_POLL = 0.05
_USAGE_SECONDS = 2.0


class ExecTurn:
    """Follows a process from where the output stands; keeps `report` up to date."""

    def __init__(
        self,
        process: ExecProcess,
        order: TurnOrder,
        narrator: Narrator,
        report: TurnReport,
        codex_home: Path,
    ) -> None:
        self._process = process
        self._order = order
        self._narrator = narrator
        self._report = report
        self._home = codex_home
        self._before = order.thread_usage
        self._session: SessionFile | None = None
        self._end: TurnCompleted | None = None
        self._heard = False
        self._told = 0
        self._began = time.monotonic()
        self._look_at_usage = 0.0

    async def look_back(self) -> None:
        """Learn, before the turn begins, what the conversation to resume has used so far."""
        if self._order.thread_id is not None:
            self._session = SessionFile(self._home, self._order.thread_id)
            await asyncio.to_thread(self._session.advance)
            if self._session.total.total:
                self._before = self._session.total

    async def follow(
        self, opened: Opened | None = None, started: Started | None = None
    ) -> TurnCompleted | None:
        """Return the end of the turn, None if codex ended without telling how.

        Raises `TurnOverdue`, and `StepFailed` if another conversation answers.
        """
        told_before = self._told = self._process.position()
        async for end, line in self._lines():
            for event in parse_events(line):
                if thread_id := thread_of(event):
                    await self._opened(thread_id, opened, started)
                self._take_in(event, told=end <= told_before)
        return self._end

    async def settle_usage(self) -> None:
        """Count what the session's file knows, for a turn that ended without its tokens."""
        if self._session is None:
            return
        await asyncio.to_thread(self._session.advance)
        self._report.model = self._session.model or self._report.model
        if self._end is None or self._end.status != "completed":
            self._count(self._session.total)

    async def _opened(self, thread_id: str, opened: Opened | None, started: Started | None) -> None:
        asked = self._order.thread_id
        if asked is not None and thread_id != asked:
            raise StepFailed(failures.wrong_thread(asked, thread_id))
        self._report.thread_id, self._report.turn_id = thread_id, ""
        self._session = self._session or SessionFile(self._home, thread_id)
        if not self._told:
            self._narrator.prompt(self._order.prompt)
        if opened is not None:
            await opened(thread_id)
        if started is not None:
            await started(thread_id, "")

    def _take_in(self, event: Notification, *, told: bool) -> None:
        """Keep the books; what an earlier host has written is not written again."""
        self._heard = True
        if isinstance(event, UsageUpdated):
            self._count(event.total)
        elif isinstance(event, TurnCompleted):
            self._end = event
        if not told:
            self._narrator.tell(event)
        elif isinstance(event, ItemCompleted) and isinstance(event.item, MessageItem):
            self._narrator.message = event.item.text
        self._report.message = self._narrator.message
        self._report.errors = tuple(self._narrator.errors)

    def _count(self, total: TokenUsage) -> None:
        """The totals are the conversation's: this turn's tokens are what it added (SPEC C7)."""
        if total.total:
            self._report.thread_usage = total
            self._report.usage = total - self._before

    async def _lines(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (offset of its end, line) as they come, until the process has ended."""
        rest, skipped = b"", 0
        with self._process.events.open("rb") as file:
            while True:
                over = self._process.ending is not None or not self._process.lives
                block = file.read(_BLOCK)
                if not block and over:
                    break
                if not block:
                    await self._pause()
                    continue
                end = file.tell() - len(block) - len(rest)
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    end += len(line) + 1
                    yield end, line
                self._keep(end)
                if len(rest) > LINE_LIMIT:
                    skipped, rest = skipped + len(rest), b""
            if rest:
                yield file.tell(), rest
        if skipped:
            self._narrator.note(f"{skipped} bytes skipped: codex wrote a line longer than 16 MiB.")

    def _keep(self, offset: int) -> None:
        """Only what surely stands in the output need not be written by a later host."""
        if offset <= self._told:
            return
        with suppress(StoreError):
            self._order.output.flush()
            self._process.keep_position(offset)
            self._told = offset

    async def _pause(self) -> None:
        now = time.monotonic()
        if now - self._began > self._order.timeout:
            raise TurnOverdue(self._order.timeout, stalled=False)
        if not self._heard and now - self._began > self._order.stall_timeout:
            raise TurnOverdue(self._order.stall_timeout, stalled=True)
        if self._session is not None and now > self._look_at_usage:
            self._look_at_usage = now + _USAGE_SECONDS
            await asyncio.to_thread(self._session.advance)
            self._report.model = self._session.model or self._report.model
            self._count(self._session.total)
        await asyncio.sleep(_POLL)
