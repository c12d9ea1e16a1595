"""What a person does to a run between its steps: pause, skip, re-run, another budget.

Each is one transaction that leaves its reason in the history; the run's driver then acts on
what it finds stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from foredeck.services.domain import audit, clock
from foredeck.services.domain.errors import Conflict, InvalidInput, NotFound
from foredeck.services.domain.records import Run, SkipCause, Step
from foredeck.services.domain.states import ACTIVE_RUNS, FINAL_RUNS, RunState, StepState
from foredeck.services.store.store import Transaction
from foredeck.services.workflow import definition, fail_fast, graph
from foredeck.services.workflow.outcomes import end_attempt, is_under_way
from foredeck.services.workflow.rework import rewire

_SKIPPABLE = frozenset({StepState.PENDING, StepState.WAITING, StepState.RETRY, StepState.FAILED})
_RESTING = FINAL_RUNS | {RunState.WAITING}
VOIDED = "Its round no longer counts: the run was re-run from {}"


@dataclass(frozen=True, slots=True)
class Change:
    """A run after an intervention; `goes_on` says that something of it may start now.

    `dropped` are the ids of steps whose attempt is over by that.
    """

    run: Run
    goes_on: bool
    dropped: tuple[str, ...] = ()


async def pause(tx: Transaction, run_id: str, reason: str) -> Change:
    """Let nothing more of the run start; raises `Conflict` unless it is active."""
    run = await tx.runs.get(run_id)
    if run.state not in ACTIVE_RUNS:
        raise Conflict(f"Run {run.id} is {run.state}: there is nothing to pause.")
    if run.paused_at:
        raise Conflict(f"Run {run.id} is paused already.", f"foredeck runs resume {run.id}")
    await tx.runs.save(replace(run, paused_at=clock.now()))
    await tx.runs.note(run_id, f"paused: {reason}" if reason else "paused")
    return Change(await tx.runs.get(run_id), goes_on=False)


async def skip(tx: Transaction, run_id: str, key: str, reason: str) -> Change:
    """Skip a step; what needs it goes on as if it had succeeded. Raises `Conflict`."""
    run, steps, step = await load(tx, run_id, key)
    check_skip(run, step)
    dropped = await _drop(tx, step)
    released = graph.plan_skip(steps, key)
    await tx.move_step(
        step.id,
        StepState.SKIPPED,
        reason=reason or "skipped by a person",
        skip_cause=SkipCause.PERSON,
        over_budget=False,
        retry_at=None,
        ended_at=clock.now(),
    )
    why = f"{step.title} was skipped"
    for behind in steps:
        if behind.key in released:
            await _set_pending(tx, behind, why)
    asks = graph.approvals(steps, released)
    dropped += await ask_again(tx, [s for s in steps if s.key in asks], why)
    if run.state in FINAL_RUNS or (run.state is RunState.WAITING and not run.paused_at):
        run = await _reopen(tx, run, f"{step.title} was skipped")
    return Change(run, goes_on=run.state is not RunState.CREATED, dropped=dropped)


async def rerun(tx: Transaction, run_id: str, key: str) -> Change:
    """Run a step and everything after it once more; raises `Conflict`.

    The rounds that an earlier verdict asked for become skipped; a new verdict revives them.
    """
    run, steps, step = await load(tx, run_id, key)
    check_rerun(run, steps, step)
    plan = graph.plan_rerun(steps, key)
    why = f"re-run from {step.title}"
    dropped: list[str] = []
    for each in steps:
        if each.key in plan.keeps:
            continue
        dropped += await _drop(tx, each)
        if each.key in plan.voids:
            await _void(tx, each, VOIDED.format(step.title))
        else:
            await _set_pending(tx, each, why)
    await _go_back_to_round(tx, steps, plan.voids, step.round)
    return Change(await _reopen(tx, run, why), goes_on=True, dropped=tuple(dropped))


def _budget(run: Run) -> dict[str, Any]:
    return {"tokens": run.budget_tokens, "cost_usd": run.budget_cost}


async def set_budget(
    tx: Transaction, run_id: str, tokens: int | None, cost: float | None
) -> Change:
    """Change a run's limits: None leaves one as it is, 0 takes it away.

    Raises `InvalidInput` for a negative one.
    """
    if (tokens or 0) < 0 or (cost or 0) < 0:
        raise InvalidInput("A budget cannot be negative.", "0 takes the limit away.")
    run = await tx.runs.get(run_id)
    changed = replace(
        run,
        budget_tokens=run.budget_tokens if tokens is None else tokens or None,
        budget_cost=run.budget_cost if cost is None else cost or None,
        warned=(),
    )
    await tx.runs.save(changed)
    why = f"budget: {_limit(changed)}"
    tx.audit(audit.change("run.budget", run_id, why, _budget(run), _budget(changed)))
    held = any(step.over_budget for step in await tx.steps.of_run(run_id))
    if run.state is RunState.WAITING and held and not run.paused_at:
        return Change(await _reopen(tx, changed, why), goes_on=True)
    await tx.runs.note(run_id, why)
    return Change(await tx.runs.get(run_id), goes_on=False)


async def load(tx: Transaction, run_id: str, key: str) -> tuple[Run, tuple[Step, ...], Step]:
    """Return a run, its steps and the one called `key`; raises `NotFound`."""
    run, steps = await tx.runs.get(run_id), await tx.steps.of_run(run_id)
    step = next((step for step in steps if step.key == key), None)
    if step is None:
        known = ", ".join(step.key for step in steps)
        raise NotFound(f"Run {run.id} has no step {key}.", f"Its steps are {known}.")
    return run, steps, step


def check_skip(run: Run, step: Step) -> None:
    """Raise `Conflict` if the step cannot be skipped now."""
    if run.state is RunState.CANCELLED:
        raise Conflict(f"Run {run.id} was cancelled.", "Retry it first, then skip the step.")
    if step.state is StepState.RUNNING:
        raise Conflict(f"{step.title} is running.", "Let it end, or cancel the run.")
    if step.state not in _SKIPPABLE:
        raise Conflict(f"{step.title} cannot be skipped: it is {step.state}.")


def check_rerun(run: Run, steps: tuple[Step, ...], step: Step) -> None:
    """Raise `Conflict` if the run cannot go back to the step now."""
    if run.state not in _RESTING:
        advice = "Pause it and let the stage under way end, or cancel it."
        raise Conflict(f"Run {run.id} is {run.state}: it cannot go back now.", advice)
    if step.state is StepState.PENDING:
        raise Conflict(
            f"{step.title} has yet to start: there is nothing to run again.",
            f"Go on with the run: foredeck runs resume {run.id}",
        )
    if step.skip_cause is SkipCause.VOID:
        raise Conflict(
            f"{step.title} belongs to a round that no longer counts.",
            "Re-run from a stage of the first round; a new verdict begins another.",
        )
    workflow = definition.from_json(run.definition)
    fail_fast.check(workflow, steps, {step.key, *graph.downstream(steps, [step.key])})
    if culprit := graph.unsatisfied(steps, step):
        raise Conflict(
            f"{step.title} needs {culprit.title}, which is {culprit.state}.",
            f"Re-run from there: --step {culprit.key}",
        )


async def _drop(tx: Transaction, step: Step) -> tuple[str, ...]:
    """End the attempt of a step that waits in the middle of it."""
    if not await is_under_way(tx, step):
        return ()
    await end_attempt(tx, step, StepState.CANCELLED)
    return (step.id,)


async def _go_back_to_round(
    tx: Transaction, steps: tuple[Step, ...], voids: tuple[str, ...], number: int
) -> None:
    """Let what comes after rounds that are void come after the round before them again."""
    last = {s.spec_id: s.key for s in sorted(steps, key=lambda s: s.round) if s.round <= number}
    instead = {s.key: last[s.spec_id] for s in steps if s.key in voids and s.spec_id in last}
    for step in steps:
        if step.key not in voids:
            await rewire(tx, step, instead)


async def ask_again(tx: Transaction, gates: Sequence[Step], why: str) -> tuple[str, ...]:
    """Make gates ask anew; return the ids of those whose question was open."""
    dropped: list[str] = []
    for gate in gates:
        dropped += await _drop(tx, gate)
        await _set_pending(tx, gate, why)
    return tuple(dropped)


async def _set_pending(tx: Transaction, step: Step, why: str) -> None:
    """Make a step start anew; what its last attempt came to no longer counts.

    That goes for the approval of a gate, too (SPEC A7), and the history says so.
    """
    why = f"approval void: {why}" if graph.is_approved(step) else why
    fresh: dict[str, Any] = {
        "skip_cause": SkipCause.NONE,
        "over_budget": False,
        "summary": "",
        "verdict": None,
        "failure": None,
        "started_at": None,
        "ended_at": None,
        "retry_at": None,
        "max_attempts": max(step.max_attempts, step.attempt + 1),
    }
    if step.state is StepState.PENDING:
        await tx.steps.save(replace(step, reason="", **fresh))
        return
    await tx.move_step(step.id, StepState.PENDING, reason=why, **fresh)
    await tx.steps.save(replace(await tx.steps.get(step.id), reason=""))


async def _void(tx: Transaction, step: Step, why: str) -> None:
    """Skip a step of a round that no longer counts; its conversation stays."""
    void: dict[str, Any] = {
        "skip_cause": SkipCause.VOID,
        "over_budget": False,
        "summary": "",
        "verdict": None,
        "failure": None,
        "retry_at": None,
        "ended_at": step.ended_at or clock.now(),
    }
    if step.state is StepState.SKIPPED:
        await tx.steps.save(replace(step, reason=why, **void))
        return
    await tx.move_step(step.id, StepState.SKIPPED, reason=why, **void)


async def _reopen(tx: Transaction, run: Run, why: str) -> Run:
    return await tx.move_run(
        run.id,
        RunState.RUNNING,
        reason=why,
        ended_at=None,
        error="",
        summary="",
        paused_at=None,
    )


def _limit(run: Run) -> str:
    tokens = f"{run.budget_tokens:,} tokens" if run.budget_tokens else ""
    cost = f"{run.budget_cost:g} US dollars" if run.budget_cost else ""
    return ", ".join(filter(None, (tokens, cost))) or "no limit"
