"""What every way to tell a person has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from foredeck.services.notifications.wording import Telling


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt went; `error` is empty if it arrived.

    `final` says that another attempt would end the same way; `wait` is how long to wait for
    it at least, in seconds, if the other side has said so.
    """

    error: str = ""
    final: bool = False
    wait: float | None = None


class Sender(Protocol):
    """Tells it once; never raises but for its cancellation."""

    async def __call__(self, telling: Telling, /) -> Outcome: ...
