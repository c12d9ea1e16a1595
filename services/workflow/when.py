"""`when`: a step whose condition does not hold is left out and counts as satisfied (SPEC D1)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from foredeck.services.domain import clock
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.records import Failure, FailureClass, SkipCause, Step
from foredeck.services.domain.states import StepState
from foredeck.services.domain.workflow import WorkflowSpec
from foredeck.services.store.store import Transaction
from foredeck.services.workflow.judging import holds, shown_of
from foredeck.services.workflow.outcomes import Outcomes
from foredeck.services.workflow.step_values import values_of

_log = logging.getLogger(__name__)

_ADVICE = (
    "Correct `when` in the workflow file and start a new run, or skip the step to go on without it."
)


@dataclass(frozen=True, slots=True)
class Unmet:
    """Why a step does not start: `reason` to skip it, or the `failure` of its condition."""

    reason: str = ""
    failure: Failure | None = None


def unmet(
    workflow: WorkflowSpec, steps: Sequence[Step], ready: Sequence[Step]
) -> list[tuple[Step, Unmet]]:
    """Return those of the `ready` steps whose condition does not hold, or cannot be judged."""
    conditions = {spec.id: spec.when for spec in workflow.steps}
    judged = (
        (step, _judge(conditions[step.spec_id], workflow, steps, step))
        for step in ready
        if conditions[step.spec_id]
    )
    return [(step, why) for step, why in judged if why is not None]


async def leave_out(tx: Transaction, outcomes: Outcomes, step: Step, why: Unmet) -> None:
    """Store that the step is skipped, or has failed with its condition."""
    if why.failure is not None:
        await outcomes.refuse(tx, step, why.failure)
        return
    await tx.move_step(
        step.id,
        StepState.SKIPPED,
        reason=why.reason,
        skip_cause=SkipCause.WHEN,
        ended_at=clock.now(),
    )


def _judge(text: str, workflow: WorkflowSpec, steps: Sequence[Step], step: Step) -> Unmet | None:
    shown = shown_of(text)
    try:
        met = holds(text, values_of(workflow, steps, step))
    except ForedeckError as error:
        return Unmet(failure=_failure(shown, error.message))
    except Exception as error:  # values of kinds that it cannot compare; one step, not the run
        _log.exception("the condition of step %s of run %s", step.key, step.run_id)
        return Unmet(failure=_failure(shown, f"{type(error).__name__}: {error}"))
    return None if met else Unmet(reason=f"its condition does not hold: {shown}")


def _failure(shown: str, why: str) -> Failure:
    message = f"Its condition cannot be evaluated: {shown}. {why}"
    return Failure(FailureClass.INTERNAL, message, _ADVICE)
