"""Passes over what was due before a backup was restored: it may have started where it was taken."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

from foredeck.services.domain import clock
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.tasks import Task
from foredeck.services.scheduling.firing import fire_of, is_on
from foredeck.services.scheduling.plan import come
from foredeck.services.scheduling.policy import passed_over
from foredeck.services.store.store import Store

_WHY = "a backup was restored, and it may have started where that was taken"


async def pass_over(store: Store) -> int:
    """Record what has come of all tasks as missed, none to be made up for; return of how many.

    What comes from now on is due as ever. For a store that no scheduler works on.
    """
    now = clock.now()
    async with store.transaction() as tx:
        tasks = [task for task in await tx.tasks.scheduled() if is_on(task)]
    return sum([await _passed_over(store, task, now) for task in tasks])


async def _passed_over(store: Store, task: Task, now: datetime) -> bool:
    if task.schedule is None or task.next_at is None or task.next_at > now:
        return False
    try:
        # In a thread of its own: after a year there may be many.
        found = await asyncio.to_thread(
            come, task.id, task.schedule, task.next_at, now, clock.NEVER
        )
    except InvalidInput:
        return False  # the scheduler tells it, as of any schedule that is none any more
    async with store.transaction("recovery") as tx:
        answered = await tx.fires.answered(task.id, task.next_at)
        for answer in passed_over(found, now, _WHY):
            if answer.due_at not in answered:
                await tx.fires.add(fire_of(task, answer, None, now))
        await tx.tasks.save(replace(task, next_at=found.next_at))
    return True
