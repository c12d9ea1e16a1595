"""`fail_fast`: the first failure of a critical step stops everything else of its run (SPEC D6)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.records import Step
from foredeck.services.domain.states import FINAL_STEPS, StepState
from foredeck.services.domain.workflow import WorkflowSpec
from foredeck.services.store.store import Transaction
from foredeck.services.workflow import graph
from foredeck.services.workflow.outcomes import is_under_way


def culprit(workflow: WorkflowSpec, steps: Sequence[Step]) -> str:
    """Return why nothing more of the run may work; empty if it may."""
    failed = (s for s in graph.counted(steps) if s.state is StepState.FAILED and s.critical)
    first = next(failed, None) if workflow.fail_fast else None
    return f"fail_fast: {first.title} failed" if first else ""


def check(workflow: WorkflowSpec, steps: Sequence[Step], again: Collection[str]) -> None:
    """Raise `Conflict` if the run would stop at once because of a failure that stays.

    `again` are the keys of the steps that are to be done again.
    """
    stays = [s for s in graph.counted(steps) if s.key not in again]
    if again and culprit(workflow, stays):
        failed = next(s for s in stays if s.state is StepState.FAILED and s.critical)
        raise Conflict(
            f"{failed.title} failed too, and this workflow is fail_fast: nothing runs beside that.",
            f"Retry or skip {failed.key} first, or retry all that failed.",
        )


async def cancel_idle(tx: Transaction, steps: Sequence[Step], why: str) -> tuple[Step, ...]:
    """Cancel what has no attempt under way; return the steps as they are then.

    Attempts under way are for the driver to stop.
    """
    for step in steps:
        if step.state not in FINAL_STEPS and not await is_under_way(tx, step):
            await tx.move_step(
                step.id, StepState.CANCELLED, reason=why, ended_at=clock.now(), retry_at=None
            )
    return await tx.steps.of_run(steps[0].run_id)
