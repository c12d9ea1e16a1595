"""What a step's condition and its texts may name: inputs, its matrix, and the steps it needs."""

from __future__ import annotations

from collections.abc import Sequence

from foredeck.services.domain.records import Step
from foredeck.services.domain.states import StepState
from foredeck.services.domain.workflow import StepSpec, WorkflowSpec
from foredeck.services.workflow import graph

# What a group of instances is as a whole: the first of these that one of them is.
_WORST = (
    StepState.FAILED,
    StepState.CANCELLED,
    StepState.RUNNING,
    StepState.WAITING,
    StepState.RETRY,
    StepState.PENDING,
    StepState.SKIPPED,
)


def values_of(workflow: WorkflowSpec, steps: Sequence[Step], step: Step) -> dict[str, object]:
    """Return by its dotted name everything that `step` may name (SPEC D1).

    `inputs.NAME`, `matrix.KEY`, and `steps.ID.state` and `steps.ID.summary` of every step that
    it needs, directly or not: those of its last round. Where ID has a matrix, its state is
    success only if all instances are, else the worst of theirs; its summary is all of theirs,
    a paragraph each.
    """
    values: dict[str, object] = {f"inputs.{name}": value for name, value in workflow.inputs}
    needed = graph.upstream(steps, step.key)
    instances = _last_rounds([known for known in steps if known.key in needed])
    grouped: dict[str, list[Step]] = {}
    for spec in workflow.steps:
        if spec.id == step.spec_id:
            values |= {f"matrix.{key}": value for key, value in spec.matrix}
        if instance := instances.get(spec.id):
            for name in _names(spec):
                grouped.setdefault(name, []).append(instance)
    for name, members in grouped.items():
        values[f"steps.{name}.state"] = _state(members).value
        values[f"steps.{name}.summary"] = _summary(members)
    return values


def _names(spec: StepSpec) -> tuple[str, ...]:
    """An instance of a matrix has a name of its own, and that of its group."""
    return (spec.id, spec.group) if spec.group and spec.group != spec.id else (spec.id,)


def _last_rounds(steps: Sequence[Step]) -> dict[str, Step]:
    """Return by the id of its definition the last instance of each step."""
    return {step.spec_id: step for step in sorted(steps, key=lambda step: step.round)}


def _state(members: Sequence[Step]) -> StepState:
    states = {member.state for member in members}
    return next((state for state in _WORST if state in states), StepState.SUCCESS)


def _summary(members: Sequence[Step]) -> str:
    if len(members) == 1:
        return members[0].summary
    return "\n\n".join(f"{m.title}: {m.summary}" for m in members if m.summary)
