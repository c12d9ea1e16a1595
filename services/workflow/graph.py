"""The pure logic of a run's graph: what may start, what is blocked, what a retry repeats.

Nothing here reads a clock, a database or a process. Steps are given in the order of the
definition, in which a step may come before what it needs; every answer keeps that order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from foredeck.services.domain.records import SkipCause, Step, StepKind
from foredeck.services.domain.states import FINAL_STEPS, StepState
from foredeck.services.domain.workflow import WorkflowSpec

_REPEATABLE = frozenset({StepState.FAILED, StepState.CANCELLED, StepState.WAITING})


def ready(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return the pending steps whose needs are all satisfied, and not ahead of their time."""
    by_key, over = _by_key(steps), _over(steps)
    return tuple(
        step
        for step in steps
        if step.state is StepState.PENDING
        and all(_satisfies(by_key[need], by_key) and need in over for need in step.needs)
    )


def blocked(steps: Sequence[Step]) -> tuple[tuple[Step, Step], ...]:
    """Return (step, culprit): pending steps that can never start, and the need that ended badly.

    A step behind a blocked one appears once the blocked one has been skipped.
    """
    by_key = _by_key(steps)
    pending = (step for step in steps if step.state is StepState.PENDING and step.needs)
    culprits = ((step, _ended_badly(step, by_key)) for step in pending)
    return tuple((step, culprit) for step, culprit in culprits if culprit)


def unsatisfied(steps: Sequence[Step], step: Step) -> Step | None:
    """Return a need of the step that has ended without satisfying it, or None."""
    return _ended_badly(step, _by_key(steps))


def _ended_badly(step: Step, by_key: Mapping[str, Step]) -> Step | None:
    needs = (by_key[need] for need in step.needs)
    over = (n for n in needs if n.state in FINAL_STEPS)
    return next((n for n in over if not _satisfies(n, by_key)), None)


