"""What the scheduler makes runs by; whoever knows tasks implements it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from foredeck.services.domain.errors import ForedeckError, StoreError
from foredeck.services.domain.events import NoticeRaised
from foredeck.services.domain.records import Trigger
from foredeck.services.domain.tasks import Execution, Task
from foredeck.services.event_bus import EventBus
from foredeck.services.store.store import Transaction

_log = logging.getLogger(__name__)

# How often what is seen of a task may have changed by the time it is written.
MOST_TRIES = 5


class Executes(Protocol):
    """Makes the runs of tasks. What `prepare` returns means something to `add` only."""

    async def prepare(self, task: Task, variables: Mapping[str, str], trigger: Trigger) -> Any:
        """Read what a run needs; no transaction is open. Raises `ForedeckError`."""
        ...

    async def add(
        self, tx: Transaction, task: Task, prepared: Any, due_at: datetime | None
    ) -> Execution:
        """Store a run and its execution with the caller's transaction, and count it."""
        ...

    async def start(self, run_id: str) -> None:
        """Have a run that is stored worked on. Raises `ForedeckError`."""
        ...


class CannotBeMade(ForedeckError):
    """No run of a task can be made just now; the message says why."""


class Making:
    """Makes runs such that nothing that goes wrong with one holds up the others."""

    def __init__(self, executes: Executes, bus: EventBus) -> None:
        self._executes = executes
        self._bus = bus
        # Of these runs a person knows that they cannot be started.
        self._told: set[str] = set()

    async def prepare(self, task: Task) -> Any:
        """Return what `add` needs; raises `CannotBeMade`, and `StoreError`, which may pass."""
        try:
            return await self._executes.prepare(task, {}, Trigger.SCHEDULE)
        except StoreError:
            raise
        except ForedeckError as error:
            raise CannotBeMade(error.message, error.advice) from error
        except Exception as error:
            _log.exception("a run of task %s could not be prepared", task.id)
            raise CannotBeMade(
                f"An error within Foredeck: {error}.", "Its log says more."
            ) from error

    async def add(self, tx: Transaction, task_id: str, prepared: Any, due_at: datetime) -> str:
        """Store a run and return its id; raises as `prepare` does."""
        try:
            # Anew each time: the one before has been counted in it.
            task = await tx.tasks.get(task_id)
            return (await self._executes.add(tx, task, prepared, due_at)).id
        except StoreError:
            raise
        except ForedeckError as error:
            raise CannotBeMade(error.message, error.advice) from error

    async def start(self, run_id: str) -> None:
        """Have a run worked on; what hinders it is told once, and the next look tries again."""
        try:
            await self._executes.start(run_id)
        except Exception as error:
            if run_id in self._told:
                return
            self._told.add(run_id)
            _log.exception("run %s was made by a schedule and could not be started", run_id)
            message = f"Run {run_id} was made by a schedule and could not be started: {error}"
            self._bus.publish(NoticeRaised(severity="error", message=message))
        else:
            self._told.discard(run_id)
