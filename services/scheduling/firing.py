"""Answers the due times of a task: what becomes of each is stored with its run (SPEC T4).

One transaction holds the fires, the runs, and the next moment of the task. A host that dies
before it has answered nothing, one that dies behind it leaves runs that the next host starts:
no moment is answered twice, and none is lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from foredeck.services.domain import clock
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.schedules import Fire, FireState, Schedule
from foredeck.services.domain.tasks import Task
from foredeck.services.patience import to_the_end
from foredeck.services.scheduling import fields
from foredeck.services.scheduling.failures import Failures
from foredeck.services.scheduling.making import MOST_TRIES, CannotBeMade, Making
from foredeck.services.scheduling.plan import Come, come, first_open, next_moment
from foredeck.services.scheduling.policy import Answer, Standing, decide
from foredeck.services.store.store import Store, Transaction

_log = logging.getLogger(__name__)

ACTOR = "scheduler"


@dataclass(frozen=True, slots=True)
class Seen:
    """What an answer goes by; while it stays the same, the answer is right."""

    task: Task
    standing: Standing
    answered: frozenset[datetime]


class Firing:
    """`grace`: a moment that is seen so many seconds late is missed."""

    def __init__(self, store: Store, making: Making, failures: Failures, grace: float) -> None:
        self._store = store
        self._making = making
        self._failures = failures
        self._grace = timedelta(seconds=grace)

    async def answer(self, task_id: str, resumed: bool = False) -> bool:
        """Answer what has come of a task; whether there was anything.

        `resumed`: the schedules go on just now, so whatever has come is missed.
        """
        for _ in range(MOST_TRIES):
            now = clock.now()
            seen = await self._look(task_id, now)
            if seen is None or (schedule := seen.task.schedule) is None:
                return False
            late = clock.NEVER if resumed else now - self._grace
            try:
                found = await self._come(seen, schedule, now, late)
            except InvalidInput as error:
                await self._give_up(seen, error, now)
                return True
            answers = decide(schedule, found, seen.standing, now)
            if await self._carry_out(seen, answers, found.next_at, now):
                return True
        return False

    async def mend(self) -> None:
        """Set the next moments right that are none any more, such as after the clock went back."""
        async with self._store.transaction(ACTOR) as tx:
            scheduled = await tx.tasks.with_schedule()
        if not scheduled:
            return
        await asyncio.to_thread(fields.load)  # not while the others wait for the transaction
        now = clock.now()
        async with self._store.transaction(ACTOR) as tx:
            for task in await tx.tasks.with_schedule():
                if (right := await _right_moment(tx, task, now)) != task.next_at:
                    await tx.tasks.save(replace(task, next_at=right))

    async def _look(self, task_id: str, now: datetime) -> Seen | None:
        async with self._store.transaction(ACTOR) as tx:
            return await _seen(tx, task_id, now)

    async def _come(self, seen: Seen, schedule: Schedule, now: datetime, late: datetime) -> Come:
        """Return what has come and has no answer yet."""
        assert seen.task.next_at is not None
        # In a thread of its own: after a year there may be many.
        first = seen.task.next_at
        found = await asyncio.to_thread(come, seen.task.id, schedule, first, now, late)
        return replace(
            found,
            missed=tuple(one for one in found.missed if one not in seen.answered),
            on_time=tuple(one for one in found.on_time if one not in seen.answered),
        )

    async def _carry_out(
        self, seen: Seen, answers: tuple[Answer, ...], next_at: datetime, now: datetime
    ) -> bool:
        """Store the answers and start the runs; False if something else is true meanwhile."""
        prepared: dict[datetime, Any] = {}
        try:
            for answer in answers:
                if answer.state is FireState.STARTED:
                    prepared[answer.due_at] = await self._making.prepare(seen.task)
            return await to_the_end(self._store_and_start(seen, answers, prepared, next_at, now))
        except CannotBeMade as error:
            answers = tuple(_failed(answer, error) for answer in answers)
            return await to_the_end(self._store_and_start(seen, answers, {}, next_at, now))

    async def _store_and_start(
        self,
        seen: Seen,
        answers: tuple[Answer, ...],
        prepared: Mapping[datetime, Any],
        next_at: datetime | None,
        now: datetime,
    ) -> bool:
        runs: list[str] = []
        async with self._store.transaction(ACTOR) as tx:
            if await _seen(tx, seen.task.id, now) != seen:
                return False
            for answer in answers:
                run_id = None
                if answer.state is FireState.STARTED:
                    due_at = answer.due_at
                    run_id = await self._making.add(tx, seen.task.id, prepared[due_at], due_at)
                    runs.append(run_id)
                fire = fire_of(seen.task, answer, run_id, now)
                await tx.fires.add(fire)
                await self._failures.tell(tx, seen.task, fire)
            await tx.tasks.save(replace(await tx.tasks.get(seen.task.id), next_at=next_at))
        for run_id in runs:
            await self._making.start(run_id)
        return True

    async def _give_up(self, seen: Seen, error: InvalidInput, now: datetime) -> None:
        """Take a task off the schedule whose expression or zone is none any more."""
        assert seen.task.next_at is not None
        reason = f"{error} It is not due any more until its schedule is mended."
        answer = Answer(seen.task.next_at, FireState.FAILED, reason)
        answers = () if answer.due_at in seen.answered else (answer,)
        await self._store_and_start(seen, answers, {}, None, now)


async def _seen(tx: Transaction, task_id: str, now: datetime) -> Seen | None:
    """Return what there is to be answered by; None if there is nothing to be answered."""
    task = await tx.tasks.get(task_id)
    if await tx.scheduler.paused_at() is not None or task.next_at is None or task.next_at > now:
        return None
    if not is_on(task):
        await tx.tasks.save(replace(task, next_at=None))
        return None
    unfinished = await tx.executions.unfinished(task_id)
    queued = await tx.fires.queued(task_id)
    standing = Standing(unfinished[0].id if unfinished else "", len(queued))
    return Seen(uncounted(task), standing, await tx.fires.answered(task_id, task.next_at))


def is_on(task: Task) -> bool:
    """Whether the schedule of a task may start it."""
    on = task.schedule is not None and task.schedule.enabled
    return on and task.active and task.deleted_at is None


def uncounted(task: Task) -> Task:
    """Return a task without what other runs of it change meanwhile."""
    return replace(task, executions=0, successes=0, failures=0, last_executed_at=None)


async def _right_moment(tx: Transaction, task: Task, now: datetime) -> datetime | None:
    """Return the next moment of a task as it should be stored."""
    try:
        expected = next_moment(task, now)
    except InvalidInput as error:
        _log.warning("the schedule of task %s is none any more: %s", task.id, error)
        return task.next_at
    if expected is None or task.next_at is None or task.next_at <= expected:
        return task.next_at if expected is not None and task.next_at is not None else expected
    # It lies behind one that comes earlier: the clock was ahead when it was stored.
    answered = await tx.fires.answered(task.id, expected)
    assert task.schedule is not None
    return first_open(task.schedule, now, task.next_at, answered)


def _failed(answer: Answer, error: CannotBeMade) -> Answer:
    if answer.state is not FireState.STARTED:
        return answer
    return replace(answer, state=FireState.FAILED, reason=f"No run could be made: {error}")


def fire_of(task: Task, answer: Answer, run_id: str | None, now: datetime) -> Fire:
    """Return the record of a due time that is answered."""
    return Fire(new_id(), task.id, answer.due_at, now, answer.state, run_id, answer.reason)
