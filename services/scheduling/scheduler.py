"""The loop that acts upon the due times of tasks while a host is there (SPEC T4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from datetime import datetime, timedelta

from foredeck.services.domain import clock
from foredeck.services.domain.errors import InvalidInput, StoreError
from foredeck.services.domain.events import (
    Event,
    NoticeRaised,
    Resync,
    RunSaved,
    ScheduleChanged,
    TaskSaved,
)
from foredeck.services.domain.states import FINAL_RUNS
from foredeck.services.domain.tasks import Task
from foredeck.services.event_bus import EventBus, Subscription
from foredeck.services.patience import to_the_end
from foredeck.services.scheduling.failures import Failures, Notify
from foredeck.services.scheduling.firing import ACTOR, Firing
from foredeck.services.scheduling.making import Executes, Making
from foredeck.services.scheduling.plan import starts_at
from foredeck.services.scheduling.waiting import WaitingFires
from foredeck.services.store.store import Store

_log = logging.getLogger(__name__)

# It looks so often at least, in seconds: the clock may have leapt, or the machine slept.
LONGEST_WAIT = 30.0
# What a clock may go back without anything being looked through for it.
_TOLERANCE = timedelta(seconds=1)

# How long who asks what was missed waits for the first look, in seconds.
_SETTLES_WITHIN = 5.0

Wait = Callable[[asyncio.Event, float], Awaitable[None]]
"""Returns when the event is set, or after so many seconds."""


async def wait_for(wake: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after so many seconds."""
    with suppress(TimeoutError):
        await asyncio.wait_for(wake.wait(), seconds)


class Scheduler:
    """Lives on the services' loop of a host that stays; one-shot commands have none.

    It looks again whenever a task, a schedule or the state of a run has changed. `notify` tells
    of what cannot be started. `grace` is in seconds, as `Firing` has it.
    """

    def __init__(
        self,
        store: Store,
        bus: EventBus,
        executes: Executes,
        notify: Notify,
        grace: float,
        wait: Wait = wait_for,
    ) -> None:
        making, failures = Making(executes, bus), Failures(notify)
        self._store = store
        self._bus = bus
        self._making = making
        self._firing = Firing(store, making, failures, grace)
        self._waiting = WaitingFires(store, making, failures)
        self._wait = wait
        self._wake = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._paused = False
        self._seen_at: datetime | None = None
        # What was told already, by task; "" stands for all of it.
        self._troubles: set[str] = set()
        self._looked = asyncio.Event()
        # Whether anything is to be started sooner or later; None before the first look.
        self.expects: bool | None = None

    def start(self) -> None:
        """Act upon what is due from now on, and upon what has come meanwhile."""
        self._work = asyncio.create_task(self._keep_up(), name="scheduler", context=Context())

    async def settled(self) -> None:
        """Return once what came due before this host has been answered, or in a few seconds."""
        if self._work is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._looked.wait(), _SETTLES_WITHIN)

    async def close(self) -> None:
        """Start nothing more; what is just being started is."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait({self._work})

    async def look(self) -> float:
        """Act upon what is due; return in how many seconds it is time to look again."""
        now = clock.now()
        if self._seen_at is None or now < self._seen_at - _TOLERANCE:
            await self._firing.mend()
        self._seen_at = now
        async with self._store.transaction(ACTOR) as tx:
            paused = await tx.scheduler.paused_at() is not None
            tasks, waiting = await tx.tasks.scheduled(), await tx.fires.queued()
            left = await tx.executions.not_begun()
        self.expects = not paused and bool(tasks or waiting)
        resumed, self._paused = self._paused and not paused, paused
        if paused:
            return LONGEST_WAIT
        for execution in left:
            if execution.due_at is not None:  # else a person's, who is starting it just now
                await to_the_end(self._making.start(execution.id))
        due = [task for task in tasks if _acts_at(task) <= now]
        acted = [await self._try(self._firing.answer(task.id, resumed), task.id) for task in due]
        for task_id in dict.fromkeys(fire.task_id for fire in waiting):
            acted += [await self._try(self._waiting.start(task_id), task_id)]
        later = [_acts_at(task) for task in tasks if task not in due]
        return 0.0 if any(acted) else self._until(min(later, default=None))

    async def _try(self, work: Awaitable[bool], task_id: str) -> bool:
        """Return what the work does; one task that cannot be helped holds up no other."""
        try:
            acted = await work
        except StoreError:
            raise  # nothing could be stored of the others, either
        except Exception as error:
            _log.exception("the schedule of task %s could not be acted upon", task_id)
            self._tell(task_id, f"The schedule of task {task_id} could not be acted upon: {error}")
            return False
        self._troubles.discard(task_id)
        return acted

    def _until(self, moment: datetime | None) -> float:
        if moment is None:
            return LONGEST_WAIT
        return min(LONGEST_WAIT, max(0.0, (moment - clock.now()).total_seconds()))

    async def _keep_up(self) -> None:
        events = self._bus.subscribe()
        listening = asyncio.create_task(self._listen(events), name="scheduler's ear")
        try:
            while True:
                self._wake.clear()
                seconds = await self._look_again()
                self._looked.set()
                await self._wait(self._wake, seconds)
        finally:
            await events.aclose()
            await asyncio.wait({listening})

    async def _look_again(self) -> float:
        """Look; what goes wrong is told once, and tried again."""
        try:
            seconds = await self.look()
        except Exception as error:
            if not isinstance(error, StoreError):
                _log.exception("the schedules could not be acted upon")
            self._tell("", f"The schedules could not be acted upon: {error} It is tried again.")
            return LONGEST_WAIT
        self._troubles.discard("")
        return seconds

    def _tell(self, what: str, message: str) -> None:
        if what not in self._troubles:
            self._troubles.add(what)
            self._bus.publish(NoticeRaised(severity="error", message=message))

    async def _listen(self, events: Subscription) -> None:
        async for event in events:
            if _matters(event):
                self._wake.set()


def _matters(event: Event) -> bool:
    if isinstance(event, RunSaved):
        return event.state in FINAL_RUNS
    return isinstance(event, TaskSaved | ScheduleChanged | Resync)


def _acts_at(task: Task) -> datetime:
    """Return when the next moment of a task is to be acted upon."""
    assert task.next_at is not None
    if task.schedule is None:
        return task.next_at
    try:
        return starts_at(task.id, task.schedule, task.next_at)
    except InvalidInput:  # it is found out when it is due
        return task.next_at
