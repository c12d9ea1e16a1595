"""What the screens need of the application, without knowing it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, cast

from textual.dom import DOMNode
from textual.signal import Signal

from foredeck.services.domain.errors import NotFound

if TYPE_CHECKING:
    from foredeck.app.bridge import HostChanged
    from foredeck.services.host.interface import Host


class Shell(Protocol):
    """The application as the screens see it (implemented by `ForedeckApp`)."""

    @property
    def host(self) -> Host | None: ...
    @property
    def is_host(self) -> bool: ...
    @property
    def attached_to(self) -> str: ...
    @property
    def can_let_work_on(self) -> bool: ...
    @property
    def now(self) -> Callable[[], datetime]: ...
    @property
    def changed(self) -> Signal[HostChanged]: ...

    def connect(self) -> None:
        """Open the services again after a failure."""
        ...

    def data_shown(self) -> None:
        """Say that what is stored is on the screen for the first time."""
        ...

    def leave(self, return_code: int = 0, *, let_work_on: bool = False) -> None:
        """End the application; `let_work_on` leaves what works to a host in the background."""
        ...

    def start(self, work: Coroutine[Any, Any, None], group: str = "action") -> None:
        """Run an action in the background; what it raises is shown."""
        ...

    def notice(self, message: str, severity: str = "information") -> None:
        """Show a toast."""
        ...

    def show_error(self, error: Exception) -> None:
        """Show what went wrong, as one sentence."""
        ...


def shell_of(node: DOMNode) -> Shell:
    """Return the application of a screen or a widget."""
    return cast("Shell", node.app)


def host_of(node: DOMNode) -> Host:
    """Return the host of a screen or a widget; raises `NotFound` while there is none."""
    host = shell_of(node).host
    if host is None:
        raise NotFound("The data is not open.")
    return host
