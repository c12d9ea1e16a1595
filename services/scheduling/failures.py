"""Tells people of due times of which no run could be made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from foredeck.services.domain.events import NoticeRaised
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.schedules import Fire, FireState
from foredeck.services.domain.tasks import Task
from foredeck.services.store.store import Transaction

_NAME_LENGTH = 60

Notify = Callable[[Transaction, Task, Fire], Awaitable[None]]
"""Stores, with the fire, that somebody is told of it (`Notifications.due_time_failed`)."""


class Failures:
    """Tells of the first of several in a row: as a message here, and by what `notify` reaches."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify

    async def tell(self, tx: Transaction, task: Task, fire: Fire) -> None:
        """Tell of a fire that was just stored in this transaction, if it has failed."""
        if fire.state is not FireState.FAILED:
            return
        before = await tx.fires.before(fire)
        if before is not None and before.state is FireState.FAILED:
            return
        name = safe_line(task.name, limit=_NAME_LENGTH)
        message = f"The task {name} was due. {fire.reason}"
        tx.publish(NoticeRaised(severity="error", message=message))
        await self._notify(tx, task, fire)
