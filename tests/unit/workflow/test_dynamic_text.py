"""References to earlier steps, filled in when a step starts."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.domain.states import StepState
from foredeck.services.domain.workflow import Gate, StepSpec, WorkflowSpec
from foredeck.services.workflow.dynamic_text import fill, filled
from foredeck.services.workflow.step_values import values_of
from tests.support.dags import work
from tests.support.steps import make_step

S = StepState
VALUES = {"steps.build.summary": "all {{steps.build.state}}", "steps.build.state": "success"}


def test_a_reference_is_filled_in_once_and_what_it_brings_is_data() -> None:
    said = fill("{{steps.build.summary}}, {{ steps.build.state }}", VALUES)
    assert said == "all {{steps.build.state}}, success"


def test_what_has_no_value_or_is_no_reference_stays() -> None:
    text = "{{steps.other.state}} {{steps.build.colour}} {{inputs.x}} {steps.build.state} \\1"
    assert fill(text, VALUES) == text


@given(st.text(), st.text())
def test_any_summary_comes_through_as_it_is(before: str, summary: str) -> None:
    before = before.replace("{", "")
    value = {"steps.a.summary": summary}
    assert fill(f"{before}{{{{steps.a.summary}}}}", value) == before + summary


def test_a_prompt_and_a_message_are_filled_in() -> None:
    spec = StepSpec("x", work("x").kind, "X", prompt="p {{steps.build.state}}")
    assert filled(spec, VALUES).prompt == "p success"
    assert filled(spec, VALUES).gate is None
    asking = replace(spec, gate=Gate("m {{steps.build.state}}"))
    assert filled(asking, VALUES).gate == Gate("m success")


def _workflow(*specs: StepSpec) -> WorkflowSpec:
    return WorkflowSpec("w", specs, inputs=(("level", 2),))


def test_the_values_of_a_step_are_its_own_and_those_of_what_it_needs() -> None:
    workflow = _workflow(work("a"), work("b", "a", matrix=(("os", "linux"),)), work("c"))
    steps = (
        replace(make_step("a", S.SUCCESS), summary="done"),
        make_step("b", needs=("a",)),
        make_step("c", S.SUCCESS),
    )
    assert values_of(workflow, steps, steps[1]) == {
        "inputs.level": 2,
        "matrix.os": "linux",
        "steps.a.state": "success",
        "steps.a.summary": "done",
    }


def test_a_group_is_as_good_as_its_worst_instance_and_says_what_all_say() -> None:
    names = ("t-1", "t-2", "t-3")
    workflow = _workflow(*(work(name, group="t") for name in names), work("z", *names))
    last = make_step("z", needs=names)

    def state(*states: StepState) -> tuple[object, object]:
        steps = [
            replace(make_step(name, one), summary=f"said {name}")
            for name, one in zip(names, states, strict=True)
        ]
        values = values_of(workflow, (*steps, last), last)
        return values["steps.t.state"], values["steps.t.summary"]

    all_said = "T-1: said t-1\n\nT-2: said t-2\n\nT-3: said t-3"
    assert state(S.SUCCESS, S.SUCCESS, S.SUCCESS) == ("success", all_said)
    assert state(S.SUCCESS, S.SKIPPED, S.SUCCESS)[0] == "skipped"
    assert state(S.SKIPPED, S.SUCCESS, S.FAILED)[0] == "failed"
    assert state(S.CANCELLED, S.FAILED, S.SUCCESS)[0] == "failed"


def test_of_several_rounds_the_last_that_is_needed_counts() -> None:
    workflow = _workflow(work("a"), work("judge", "a"), work("ship", "judge"))
    steps = (
        replace(make_step("a", S.SUCCESS), summary="first"),
        make_step("judge", S.SUCCESS, ("a",)),
        replace(make_step("a#2", S.SUCCESS, ("judge",)), summary="second", round=2),
        replace(make_step("judge#2", S.SUCCESS, ("a#2",)), round=2),
        make_step("ship", needs=("judge#2",)),
    )
    assert values_of(workflow, steps, steps[4])["steps.a.summary"] == "second"
    assert values_of(workflow, steps, steps[1])["steps.a.summary"] == "first"
