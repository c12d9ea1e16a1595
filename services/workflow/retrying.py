"""What a person's retry of a run does to its steps (SPEC D5): told first, then done."""

from __future__ import annotations

from foredeck.services.domain.errors import Conflict, NotFound
from foredeck.services.domain.records import Run, SkipCause, Step
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.store.store import Transaction
from foredeck.services.workflow import definition, fail_fast, graph
from foredeck.services.workflow.interventions import ask_again


def retry_plan(run: Run, steps: tuple[Step, ...], step_key: str | None) -> graph.RetryPlan:
    """Return what a retry would do; raises `Conflict` when it is not possible, `NotFound`."""
    if run.state in (RunState.CREATED, RunState.RUNNING, RunState.RETRY):
        advice = f"Start it with: foredeck runs start {run.id}" * (run.state is RunState.CREATED)
        raise Conflict(f"Run {run.id} is {run.state}: it cannot be retried now.", advice)
    if step_key and step_key not in {step.key for step in steps}:
        known = ", ".join(step.key for step in steps)
        raise NotFound(f"Run {run.id} has no step {step_key}.", f"Its steps are {known}.")
    plan = graph.plan_retry(steps, step_key)
    fail_fast.check(definition.from_json(run.definition), steps, plan.repeats)
    asking = [s for s in steps if graph.under_way(s) and step_key in (None, s.key)]
    if asking and not plan.repeats:
        raise Conflict(
            f"{asking[0].title} is not over: {asking[0].reason or 'it works'}.",
            f"Answer it first: foredeck runs questions {run.id}",
        )
    if not plan.repeats:
        raise Conflict(
            f"Nothing of run {run.id} ended badly, so there is nothing to retry.",
            f"foredeck runs retry {run.id} --step STEP --downstream repeats finished steps.",
        )
    return plan


async def repeat(
    tx: Transaction, steps: tuple[Step, ...], plan: graph.RetryPlan
) -> tuple[str, ...]:
    """Make the planned steps pending, each with one attempt more if it had none left.

    An approval of what is done again is void (SPEC A7): its gate asks once more. Returns the
    ids of gates whose attempt is over by that.
    """
    by_key = {step.key: step for step in steps}
    for key in (*plan.repeats, *plan.releases):
        step = by_key[key]
        spare = max(0, step.max_attempts - step.attempt)
        await tx.move_step(
            step.id,
            StepState.PENDING,
            reason="",
            max_attempts=step.max_attempts + (0 if spare else 1),
            skip_cause=SkipCause.NONE,
            over_budget=False,
            ended_at=None,
            retry_at=None,
        )
    why = f"retry of {', '.join(by_key[key].title for key in plan.repeats)}"
    return await ask_again(tx, [by_key[key] for key in plan.asks], why)
