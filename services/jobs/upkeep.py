"""What is done once a day while a host is open, and never fails without a word."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from foredeck.services.domain.events import NoticeRaised
from foredeck.services.event_bus import EventBus

_log = logging.getLogger(__name__)

# So many things are tidied up at most before something else has its turn.
AT_ONCE = 100
# How long until the next of them, and until it is looked again, in seconds.
_NEXT, _DAY = 1.0, 86_400.0

Pause = Callable[[float], Awaitable[None]]


async def daily(
    tidy: Callable[[], Awaitable[bool]], what: str, bus: EventBus, pause: Pause
) -> None:
    """Remove the output of `what` is old enough, now and once a day, until this is cancelled.

    `tidy` returns whether more is left; `pause` waits for so many seconds.
    """
    while True:
        more = False
        try:
            more = await tidy()
        except Exception as error:  # never without a word, and never for the last time
            _log.exception("the output of old %s could not be removed", what)
            warn(bus, f"The output of old {what} could not be removed: {error}")
        await pause(_NEXT if more else _DAY)


def warn(bus: EventBus, message: str) -> None:
    """Tell a person what could not be done."""
    bus.publish(NoticeRaised(severity="warning", message=f"{message} See the log."))
