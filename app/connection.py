"""What the dashboard gets from whoever opens the services for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foredeck.services.host.interface import Host


@dataclass(frozen=True, slots=True)
class Connection:
    """An open host and how to let go of it.

    `close` ends what has to end and returns when it has; the dashboard awaits it after
    the terminal is back to normal, because Textual itself waits for nothing on its way out.
    """

    host: Host
    close: Callable[[], Awaitable[None]]


# Opens the services away from the screen's loop; raises `ForedeckError`. It is called
# after the first paint, and again when the person asks for another try.
Connect = Callable[[], Awaitable[Connection]]
