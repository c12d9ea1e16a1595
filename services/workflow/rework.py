"""Sending work back: fresh instances of the steps between two points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from foredeck.services.domain import clock
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import SkipCause, Step, StepKind
from foredeck.services.domain.states import FINAL_STEPS, StepState
from foredeck.services.domain.workflow import StepSpec, WorkflowSpec
from foredeck.services.store.store import Transaction
from foredeck.services.workflow import graph

SKIPPED = "marked as done in the workflow"

LAST = "that was the last round"


async def append_rework(
    tx: Transaction, workflow: WorkflowSpec, step: Step, why_not: Callable[[Sequence[Step]], str]
) -> str:
    """Append the next round behind `step`; return why not when its rounds are spent.

    Or what `why_not` says of the run's steps, if that is anything.

    Nothing runs twice: the round gets instances of its own (`builder#2`, …), so the graph
    stays acyclic and the first round stays on record (SPEC A3, D1). What comes after `step`
    waits for the new round.
    """
    spec = next(spec for spec in workflow.steps if spec.id == step.spec_id)
    if spec.rework is None or step.round > spec.rework.max:
        return LAST
    found = await tx.steps.of_run(step.run_id)
    if why := why_not(found):
        return why
    steps = {known.key: known for known in found}
    for fresh in next_round(workflow, step, spec, len(steps)):
        if voided := steps.get(fresh.key):
            await _revive(tx, voided, fresh)
        else:
            await tx.steps.add(fresh)
    again = graph.instance_key(step.spec_id, step.round + 1)
    for follower in steps.values():
        if _waits_for(follower, step):
            await rewire(tx, follower, {step.key: again})
    return ""


def _waits_for(follower: Step, step: Step) -> bool:
    """Whether a step that is after the round has yet to start, and so is after the next one."""
    idle = follower.state not in FINAL_STEPS or follower.state is StepState.SKIPPED
    return step.key in follower.needs and follower.round <= step.round and idle


async def rewire(tx: Transaction, step: Step, instead: Mapping[str, str]) -> None:
    """Let a step need other instances than it did, by key."""
    needs = tuple(instead.get(need, need) for need in step.needs)
    if needs != step.needs:
        await tx.steps.save(replace(await tx.steps.get(step.id), needs=needs))


async def _revive(tx: Transaction, voided: Step, fresh: Step) -> None:
    """Give a round that a re-run made void its tries back; its attempts stay on record."""
    await tx.move_step(
        voided.id,
        StepState.PENDING,
        skip_cause=SkipCause.NONE,
        needs=fresh.needs,
        max_attempts=voided.attempt + fresh.max_attempts,
        started_at=None,
        ended_at=None,
    )
    if fresh.state is StepState.SKIPPED:
        await tx.move_step(
            voided.id,
            fresh.state,
            reason=fresh.reason,
            skip_cause=fresh.skip_cause,
            ended_at=fresh.ended_at,
        )


def next_round(
    workflow: WorkflowSpec, step: Step, spec: StepSpec, position: int
) -> tuple[Step, ...]:
    """Return the fresh instances; the first of them needs the step that sent work back."""
    if spec.rework is None:
        return ()
    ids = graph.rework_keys(workflow, spec.id, spec.rework.to)
    number = step.round + 1
    by_id = {s.id: s for s in workflow.steps}
    fresh = []
    for offset, spec_id in enumerate(ids):
        inside = [need for need in by_id[spec_id].needs if need in ids]
        needs = tuple(graph.instance_key(need, number) for need in inside) or (step.key,)
        fresh.append(new_step(step.run_id, by_id[spec_id], position + offset, needs, number))
    return tuple(fresh)


def new_step(
    run_id: str, spec: StepSpec, position: int, needs: tuple[str, ...], round_number: int = 1
) -> Step:
    """Return an instance of a step: pending, or skipped if its definition says so."""
    title = spec.title if round_number == 1 else f"{spec.title} #{round_number}"
    return Step(
        id=new_id(),
        run_id=run_id,
        key=graph.instance_key(spec.id, round_number),
        spec_id=spec.id,
        position=position,
        kind=spec.kind,
        title=title,
        needs=needs,
        critical=spec.critical,
        state=StepState.SKIPPED if spec.skip else StepState.PENDING,
        skip_cause=SkipCause.PERSON if spec.skip else SkipCause.NONE,
        reason=SKIPPED if spec.skip else "",
        ended_at=clock.now() if spec.skip else None,
        round=round_number,
        max_attempts=1 if spec.kind is StepKind.GATE else 1 + spec.retries.max,
    )
