"""Turns what became of runs into notifications: each once, whatever dies in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from foredeck.services.domain.events import (
    Event,
    NoticeRaised,
    NotificationSaved,
    QuestionSaved,
    Resync,
    RunSaved,
    StepSaved,
)
from foredeck.services.domain.ids import id_of
from foredeck.services.domain.notices import (
    Cause,
    Channel,
    Delivery,
    DeliveryState,
    Notification,
)
from foredeck.services.domain.schedules import Fire
from foredeck.services.domain.states import FINAL_RUNS, QuestionState, RunState, StepState
from foredeck.services.domain.tasks import Task
from foredeck.services.event_bus import EventBus
from foredeck.services.notifications.wording import (
    cause_of,
    text_of_due_time,
    text_of_end,
    text_of_wait,
    title_of,
)
from foredeck.services.patience import PAUSE
from foredeck.services.store.notifications import Moved
from foredeck.services.store.store import Store, Transaction

_log = logging.getLogger(__name__)

# So many transitions are looked through in one transaction: others want to write, too.
AT_ONCE = 100


class Notifier:
    """Looks through the transitions behind the cursor; lives on the services' loop.

    A notification, its deliveries and the cursor are stored in one transaction. `causes` are
    told unless the run's task says otherwise, through the `channels`; `told` is called when
    there is something to deliver.
    """

    def __init__(
        self,
        store: Store,
        bus: EventBus,
        causes: Sequence[Cause],
        channels: Iterable[Channel],
        told: Callable[[], None],
    ) -> None:
        self._store = store
        self._bus = bus
        self._causes = tuple(causes)
        self._channels = tuple(channels)
        self._told = told

    async def follow(self, events: AsyncIterator[Event], *, at_once: bool = True) -> None:
        """Look `at_once`, and whenever something may have to be told, until they end.

        A burst of events is one look: what is behind the cursor is looked through to its end.
        """
        wake, ended = asyncio.Event(), asyncio.Event()
        if at_once:
            wake.set()
        listening = asyncio.create_task(self._listen(events, wake, ended), name="what may be told")
        try:
            while True:
                await wake.wait()
                wake.clear()
                closing = ended.is_set()  # then this look is the last
                await self._look_patiently(ended)
                if closing:
                    return
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def look(self) -> None:
        """Tell everything that is behind the cursor."""
        while await self._store.durably(self._look_through_some):
            self._told()

    async def due_time_failed(self, tx: Transaction, task: Task, fire: Fire) -> None:
        """Tell that no run could be made, if the task wants it told; stored with the fire."""
        if Cause.FAILURE not in self._wanted(task.notify):
            return
        project = await tx.projects.get(task.project_id)
        notification = Notification(
            id=id_of(f"notification {fire.id}"),
            transition_id=None,
            run_id=None,
            cause=Cause.FAILURE,
            at=fire.at,
            title=title_of(task.name),
            text=text_of_due_time(project.name, fire.due_at, fire.reason),
            fire_id=fire.id,
        )
        await self._add(tx, notification)

    async def _look_patiently(self, ended: asyncio.Event) -> None:
        """Look, and again after a while as long as that fails; a person is told once.

        What a host that closes cannot look through is left to the next one.
        """
        complained = False
        while True:
            try:
                await self.look()
            except Exception as error:
                _log.exception("what happened could not be looked through")
                if ended.is_set():
                    return
                if not complained:
                    complained = True
                    message = f"Notifications have to wait: {error} It is tried again."
                    self._bus.publish(NoticeRaised(severity="error", message=message))
                await asyncio.sleep(PAUSE)
            else:
                return

    async def _look_through_some(self) -> bool:
        """Tell what the next transitions want told; return whether there were any."""
        async with self._store.transaction("notifier") as tx:
            moved = await tx.attention.behind(AT_ONCE)
            for one in moved:
                await self._tell(tx, one)
            if moved:
                await tx.attention.looked(moved[-1].id)
        return bool(moved)

    async def _tell(self, tx: Transaction, moved: Moved) -> None:
        execution = await tx.executions.of(moved.run_id)
        causes = self._wanted(None if execution is None else execution.notify)
        if moved.state in _WAITING:
            notification = await _waiting(tx, moved) if Cause.WAITING in causes else None
        else:
            notification = await _ended(tx, moved, causes)
        if notification is not None:
            await self._add(tx, notification)

    def _wanted(self, own: Sequence[Cause] | None) -> Sequence[Cause]:
        """Return what is told; a task may have its own wishes."""
        return self._causes if own is None else own

    async def _add(self, tx: Transaction, notification: Notification) -> None:
        await tx.notifications.add(notification)
        for channel in self._channels:
            await tx.deliveries.add(_on_its_way(notification, channel))

    async def _listen(
        self, events: AsyncIterator[Event], wake: asyncio.Event, ended: asyncio.Event
    ) -> None:
        try:
            async for event in events:
                if _may_matter(event):
                    wake.set()
                elif isinstance(event, NotificationSaved):
                    self._told()  # a due time's is stored by the scheduler
        finally:
            ended.set()
            wake.set()


_WAITING = (RunState.WAITING.value, QuestionState.OPEN.value)


async def _ended(tx: Transaction, moved: Moved, causes: Sequence[Cause]) -> Notification | None:
    state = RunState(moved.state)
    cause = cause_of(state, causes)
    if cause is None:
        return None
    run = await tx.runs.get(moved.run_id)
    project = await tx.projects.get(run.project_id)
    title, text = title_of(run.title), text_of_end(run, state, project.name)
    return Notification(_id_for(moved.id), moved.id, run.id, cause, moved.at, title, text)


async def _waiting(tx: Transaction, moved: Moved) -> Notification | None:
    """Return what to tell of a run that waits, None if it is known or does not wait any more.

    It is known if something waits still that waited when it was told last: a person who comes
    for that sees the rest. So the notification stands for the last transition there is by
    which something of the run waits.
    """
    told = await tx.notifications.last_waiting(moved.run_id)
    if moved.id <= told:
        return None
    waits = await tx.attention.waits(moved.run_id)
    if not waits or any(one.begun <= told for one in waits):
        return None
    run = await tx.runs.get(moved.run_id)
    project = await tx.projects.get(run.project_id)
    latest, at = await tx.attention.latest_wait(run.id)
    title, text = title_of(run.title), text_of_wait(project.name, waits[0].what)
    return Notification(_id_for(latest), latest, run.id, Cause.WAITING, at, title, text)


def _id_for(transition_id: int) -> str:
    return id_of(f"notification {transition_id}")


def _on_its_way(notification: Notification, channel: Channel) -> Delivery:
    return Delivery(
        id=id_of(f"delivery {notification.id} {channel.value}"),
        notification_id=notification.id,
        channel=channel,
        state=DeliveryState.PENDING,
        next_at=notification.at,
    )


def _may_matter(event: Event) -> bool:
    match event:
        case RunSaved():
            moved = event.previous not in (None, event.state)
            return moved and event.state in FINAL_RUNS | {RunState.WAITING}
        case StepSaved():
            return event.state is StepState.WAITING
        case QuestionSaved():
            return event.state is QuestionState.OPEN
        case _:
            return isinstance(event, Resync)