def counted(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps that decide how a run stands: all but those that failed and were redone."""
    by_key = _by_key(steps)
    return tuple(step for step in steps if not _is_redone(step, by_key))


def _is_redone(step: Step, by_key: Mapping[str, Step]) -> bool:
    """Whether the step failed and a later round, which counts, stands in for it (SPEC D1)."""
    again = by_key.get(instance_key(step.spec_id, step.round + 1))
    is_there = again is not None and again.skip_cause is not SkipCause.VOID
    return step.state is StepState.FAILED and is_there


def downstream(steps: Sequence[Step], keys: Iterable[str]) -> frozenset[str]:
    """Return the keys of every step that needs one of `keys`, directly or not."""
    reached = set(keys)
    found: set[str] = set()
    for step in _needs_first(steps):
        if reached.intersection(step.needs):
            reached.add(step.key)
            found.add(step.key)
    return frozenset(found)


def upstream(steps: Sequence[Step], key: str) -> frozenset[str]:
    """Return the keys of every step that `key` needs, directly or not."""
    by_key = _by_key(steps)
    found: set[str] = set()
    left = list(by_key[key].needs)
    while left:
        need = left.pop()
        if need not in found:
            found.add(need)
            left += by_key[need].needs
    return frozenset(found)


def approvals(steps: Sequence[Step], keys: Iterable[str]) -> tuple[str, ...]:
    """Return the gates behind `keys` that were approved or ask: what they show will change."""
    behind = downstream(steps, keys)
    gates = (step for step in steps if step.key in behind and step.kind is StepKind.GATE)
    return tuple(step.key for step in gates if is_approved(step) or under_way(step))


def is_approved(step: Step) -> bool:
    """Whether the step is a gate that a person has approved."""
    return step.kind is StepKind.GATE and step.state is StepState.SUCCESS


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
    asks: tuple[str, ...] = ()


def plan_retry(steps: Sequence[Step], key: str | None = None) -> RetryPlan:
    """Plan another attempt of every step that ended badly, or of step `key` alone.

    `repeats` run again; `releases` were skipped (or cancelled before they began) because of
    those and become pending; `asks` are gates behind those that were approved or ask just
    now, and ask again; `keeps` are finished and stay. An empty `repeats` means that there
    is nothing to retry.
    """
    chosen = {
        step.key
        for step in counted(steps)
        if step.state in _REPEATABLE and not under_way(step) and (key is None or step.key == key)
    }
    released = _released(steps, chosen, lambda step: replace(step, state=StepState.PENDING))
    repeats = chosen - released
    asks = set(approvals(steps, chosen | released))
    keeps = {step.key for step in steps if step.state is StepState.SUCCESS} - asks
    groups = (repeats, released, keeps, asks)
    return RetryPlan(*(tuple(s.key for s in steps if s.key in group) for group in groups))


@dataclass(frozen=True, slots=True)
class RerunPlan:
    """What re-running from a step would do, as step keys in the order of the run.

    `repeats` have had an attempt and run again, `follows` run for the first time, `voids` are
    rounds that came of a verdict that no longer counts, `keeps` is everything else.
    """

    repeats: tuple[str, ...]
    follows: tuple[str, ...]
    voids: tuple[str, ...]
    keeps: tuple[str, ...]


def plan_rerun(steps: Sequence[Step], key: str) -> RerunPlan:
    """Plan to run step `key` and everything after it once more, finished or not.

    Later rounds (`builder#2` after `builder`) are not run again: whether there is another
    round is for the new verdict to say. What a person skipped after `key` stays skipped.
    """
    origin = _by_key(steps)[key]
    behind = {key, *downstream(steps, [key])}
    kinds: dict[str, list[str]] = {"repeats": [], "follows": [], "voids": [], "keeps": []}
    for step in steps:
        kind = "keeps"
        if step.key in behind and (step.key == key or not _stays_skipped(step)):
            kind = "repeats" if step.attempt else "follows"
            kind = "voids" if step.round > origin.round else kind
        kinds[kind].append(step.key)
    return RerunPlan(**{kind: tuple(keys) for kind, keys in kinds.items()})


def plan_skip(steps: Sequence[Step], key: str) -> tuple[str, ...]:
    """Return the steps that were skipped behind `key` and may go on once a person skips it."""
    skipped = SkipCause.PERSON
    released = _released(
        steps, {key}, lambda step: replace(step, state=StepState.SKIPPED, skip_cause=skipped)
    )
    return tuple(step.key for step in steps if step.key in released)


def _released(steps: Sequence[Step], chosen: set[str], changed: Callable[[Step], Step]) -> set[str]:
    """Return what goes on by itself behind the `chosen` steps once these are `changed`.

    What something else still holds back is not among it.
    """
    behind = downstream(steps, chosen)
    released = {step.key for step in steps if step.key in behind and _is_released(step)}
    while True:
        after = [
            replace(step, state=StepState.PENDING)
            if step.key in released
            else (changed(step) if step.key in chosen else step)
            for step in steps
        ]
        stuck = released & {step.key for step, _culprit in blocked(after)}
        if not stuck:
            return released
        released -= stuck


def rework_keys(spec: WorkflowSpec, from_id: str, to_id: str) -> tuple[str, ...]:
    """Return the ids of the steps on the way from `to_id` to `from_id`, both included."""
    needs = {step.id: step.needs for step in spec.steps}
    order = _in_needs_order(needs)
    ahead = {to_id}
    for id_ in order:
        if ahead.intersection(needs[id_]):
            ahead.add(id_)
    behind = {from_id}
    for id_ in reversed(order):
        if id_ in behind:
            behind.update(needs[id_])
    return tuple(step.id for step in spec.steps if step.id in ahead & behind)


def instance_key(spec_id: str, round_number: int) -> str:
    """Return the key of the n-th instance of a step: `builder`, `builder#2`, …"""
    return spec_id if round_number == 1 else f"{spec_id}#{round_number}"


def _stays_skipped(step: Step) -> bool:
    """Whether a person's skip, or a round that no longer counts, keeps the step skipped."""
    kept = (SkipCause.PERSON, SkipCause.VOID)
    return step.state is StepState.SKIPPED and step.skip_cause in kept


def _is_released(step: Step) -> bool:
    """Whether the step goes on by itself once what it needs does."""
    if step.state is StepState.SKIPPED:
        return not _stays_skipped(step)
    return step.state is StepState.CANCELLED and step.attempt == 0


def _needs_first(steps: Sequence[Step]) -> list[Step]:
    """Return the steps so that each comes after what it needs."""
    by_key = _by_key(steps)
    return [by_key[key] for key in _in_needs_order({step.key: step.needs for step in steps})]


def _in_needs_order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names so that each comes after what it needs, else in the order given."""
    placed: dict[str, None] = {}
    for name in needs:
        path = [name]
        while path:
            if missing := next((n for n in needs[path[-1]] if n not in placed), None):
                path.append(missing)
            else:
                placed[path.pop()] = None
    return list(placed)


def _by_key(steps: Iterable[Step]) -> Mapping[str, Step]:
    return {step.key: step for step in steps}


def _over(steps: Sequence[Step]) -> frozenset[str]:
    """Return the keys of the steps that have ended and, if skipped, would have had their turn.

    One that a person skips in advance does not let go ahead what comes after it while what
    comes before it still works.
    """
    if not any(step.state is StepState.SKIPPED for step in steps):
        return frozenset(step.key for step in steps if step.state in FINAL_STEPS)
    found: set[str] = set()
    for step in _needs_first(steps):
        skipped = step.state is StepState.SKIPPED
        if step.state in FINAL_STEPS and (not skipped or found.issuperset(step.needs)):
            found.add(step.key)
    return frozenset(found)


def _satisfies(step: Step, by_key: Mapping[str, Step]) -> bool:
    """Whether what needs the step may go on.

    A step that a person or its condition skipped satisfies, whatever it needs; one skipped
    because a need failed does not. A failed step that is not critical satisfies (SPEC D6), and
    one that has sent the work back: what comes of that goes on from there.
    """
    if step.state is StepState.SKIPPED:
        return step.skip_cause in (SkipCause.PERSON, SkipCause.WHEN)
    if step.state is StepState.FAILED:
        return not step.critical or _is_redone(step, by_key)
    return step.state is StepState.SUCCESS
