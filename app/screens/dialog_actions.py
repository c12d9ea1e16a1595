"""What all groups of actions share: a screen to ask on, a host to ask, a person to confirm."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from foredeck.app.screens.shell import shell_of
from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.views import Preview
from foredeck.services.host.interface import Host


class DialogActions:
    """Asks, confirms and commands; every coroutine may raise `ForedeckError`."""

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen

    @property
    def _host(self) -> Host:
        host = shell_of(self._screen).host
        if host is None:
            raise Conflict("The data is not open.")
        return host

    async def _confirm(
        self, preview: Preview, *, yes: str, no: str, dangerous: bool = True
    ) -> bool:
        from foredeck.app.screens.modals.confirm import ConfirmDialog

        if not preview.possible:
            raise Conflict(preview.reason or "It cannot be done now.")
        dialog = ConfirmDialog(preview, yes=yes, no=no, dangerous=dangerous)
        answer: bool = await self._screen.app.push_screen_wait(dialog)
        return answer

    def _say(self, sentence: str) -> None:
        shell_of(self._screen).notice(sentence)
