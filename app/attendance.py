"""That a person looks at the dashboard: what they have missed, and ringing for what comes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from foredeck.app.error_log import LOGGER
from foredeck.app.ringing import Ringer, Rings
from foredeck.services.domain.away import Away, headline
from foredeck.services.domain.errors import ForedeckError, HostGone, StoreError
from foredeck.services.domain.events import NotificationSaved
from foredeck.services.domain.ids import new_id
from foredeck.services.host.commands import DeclarePresence
from foredeck.services.host.notice_requests import GetAway, MarkSeen

if TYPE_CHECKING:
    from foredeck.app.application import ForedeckApp
    from foredeck.services.host.interface import Host

# How often it is stored that a dashboard is open, in seconds.
MARK_EVERY = 60.0
# Who was gone for less has seen it, perhaps in another dashboard that is open still.
_AWAY_FROM = timedelta(seconds=2 * MARK_EVERY)
# How long a dashboard that closes waits until that is stored for the last time, in seconds.
_LAST_WAIT = 1.0


class Attendance:
    """Knows whether the person has been told what happened before the dashboard was opened."""

    def __init__(self, app: ForedeckApp, rings: Rings | None) -> None:
        self._app = app
        self._ringer = Ringer(self._put, rings or Rings())
        self._welcomed = False

    def ring(self, event: NotificationSaved) -> None:
        """Ring the terminal for a notification."""
        self._ringer.take(event)

    async def watch(self, host: Host) -> None:
        """Tell what happened meanwhile, then keep that a dashboard is open, until cancelled.

        Who looks at the dashboard can answer what the runs ask.

        A host that is gone is told of elsewhere; the next one is watched anew.
        """
        try:
            await host.do(DeclarePresence(f"dashboard {new_id()}"))
            if not self._welcomed:
                await self._welcome(host)
            while True:
                await asyncio.sleep(MARK_EVERY)
                await self._mark(host)
        except HostGone:
            return

    async def _welcome(self, host: Host) -> None:
        try:
            away = await host.ask(GetAway())
        except HostGone:
            raise
        except ForedeckError as error:
            LOGGER.warning("what happened meanwhile cannot be told: %s", error)
            return
        self._welcomed = True
        self._tell(away)
        with suppress(StoreError):
            await host.do(MarkSeen(away.until))

    async def _mark(self, host: Host) -> None:
        """Keep that a dashboard is open; that a disk is full is told elsewhere."""
        if self._welcomed:
            with suppress(StoreError):
                await host.do(MarkSeen(self._app.now()))

    async def leave(self, host: Host) -> None:
        """Keep for the last time that a dashboard was open; a host that is stuck is left."""
        self._ringer.close()
        with suppress(HostGone, TimeoutError):
            async with asyncio.timeout(_LAST_WAIT):
                await self._mark(host)

    def _tell(self, away: Away) -> None:
        if not away.total or away.since is None or away.until - away.since < _AWAY_FROM:
            return
        if len(self._app.screen_stack) > 1:
            self._app.notice(f"{headline(away)}. More: foredeck away")  # the person is at work
            return
        from foredeck.app.screens.modals.away import AwayDialog

        self._app.push_screen(AwayDialog(away), self._open)

    def _open(self, run_id: str | None) -> None:
        if run_id is not None:
            self._app.workbench.desk.go_to(run_id, "")

    def _put(self, text: str) -> bool:
        ring = getattr(self._app._driver, "ring", None)
        return bool(ring(text)) if ring else True
