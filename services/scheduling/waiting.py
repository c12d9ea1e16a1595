"""Starts what the overlap rule has queued, when the run before it is over (SPEC T4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from foredeck.services.domain import clock
from foredeck.services.domain.schedules import Fire, FireState, Overlap
from foredeck.services.domain.tasks import Task
from foredeck.services.patience import to_the_end
from foredeck.services.scheduling.failures import Failures
from foredeck.services.scheduling.firing import ACTOR, is_on, uncounted
from foredeck.services.scheduling.making import MOST_TRIES, CannotBeMade, Making
from foredeck.services.store.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class _Turn:
    """The fire of a task whose turn it is."""

    task: Task
    fire: Fire


class WaitingFires:
    """The due times that wait; those of one task start in their order."""

    def __init__(self, store: Store, making: Making, failures: Failures) -> None:
        self._store = store
        self._making = making
        self._failures = failures

    async def start(self, task_id: str) -> bool:
        """Start the earliest of a task if nothing is in its way; whether anything was done."""
        for _ in range(MOST_TRIES):
            async with self._store.transaction(ACTOR) as tx:
                if await self._leave_out(tx, task_id):
                    return True
                turn = await _turn(tx, task_id)
            if turn is None:
                return False
            try:
                prepared = await self._making.prepare(turn.task)
                started = await to_the_end(self._store_and_start(turn, prepared))
            except CannotBeMade as error:
                started = await to_the_end(self._fail(turn, error))
            if started:
                return True
        return False

    async def _leave_out(self, tx: Transaction, task_id: str) -> bool:
        """Let go of what waits for a task that its schedule may not start any more."""
        if is_on(await tx.tasks.get(task_id)):
            return False
        reason = "The task or its schedule was switched off before its turn came."
        for fire in await tx.fires.queued(task_id):
            await tx.fires.save(
                replace(fire, at=clock.now(), state=FireState.SKIPPED, reason=reason)
            )
        return True

    async def _store_and_start(self, turn: _Turn, prepared: object) -> bool:
        async with self._store.transaction(ACTOR) as tx:
            if await _turn(tx, turn.task.id) != turn:
                return False
            due_at, now = turn.fire.due_at, clock.now()
            run_id = await self._making.add(tx, turn.task.id, prepared, due_at)
            waited = max(0, int((now - turn.fire.at).total_seconds()))
            reason = f"It had waited {waited} s for the run before it."
            await tx.fires.save(
                replace(turn.fire, at=now, state=FireState.STARTED, run_id=run_id, reason=reason)
            )
        await self._making.start(run_id)
        return True

    async def _fail(self, turn: _Turn, error: CannotBeMade) -> bool:
        async with self._store.transaction(ACTOR) as tx:
            if await _turn(tx, turn.task.id) != turn:
                return False
            reason = f"No run could be made: {error}"
            failed = replace(turn.fire, at=clock.now(), state=FireState.FAILED, reason=reason)
            await tx.fires.save(failed)
            await self._failures.tell(tx, turn.task, failed)
            return True


async def _turn(tx: Transaction, task_id: str) -> _Turn | None:
    """Return whose turn it is, None while it is nobody's."""
    task, waiting = await tx.tasks.get(task_id), await tx.fires.queued(task_id)
    if not waiting or await tx.scheduler.paused_at() is not None or task.schedule is None:
        return None
    if task.schedule.overlap is not Overlap.ALLOW and await tx.executions.unfinished(task_id):
        return None
    return _Turn(uncounted(task), waiting[0])
