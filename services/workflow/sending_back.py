"""`rework` of a step that gives no verdict: its condition alone says when work goes back (D1)."""

from __future__ import annotations

from dataclasses import replace

from foredeck.services.agents.registry import AGENTS
from foredeck.services.domain.records import Failure, FailureClass, Step
from foredeck.services.domain.states import StepState
from foredeck.services.domain.workflow import StepSpec, WorkflowSpec
from foredeck.services.store.store import Transaction
from foredeck.services.workflow.judging import sends_back, shown_of
from foredeck.services.workflow.rework import LAST, append_rework


async def after_success(
    tx: Transaction, workflow: WorkflowSpec, step: Step, summary: str
) -> Failure | None:
    """Send the work back if the step's condition says so; return why the step fails instead.

    It does where the work is still to go back after the last round.
    """
    spec = _spec(workflow, step)
    if not _decides(spec):
        return None
    ended = replace(step, summary=summary)
    why = await _send_back(tx, workflow, ended, StepState.SUCCESS)
    return _still_wanted(spec, why) if why else None


async def after_failure(
    tx: Transaction, workflow: WorkflowSpec, step: Step, failure: Failure
) -> Failure:
    """Send the work back if the condition of a step that has failed for good says so.

    Returns the failure, which says so if that was not possible any more.
    """
    if not _decides(_spec(workflow, step)):
        return failure
    ended = replace(step, summary=failure.detail.strip() or failure.message)
    why = await _send_back(tx, workflow, ended, StepState.FAILED)
    return replace(failure, message=f"{failure.message} {_sentence(why)}") if why else failure


def _spec(workflow: WorkflowSpec, step: Step) -> StepSpec:
    return next(spec for spec in workflow.steps if spec.id == step.spec_id)


def _decides(spec: StepSpec) -> bool:
    """Whether the condition decides alone: with a verdict, that has the first word."""
    judges = spec.role in AGENTS and AGENTS[spec.role].judges
    return spec.rework is not None and bool(spec.rework.when) and not judges


async def _send_back(tx: Transaction, workflow: WorkflowSpec, step: Step, state: StepState) -> str:
    """Append the next round if it is wanted; return why not if it is wanted all the same."""
    steps = await tx.steps.of_run(step.run_id)
    wanted, wrong = sends_back(workflow, steps, step, state)
    if wrong or not wanted:
        return wrong
    return await append_rework(tx, workflow, step, lambda _steps: "")


def _still_wanted(spec: StepSpec, why: str) -> Failure:
    if why != LAST:
        advice = "Correct `when` of the rework in the workflow file and start a new run."
        return Failure(FailureClass.INTERNAL, _sentence(why), advice)
    shown = shown_of(spec.rework.when if spec.rework else "")
    return Failure(
        FailureClass.VERDICT,
        f"The work was to go back once more, by the condition {shown}; {why}.",
        "Read what the step says, then start a new run with what is missing, or retry this step.",
    )


def _sentence(why: str) -> str:
    return f"{why[:1].upper()}{why[1:].rstrip('.')}."
