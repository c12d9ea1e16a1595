"""Drives one run: starts what is ready, waits, and settles the run's state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from foredeck.services.departure import Departure
from foredeck.services.domain import clock
from foredeck.services.domain.records import Run, SkipCause, Step, StepKind
from foredeck.services.domain.states import (
    FINAL_RUNS,
    FINAL_STEPS,
    RunState,
    StepState,
    derive_run_state,
)
from foredeck.services.store.store import Store, Transaction
from foredeck.services.workflow import fail_fast, graph, usage_wait, when
from foredeck.services.workflow.boundary import Boundary
from foredeck.services.workflow.execution import StepExecution, begins
from foredeck.services.workflow.outcomes import RunContext, end_attempt, is_under_way
from foredeck.services.workflow.places import Applicant, Places
from foredeck.services.workflow.workspace_turns import WorkspaceTurn

_log = logging.getLogger(__name__)

CLOSED = "Foredeck was closed"
_NO_PLACE = "Waits for a place: commands of other runs have all (setting command_limit)"

# What an attempt may be under way in.
_UNDER_WAY = (StepState.RUNNING, StepState.WAITING)

# While it waits for a time it looks at the clock now and then, in seconds: clocks are set, and
# machines sleep.
LOOK_AGAIN = 60.0


@dataclass(frozen=True)
class _Standing:
    """What one look at the run says: what to start, when to look again, why to stop."""

    start: tuple[Step, ...] = ()
    next_retry: datetime | None = None
    stop: str = ""


class Abandon(Protocol):
    """Ends what an earlier host left running for a run, or for one of its steps."""

    def __call__(self, run_id: str, step_id: str | None = None) -> Coroutine[Any, Any, None]: ...


class RunDriver:
    """Owns the tasks of one run; ends when nothing is left that could start by itself.

    From its first step until it ends it holds the `turn` of its workspace. What a step was
    stopped before it could take up, the driver has abandoned.
    """

    def __init__(
        self,
        store: Store,
        execution: StepExecution,
        context: RunContext,
        turn: WorkspaceTurn,
        departure: Departure,
        boundary: Boundary,
        abandon: Abandon,
        places: Places,
    ) -> None:
        self._store = store
        self._execution = execution
        self._context = context
        self._turn = turn
        self._departure = departure
        self._boundary = boundary
        self._abandon = abandon
        self._has_turn = False
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._places = places
        self._line = Applicant(places, self._wake)
        self._stop_reason: str | None = None
        self._settled = False

    def stop(self, reason: str) -> None:
        """Ask the driver to cancel its steps and end; `drive` returns when that is done."""
        self._stop_reason = self._stop_reason or reason
        self._wake.set()

    def wake(self) -> bool:
        """Make the driver look again: somebody else has changed the run; False if it is done."""
        self._wake.set()
        return not self._settled

    def drop(self, step_id: str) -> bool:
        """Let go of a step whose attempt somebody else has ended; False if nothing works on it."""
        task = self._tasks.get(step_id)
        if task is not None:
            task.cancel()
        return task is not None

    async def drive(self) -> None:
        """Run until the run is final, waits for a person, or is stopped.

        In a house that departs the run stays as it is stored.
        """
        try:
            if not await self._ended_by_itself() and not self._departure.leaving:
                self._settled = True  # whoever goes on after this must not count on it
                await self._abandon(self._context.run.id)
                await self._store.durably(self._cancel_rest)
        finally:
            if self._has_turn:
                self._turn.give_back()

    async def _ended_by_itself(self) -> bool:
        """Start what is ready until nothing is; False when it was stopped before."""
        try:
            while self._stop_reason is None:
                self._wake.clear()
                standing = await self._store.durably(self._look)
                if standing.stop:
                    self.stop(standing.stop)
                    continue
                if standing.start and not self._has_turn:
                    await self._take_turn(standing.start)
                    continue
                waits = self._start_all(standing.start)
                if waits and not self._tasks:
                    await self._store.durably(partial(self._say, waits, _NO_PLACE))
                if self._wake.is_set():
                    continue  # something was changed since that look
                if not self._tasks and not waits and standing.next_retry is None:
                    self._settled = True
                    return True
                await self._pause(standing.next_retry)
        finally:
            self._line.leave()
            await self._end_tasks()
        return False

    async def _take_turn(self, steps: tuple[Step, ...]) -> None:
        if holder := self._turn.holder:
            why = f"Waits for the runs before it in this workspace, first “{holder}”"
            await self._store.durably(lambda: self._say(steps, why))
        self._has_turn = await self._turn.take(self._context.run.title, self._wake)

    async def _say(self, steps: tuple[Step, ...], reason: str) -> None:
        async with self._store.transaction() as tx:
            for step in steps:
                if step.reason != reason:
                    await tx.steps.save(replace(await tx.steps.get(step.id), reason=reason))

    def _start_all(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """Start what may start; return the commands that stay pending for want of a place.

        They get theirs at a later look, by what is stored then: a place comes with one.
        """
        waits: list[Step] = []
        for step in steps:
            if step.kind is not StepKind.COMMAND:
                self._start(step)
                continue
            if not begins(step):
                self._places.occupy()
            elif waits or not self._line.take():
                waits.append(step)
                continue
            self._start(step).add_done_callback(lambda _done: self._places.give_back())
        self._line.pass_on()
        return tuple(waits)

    def _start(self, step: Step) -> asyncio.Task[None]:
        self._tasks[step.id] = task = asyncio.create_task(
            self._execution.attempt(self._context, step, self._reason),
            name=f"step {step.key} of run {step.run_id}",
        )
        return task

    def _reason(self) -> str:
        return self._stop_reason or CLOSED

    async def _pause(self, until: datetime | None) -> None:
        """Wait for a step to end, to be woken, or for the time of the next retry."""
        timeout = max(0.0, (until - clock.now()).total_seconds()) if until else None
        waker = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait(
                {waker, *self._tasks.values()},
                timeout=None if timeout is None else min(timeout, LOOK_AGAIN),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            waker.cancel()
        for step_id, task in list(self._tasks.items()):
            if task.done():
                del self._tasks[step_id]
                if not task.cancelled():
                    task.result()
                else:  # its step is stored as it is to be, and starts anew only behind this
                    left = self._abandon(self._context.run.id, step_id)
                    self._tasks[step_id] = asyncio.create_task(left)

    async def _end_tasks(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        results = await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()
        for result in results:
            if isinstance(result, Exception):
                _log.error("a step ended badly while it was stopped", exc_info=result)

    async def _look(self) -> _Standing:
        """Skip what is blocked, derive the run's state, and say what may start."""
        run_id = self._context.run.id
        async with self._store.transaction() as tx:
            steps = await skip_blocked(tx, run_id)
            if stop := fail_fast.culprit(self._context.workflow, steps):
                steps = await fail_fast.cancel_idle(tx, steps, stop)
                await settle(tx, run_id, steps, ready=False)
                return _Standing(stop=stop)
            paused = (await tx.runs.get(run_id)).paused_at is not None
            if not paused:
                steps = await self._judge_conditions(tx, steps)
                steps = await self._boundary.budgeted(tx, await tx.runs.get(run_id), steps)
            now = clock.now()
            idle = (s for s in steps if s.id not in self._tasks and s.state in _UNDER_WAY)
            left = [s for s in idle if await is_under_way(tx, s)]
            due = [s for s in steps if usage_wait.is_due(s, now)] + list(graph.ready(steps))
            due = [] if paused else self._context.by_priority(due)
            start = tuple(s for s in (*left, *due) if s.id not in self._tasks)
            works = any(s.state is not StepState.WAITING or s in due for s in start)
            await settle(tx, run_id, steps, ready=works)
        backing_off = (s for s in steps if usage_wait.goes_on_by_itself(s) and s not in start)
        times = [s.retry_at for s in backing_off if s.retry_at and not paused]
        return _Standing(start, min(times, default=None))

    async def _judge_conditions(self, tx: Transaction, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """Skip what is ready but for its condition, until all that is ready may start."""
        workflow, outcomes = self._context.workflow, self._execution.outcomes
        while unmet := when.unmet(workflow, steps, graph.ready(steps)):
            for step, why in unmet:
                await when.leave_out(tx, outcomes, step, why)
            steps = await skip_blocked(tx, self._context.run.id)
        return steps

    async def _cancel_rest(self) -> None:
        async with self._store.transaction() as tx:
            await cancel_steps(tx, self._context.run.id, self._reason())


async def skip_blocked(tx: Transaction, run_id: str) -> tuple[Step, ...]:
    """Skip every pending step that can never start; return the steps as they are then."""
    steps = await tx.steps.of_run(run_id)
    while blocked := graph.blocked(steps):
        for step, culprit in blocked:
            reason = f"{culprit.title} was {culprit.state}"
            if culprit.state is StepState.FAILED:
                reason = f"{culprit.title} failed"
            await tx.move_step(
                step.id,
                StepState.SKIPPED,
                reason=reason,
                skip_cause=SkipCause.NEED,
                ended_at=clock.now(),
            )
        steps = await tx.steps.of_run(run_id)
    return steps


async def settle(tx: Transaction, run_id: str, steps: tuple[Step, ...], *, ready: bool) -> Run:
    """Bring the run's stored state to what its steps say; return the run."""
    run = await tx.runs.get(run_id)
    paused = run.paused_at is not None
    steps = graph.counted(steps)
    state = derive_run_state(steps, ready=ready, paused=paused)
    if state is run.state:
        return run
    final = state in FINAL_RUNS
    return await tx.move_run(
        run_id,
        state,
        reason=_why(steps, state) or ("paused" if paused and not final else ""),
        paused_at=None if final else run.paused_at,
        ended_at=clock.now() if final else None,
        started_at=run.started_at or clock.now(),
        summary=_summary(steps) if final else run.summary,
        error=_errors(steps) if final else "",
    )


async def cancel_steps(tx: Transaction, run_id: str, reason: str) -> Run:
    """Cancel every step that is not final, and settle the run."""
    for step in await tx.steps.of_run(run_id):
        if step.state not in FINAL_STEPS:
            await end_attempt(tx, step, StepState.CANCELLED)
            await tx.move_step(
                step.id, StepState.CANCELLED, reason=reason, ended_at=clock.now(), retry_at=None
            )
    steps = await tx.steps.of_run(run_id)
    return await settle(tx, run_id, steps, ready=False)


def _why(steps: tuple[Step, ...], state: RunState) -> str:
    if state in (RunState.FAILED, RunState.PARTIAL_SUCCESS):
        return _errors(steps)
    stopped = [s.reason for s in steps if s.state.value == state.value and s.reason]
    return stopped[0] if stopped else ""


def _errors(steps: tuple[Step, ...]) -> str:
    """Return the aggregated error summary of a run (SPEC D7), a line a failed step."""
    return "\n".join(
        f"{s.title}: {s.failure.message}"
        for s in steps
        if s.state is StepState.FAILED and s.failure
    )


def _summary(steps: tuple[Step, ...]) -> str:
    said = [s.summary for s in steps if s.summary]
    return said[-1] if said else ""
