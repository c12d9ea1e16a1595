"""When the host that a dashboard was attached to is gone: the next one, or this process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from foredeck.app.connection import Connection
from foredeck.app.screens.modals.lost_host import LostHostDialog
from foredeck.services.domain.errors import ForedeckError, HostGone

if TYPE_CHECKING:
    from foredeck.app.application import ForedeckApp


class LostHost:
    """Asks whether to take over, and attaches by itself when another host appears first."""

    def __init__(self, app: ForedeckApp, connection: Connection, error: HostGone) -> None:
        self._app = app
        self._connection = connection
        self._letting_go = asyncio.ensure_future(connection.close())
        self._waiting = asyncio.create_task(self._wait(), name="wait for another host")
        self._dialog = LostHostDialog(error)
        app.push_screen(self._dialog, self._answered)

    async def close(self) -> None:
        """Wait no more, and ask no more."""
        self._waiting.cancel()
        self._put_away()
        await asyncio.wait({self._letting_go, self._waiting})

    def _answered(self, take_over: bool | None) -> None:
        if take_over:
            self._app.connect()

    async def _wait(self) -> None:
        if self._connection.reattach is None:
            return
        try:
            connection = await self._connection.reattach()
        except ForedeckError as error:
            self._app.workbench.show_failure(error)
            return
        self._put_away()
        self._app.adopt(connection)
        self._app.notice(f"Attached to {connection.attached_to}.")

    def _put_away(self) -> None:
        if self._app.is_running and self._app.screen is self._dialog:
            self._dialog.dismiss(None)
