"""The orchestrator: starts, stops, retries and recovers runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from weakref import WeakValueDictionary

from foredeck.services.departure import Departure
from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.records import Run
from foredeck.services.domain.states import ACTIVE_RUNS, FINAL_RUNS, RunState
from foredeck.services.store.store import Store, Transaction
from foredeck.services.workflow.boundary import Boundary
from foredeck.services.workflow.execution import StepExecution
from foredeck.services.workflow.interventions import Change
from foredeck.services.workflow.outcomes import RunContext, was_lost
from foredeck.services.workflow.places import Places
from foredeck.services.workflow.retrying import repeat, retry_plan
from foredeck.services.workflow.run_driver import CLOSED, Abandon, RunDriver, cancel_steps
from foredeck.services.workflow.taking_up import context_of, in_turn, read_left
from foredeck.services.workflow.workspace_turns import WorkspaceTurns

_log = logging.getLogger(__name__)


class Orchestrator:
    """Every active run has one driver here; lives on the services' loop.

    Commands on one run are carried out one after the other: two clients that retry at the
    same moment must not drive it twice. `abandon` ends what an earlier host left running for
    a run and marks its jobs lost.
    """

    def __init__(
        self,
        store: Store,
        execution: StepExecution,
        abandon: Abandon,
        departure: Departure | None = None,
        boundary: Boundary | None = None,
        *,
        command_limit: int = 100,
    ) -> None:
        self._store = store
        self._execution = execution
        self._abandon = abandon
        self._departure = departure or Departure()
        self._boundary = boundary or Boundary()
        self._drivers: dict[str, RunDriver] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._commands: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._workspaces = WorkspaceTurns()
        self._places = Places(command_limit)
        self._closing = False

    @property
    def driven(self) -> int:
        """How many runs have a driver at the moment."""
        return len(self._tasks)

    @property
    def driven_runs(self) -> tuple[str, ...]:
        """The ids of the runs that have a driver at the moment."""
        return tuple(self._tasks)

    async def recover(self, *, hold: bool = False) -> None:
        """Go on with every run that an earlier host left behind.

        The driver of each takes its steps up where they are now: what still works outside is
        followed, what ended meanwhile is stored, and what vanished is lost. With `hold` each
        is paused, so that nothing new starts behind that.
        """
        # All are read before the first is driven: its own writing would come in between.
        async with self._store.transaction("recovery") as tx:
            runs = await in_turn(tx, await tx.runs.active())
            found = [(run.id, await read_left(tx, run, hold=hold)) for run in runs]
        for run_id, context in found:
            if isinstance(context, RunContext):
                async with self._alone(run_id):
                    if run_id not in self._drivers:
                        await self._begin_to_drive(context)
            else:
                async with self._store.transaction("recovery") as tx:
                    await cancel_steps(tx, run_id, f"It could not be taken up again: {context}")

    @asynccontextmanager
    async def _alone(self, run_id: str) -> AsyncIterator[None]:
        """Hold the run for one command that may start it; what it finds stays true meanwhile."""
        async with self._lock(run_id):
            if self._closing:
                raise Conflict("Foredeck is being closed.", "Start it again, then repeat this.")
            yield

    def _lock(self, run_id: str) -> asyncio.Lock:
        lock = self._commands.get(run_id)
        if lock is None:
            self._commands[run_id] = lock = asyncio.Lock()
        return lock

    async def _abandon_left(self, run_id: str) -> None:
        """End what an earlier host left running for a run that nobody drives."""
        if run_id not in self._drivers:
            await self._abandon(run_id)

    async def _abandon_quietly(self, run_id: str, step_id: str | None = None) -> None:
        """End what is left as far as that is possible; what follows has to follow anyway."""
        try:
            await self._store.durably(lambda: self._abandon(run_id, step_id))
        except Exception:
            _log.exception("not all that was left of run %s could be ended", run_id)

    async def start(self, run_id: str, actor: str = "user") -> Run:
        """Start a created run; a second start raises `Conflict`. `actor` is who does it."""
        async with self._alone(run_id):
            async with self._store.transaction(actor) as tx:
                run = await tx.runs.get(run_id)
                if run.state is not RunState.CREATED:
                    raise Conflict(
                        f"Run {run.id} was started already: it is {run.state}.",
                        _instead_of_start(run),
                    )
                run = await tx.move_run(run.id, RunState.RUNNING, started_at=clock.now())
                context = await context_of(tx, run)
            await self._launch(context)
        return run

    async def retry(self, run_id: str, step_key: str | None = None) -> Run:
        """Give the steps that ended badly, or one of them, another attempt in the same run."""
        async with self._alone(run_id):
            async with self._store.transaction("user") as tx:
                run = await tx.runs.get(run_id)
                steps = await tx.steps.of_run(run_id)
                dropped = await repeat(tx, steps, retry_plan(run, steps, step_key))
                run = await tx.move_run(
                    run.id,
                    RunState.RUNNING,
                    reason="retry",
                    ended_at=None,
                    error="",
                    paused_at=None,
                )
                context = await context_of(tx, run)
            await self._let_go_of(run_id, dropped)
            await self._launch(context)
        return run

    async def resume(self, run_id: str) -> Run:
        """Go on with a paused run, and with steps whose turn was lost, from their last word.

        What a budget holds back looks at it again, and a run that a dead host left behind is
        taken up. Raises `Conflict` if there is nothing of that kind to do.
        """
        async with self._alone(run_id):
            async with self._store.transaction("user") as tx:
                run = await tx.runs.get(run_id)
                steps = await tx.steps.of_run(run_id)
                lost = [s for s in steps if await was_lost(tx, s)]
                held = run.paused_at is not None or any(s.over_budget for s in steps)
                left = run.state in ACTIVE_RUNS and run_id not in self._drivers
                if not lost and not held and not left:
                    raise Conflict(
                        f"Run {run.id} is {run.state}: it is not paused, and nothing in it was "
                        "cut off."
                    )
                for step in lost:
                    await self._execution.outcomes.go_on(tx, step)
                run = await _unpause(tx, run)
                context = await context_of(tx, run)
            await self._go_on(context)
        return run

    async def intervene(
        self, run_id: str, change: Callable[[Transaction], Awaitable[Change]]
    ) -> Run:
        """Change a run in one transaction, then let its driver act on what it finds."""
        async with self._alone(run_id):
            async with self._store.transaction("user") as tx:
                changed = await change(tx)
                context = await context_of(tx, changed.run)
            await self._let_go_of(run_id, changed.dropped)
            if changed.goes_on:
                await self._go_on(context)
        return changed.run

    async def _let_go_of(self, run_id: str, step_ids: tuple[str, ...]) -> None:
        """End what works for steps whose attempt is over by an intervention."""
        driver = self._drivers.get(run_id)
        for step_id in step_ids:
            if driver is None or not driver.drop(step_id):
                await self._abandon_quietly(run_id, step_id)
        if driver is not None:
            driver.wake()

    async def _go_on(self, context: RunContext) -> None:
        """Let the run's driver look again, or launch one."""
        driver = self._drivers.get(context.run.id)
        if driver is None or not driver.wake():
            await self._launch(context)

    async def cancel(self, run_id: str, reason: str) -> Run:
        """Stop a run; returns when its state is stored and nothing of it is left."""
        stopped = self._stop(run_id, reason)  # at once: whoever retries must not get ahead
        async with self._lock(run_id):
            stopped = self._stop(run_id, reason) or stopped
            if task := self._tasks.get(run_id):
                await asyncio.shield(asyncio.wait({task}))
            else:
                await self._abandon_left(run_id)
            async with self._store.transaction("user") as tx:
                run = await tx.runs.get(run_id)
                if run.state not in FINAL_RUNS:
                    return await cancel_steps(tx, run_id, reason)
        if stopped and run.state is RunState.CANCELLED:
            return run
        raise Conflict(f"Run {run.id} is {run.state} already: there is nothing to stop.")

    def _stop(self, run_id: str, reason: str) -> bool:
        driver = self._drivers.get(run_id)
        if driver:
            driver.stop(reason)
        return driver is not None

    async def wait(self, run_id: str) -> None:
        """Return when nothing drives the run any more."""
        if task := self._tasks.get(run_id):
            await asyncio.wait({task})

    async def close(self) -> None:
        """Stop every driver; the runs end cancelled and can be retried later.

        In a house that departs they stay as they are, for the next host to go on with.
        """
        self._closing = True
        self._stop_all()
        for lock in list(self._commands.values()):
            async with lock:  # a command under way may launch one more
                pass
        self._stop_all()
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    def _stop_all(self) -> None:
        for run_id in self._drivers:
            self._stop(run_id, CLOSED)

    async def _launch(self, context: RunContext) -> None:
        await self._take_up_neighbours(context)
        await self._begin_to_drive(context)

    async def _take_up_neighbours(self, context: RunContext) -> None:
        """Take up what a dead host left in this project: it comes first in the workspace.

        A command that is the host for a moment takes up nothing else; but two runs must never
        write in one workspace at once.
        """
        async with self._store.transaction("recovery") as tx:
            others = [
                run
                for run in await in_turn(tx, await tx.runs.active())
                if run.project_id == context.project.id and run.id != context.run.id
            ]
            found = [await read_left(tx, run, hold=False) for run in others]
        for other in found:
            if isinstance(other, RunContext) and other.run.id not in self._drivers:
                await self._begin_to_drive(other)

    async def _begin_to_drive(self, context: RunContext) -> None:
        run_id = context.run.id
        if (driver := self._drivers.get(run_id)) and driver.wake():
            return  # it waits for a time, and goes on with what has become ready now
        if before := self._tasks.get(run_id):
            await asyncio.wait({before})  # it has settled the run and is about to end
        turn = self._workspaces.of(context.project.workspace)
        driver = RunDriver(
            self._store,
            self._execution,
            context,
            turn,
            self._departure,
            self._boundary,
            self._abandon_quietly,
            self._places,
        )
        if self._closing:
            driver.stop(CLOSED)
        task = asyncio.create_task(self._drive(driver, run_id), name=f"run {run_id}")
        self._drivers[run_id], self._tasks[run_id] = driver, task
        task.add_done_callback(lambda done: self._ended(run_id, done))

    async def _drive(self, driver: RunDriver, run_id: str) -> None:
        """Drive the run; if the driver itself breaks, the run must not look alive for ever."""
        try:
            await driver.drive()
        except Exception:
            _log.exception("the driver of run %s broke", run_id)
            await self._store.durably(lambda: self._give_up(run_id))

    async def _give_up(self, run_id: str) -> None:
        async with self._store.transaction() as tx:
            await cancel_steps(tx, run_id, "Foredeck itself failed; its log says how")

    def _ended(self, run_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(run_id) is task:
            del self._tasks[run_id], self._drivers[run_id]
        if not task.cancelled() and (error := task.exception()):
            _log.error("run %s could not be settled", run_id, exc_info=error)


def _instead_of_start(run: Run) -> str:
    if run.state in (RunState.FAILED, RunState.CANCELLED, RunState.PARTIAL_SUCCESS):
        return f"What ended badly is tried again with: foredeck runs retry {run.id}"
    if run.state is RunState.SUCCESS:
        return f"A new run of the same is begun with: foredeck runs restart {run.id}"
    if run.paused_at is not None:
        return f"It goes on with: foredeck runs resume {run.id}"
    return f"See it with: foredeck runs watch {run.id}"


async def _unpause(tx: Transaction, run: Run) -> Run:
    """Let steps of the run start again."""
    if run.state is RunState.RUNNING:
        await tx.runs.save(replace(run, paused_at=None))
        await tx.runs.note(run.id, "resumed")
        return await tx.runs.get(run.id)
    return await tx.move_run(run.id, RunState.RUNNING, reason="resumed", paused_at=None)
