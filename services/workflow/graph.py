"""The pure logic of a run's graph: what may start, what is blocked, what a retry repeats.

Nothing here reads a clock, a database or a process. Steps are given in the order of the
definition, and every answer keeps that order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from foredeck.services.domain.records import Step
from foredeck.services.domain.states import FINAL_STEPS, StepState
from foredeck.services.domain.workflow import WorkflowSpec

_REPEATABLE = frozenset({StepState.FAILED, StepState.CANCELLED, StepState.WAITING})


def ready(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return the pending steps whose needs are all satisfied."""
    satisfied = _satisfied(steps)
    return tuple(
        step
        for step in steps
        if step.state is StepState.PENDING and all(satisfied[need] for need in step.needs)
    )


def blocked(steps: Sequence[Step]) -> tuple[tuple[Step, Step], ...]:
    """Return (step, culprit): pending steps that can never start, and the need that ended badly.

    A step behind a blocked one appears once the blocked one has been skipped.
    """
    satisfied, by_key = _satisfied(steps), _by_key(steps)
    found = []
    for step in steps:
        if step.state is not StepState.PENDING:
            continue
        culprits = (
            by_key[need]
            for need in step.needs
            if by_key[need].state in FINAL_STEPS and not satisfied[need]
        )
        if culprit := next(culprits, None):
            found.append((step, culprit))
    return tuple(found)


def downstream(steps: Sequence[Step], keys: Iterable[str]) -> frozenset[str]:
    """Return the keys of every step that needs one of `keys`, directly or not."""
    reached = set(keys)
    found: set[str] = set()
    for step in steps:
        if reached.intersection(step.needs):
            reached.add(step.key)
            found.add(step.key)
    return frozenset(found)


def under_way(step: Step) -> bool:
    """Whether an attempt of the step is not over: it works, or waits for an answer."""
    began = step.started_at is not None and step.ended_at is None
    return began and step.state in (StepState.RUNNING, StepState.WAITING)


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """What a retry would do, as step keys in the order of the definition."""

    repeats: tuple[str, ...]
    releases: tuple[str, ...]
    keeps: tuple[str, ...]


def plan_retry(steps: Sequence[Step], key: str | None = None) -> RetryPlan:
    """Plan another attempt of every step that ended badly, or of step `key` alone.

    `repeats` run again; `releases` were skipped (or cancelled before they began) because of
    those and become pending; `keeps` are finished and stay. An empty `repeats` means that
    there is nothing to retry.
    """
    chosen = {
        step.key
        for step in steps
        if step.state in _REPEATABLE and not under_way(step) and (key is None or step.key == key)
    }
    behind = downstream(steps, chosen)
    released = {step.key for step in steps if step.key in behind and _never_began(step)}
    repeats = chosen - released
    keeps = {step.key for step in steps if step.state is StepState.SUCCESS}
    ordered = [step.key for step in steps]
    return RetryPlan(
        tuple(k for k in ordered if k in repeats),
        tuple(k for k in ordered if k in released),
        tuple(k for k in ordered if k in keeps),
    )


def rework_keys(spec: WorkflowSpec, from_id: str, to_id: str) -> tuple[str, ...]:
    """Return the ids of the steps on the way from `to_id` to `from_id`, both included."""
    needs = {step.id: step.needs for step in spec.steps}
    ahead = {to_id}
    for step in spec.steps:
        if ahead.intersection(step.needs):
            ahead.add(step.id)
    behind = {from_id}
    for step in reversed(spec.steps):
        if step.id in behind:
            behind.update(needs[step.id])
    return tuple(step.id for step in spec.steps if step.id in ahead & behind)


def instance_key(spec_id: str, round_number: int) -> str:
    """Return the key of the n-th instance of a step: `builder`, `builder#2`, …"""
    return spec_id if round_number == 1 else f"{spec_id}#{round_number}"


def _never_began(step: Step) -> bool:
    return step.state is StepState.SKIPPED or (
        step.state is StepState.CANCELLED and step.attempt == 0
    )


def _by_key(steps: Iterable[Step]) -> Mapping[str, Step]:
    return {step.key: step for step in steps}


def _satisfied(steps: Sequence[Step]) -> dict[str, bool]:
    """Return for each key whether what needs it may go on.

    A step skipped by a person or by its condition satisfies; one skipped because a need
    failed does not: told apart by its own needs, so that no extra mark is stored. A failed
    step that is not critical satisfies (SPEC D6).
    """
    by_key, known = _by_key(steps), {}

    def look(key: str) -> bool:
        if key not in known:
            step = by_key[key]
            if step.state is StepState.SKIPPED:
                known[key] = all(look(need) for need in step.needs)
            elif step.state is StepState.FAILED:
                known[key] = not step.critical
            else:
                known[key] = step.state is StepState.SUCCESS
        return known[key]

    return {step.key: look(step.key) for step in steps}
