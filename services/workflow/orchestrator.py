"""The orchestrator: starts, stops, retries and recovers runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.records import Run, Step
from foredeck.services.domain.states import ACTIVE_RUNS, FINAL_RUNS, RunState, StepState
from foredeck.services.store.store import Store
from foredeck.services.workflow import definition, graph
from foredeck.services.workflow.execution import StepExecution
from foredeck.services.workflow.outcomes import RunContext, lose
from foredeck.services.workflow.run_driver import RunDriver, cancel_steps, settle

_log = logging.getLogger(__name__)


class Orchestrator:
    """Every active run has one driver here; lives on the services' loop.

    `abandon` ends what an earlier host left running for a run and marks its jobs lost.
    """

    def __init__(
        self,
        store: Store,
        execution: StepExecution,
        abandon: Callable[[str], Awaitable[None]],
    ) -> None:
        self._store = store
        self._execution = execution
        self._abandon = abandon
        self._drivers: dict[str, RunDriver] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def recover(self) -> None:
        """Bring every run that an earlier host left behind to the truth, and go on with it."""
        async with self._store.transaction("recovery") as tx:
            runs = await tx.runs.active()
        for run in runs:
            await self._reconcile(run.id)
            await self._launch(run)

    async def _reconcile(self, run_id: str) -> None:
        """End what an earlier host left running for this run, and say so in its steps.

        A step that was running has lost its codex turn; only a person can say whether it
        may be repeated, so it waits.
        """
        if run_id in self._drivers:
            return
        await self._abandon(run_id)
        async with self._store.transaction("recovery") as tx:
            if (await tx.runs.get(run_id)).state not in ACTIVE_RUNS:
                return
            for step in await tx.steps.of_run(run_id):
                if step.state is StepState.RUNNING:
                    await lose(tx, step, _LOST)
            steps = await tx.steps.of_run(run_id)
            await settle(tx, run_id, steps, ready=bool(graph.ready(steps)))

    async def start(self, run_id: str) -> Run:
        """Start a created run; a second start raises `Conflict`."""
        async with self._store.transaction("user") as tx:
            run = await tx.runs.get(run_id)
            if run.state is not RunState.CREATED:
                raise Conflict(
                    f"Run {run.id} was started already: it is {run.state}.",
                    "Use retry to give failed steps another attempt.",
                )
            run = await tx.move_run(run.id, RunState.RUNNING, started_at=clock.now())
        await self._launch(run)
        return run

    async def retry(self, run_id: str, step_key: str | None = None) -> Run:
        """Give the steps that ended badly, or one of them, another attempt in the same run."""
        await self._reconcile(run_id)
        async with self._store.transaction("user") as tx:
            run = await tx.runs.get(run_id)
            steps = await tx.steps.of_run(run_id)
            plan = retry_plan(run, steps, step_key)
            by_key = {step.key: step for step in steps}
            for key in (*plan.repeats, *plan.releases):
                step = by_key[key]
                spare = max(0, step.max_attempts - step.attempt)
                await tx.move_step(
                    step.id,
                    StepState.PENDING,
                    reason="",
                    max_attempts=step.max_attempts + (0 if spare else 1),
                    ended_at=None,
                    retry_at=None,
                )
            run = await tx.move_run(run.id, RunState.RUNNING, reason="retry", ended_at=None)
        await self._launch(run)
        return run

    async def cancel(self, run_id: str, reason: str) -> Run:
        """Stop a run; returns when its state is stored and nothing of it is left."""
        driver, task = self._drivers.get(run_id), self._tasks.get(run_id)
        if driver and task:
            driver.stop(reason)
            await asyncio.shield(asyncio.wait({task}))
        else:
            await self._reconcile(run_id)
        async with self._store.transaction("user") as tx:
            run = await tx.runs.get(run_id)
            if run.state in FINAL_RUNS:
                if driver and run.state is RunState.CANCELLED:
                    return run
                raise Conflict(f"Run {run.id} is {run.state} already: there is nothing to stop.")
            return await cancel_steps(tx, run_id, reason)

    async def wait(self, run_id: str) -> None:
        """Return when nothing drives the run any more."""
        if task := self._tasks.get(run_id):
            await asyncio.wait({task})

    async def close(self) -> None:
        """Stop every driver; the runs end cancelled and can be retried later."""
        for driver in self._drivers.values():
            driver.stop("Foredeck was closed")
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    async def _launch(self, run: Run) -> None:
        async with self._store.transaction() as tx:
            project = await tx.projects.get(run.project_id)
        context = RunContext(project, run, definition.from_json(run.definition))
        driver = RunDriver(self._store, self._execution, context)
        task = asyncio.create_task(self._drive(driver, run.id), name=f"run {run.id}")
        self._drivers[run.id], self._tasks[run.id] = driver, task
        task.add_done_callback(lambda done: self._ended(run.id, done))

    async def _drive(self, driver: RunDriver, run_id: str) -> None:
        """Drive the run; if the driver itself breaks, the run must not look alive for ever."""
        try:
            await driver.drive()
        except Exception:
            _log.exception("the driver of run %s broke", run_id)
            async with self._store.transaction() as tx:
                await cancel_steps(tx, run_id, "Foredeck itself failed; its log says how")

    def _ended(self, run_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(run_id) is task:
            del self._tasks[run_id], self._drivers[run_id]
        if not task.cancelled() and (error := task.exception()):
            _log.error("run %s could not be settled", run_id, exc_info=error)


_LOST = "Foredeck ended while this stage worked; its codex turn was stopped. Retry it to go on"


def retry_plan(run: Run, steps: tuple[Step, ...], step_key: str | None) -> graph.RetryPlan:
    """Return what a retry would do; raises `Conflict` when it is not possible."""
    if run.state in (RunState.CREATED, RunState.RUNNING, RunState.RETRY):
        raise Conflict(f"Run {run.id} is {run.state}: it cannot be retried now.")
    if step_key and step_key not in {step.key for step in steps}:
        known = ", ".join(step.key for step in steps)
        raise Conflict(f"Run {run.id} has no step {step_key}.", f"Its steps are {known}.")
    plan = graph.plan_retry(steps, step_key)
    if not plan.repeats:
        raise Conflict(f"Nothing of run {run.id} ended badly, so there is nothing to retry.")
    return plan
