"""The fresh steps of a rework, for any graph: new ones only, each once, and never in a circle."""

from __future__ import annotations

from graphlib import TopologicalSorter

from hypothesis import assume, given
from hypothesis import strategies as st

from foredeck.services.domain.records import StepKind
from foredeck.services.domain.workflow import Rework, StepSpec, WorkflowSpec
from foredeck.services.workflow.graph import rework_keys, upstream
from foredeck.services.workflow.rework import new_step, next_round

SIZE = 8


@st.composite
def workflows(draw: st.DrawFn) -> WorkflowSpec:
    """Return steps that need some before them, the last of which sends work back to one."""
    needs = [
        draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set[int]()
        for number in range(SIZE)
    ]
    to = draw(st.integers(0, SIZE - 2))
    rework = Rework(f"s{to}", 3, "true")
    return WorkflowSpec(
        "any",
        tuple(
            StepSpec(
                f"s{number}",
                StepKind.COMMAND,
                f"S{number}",
                tuple(f"s{need}" for need in sorted(before)),
                rework=rework if number == SIZE - 1 else None,
            )
            for number, before in enumerate(needs)
        ),
    )


@given(workflows())
def test_rounds_are_fresh_steps_in_a_graph_without_circles(workflow: WorkflowSpec) -> None:
    last = workflow.steps[-1]
    assert last.rework is not None
    steps = [new_step("run", spec, n, spec.needs) for n, spec in enumerate(workflow.steps)]
    assume(last.rework.to in upstream(steps, last.id))
    repeated = rework_keys(workflow, last.id, last.rework.to)
    for number in (2, 3, 4):
        sender = next(s for s in steps if s.spec_id == last.id and s.round == number - 1)
        fresh = next_round(workflow, sender, last, len(steps))
        assert [step.key for step in fresh] == [f"{id_}#{number}" for id_ in repeated]
        first = next(step for step in fresh if step.spec_id == last.rework.to)
        assert first.needs == (sender.key,)
        steps += fresh
    keys = [step.key for step in steps]
    assert len(set(keys)) == len(keys)
    assert [step.position for step in steps] == list(range(len(steps)))
    order = TopologicalSorter({step.key: step.needs for step in steps}).static_order()
    assert set(order) == set(keys)
