"""What the dashboard gets from whoever opens the services for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foredeck.services.host.interface import Host


async def _at_once() -> None:
    """The host is open already."""


def _nobody_waits() -> None:
    """Nothing waits for the screen."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An open host and how to let go of it.

    The host answers what is stored, and more once `opened` returns; that raises the
    `ForedeckError` of what came in between. `shown` says that what is stored is on the
    screen: until then, or a moment, the rest stands back.

    `close` ends what has to end and returns when it has; the dashboard awaits it after
    the terminal is back to normal, because Textual itself waits for nothing on its way out.

    `let_work_on`, called before that, makes `close` leave what works as it is, for another
    host to go on with; None where nobody could (a rehearsal ends with its model).

    `attached_to` says whose the host is when it is another process, which may go away:
    `reattach` then waits until there is another one, and attaches to that.
    """

    host: Host
    close: Callable[[], Awaitable[None]]
    opened: Callable[[], Awaitable[None]] = _at_once
    shown: Callable[[], None] = _nobody_waits
    attached_to: str = ""
    let_work_on: Callable[[], None] | None = None
    reattach: Connect | None = None


# Opens the services away from the screen's loop; raises `ForedeckError`. It is called
# after the first paint, and again when the person asks for another try.
Connect = Callable[[], Awaitable[Connection]]
