"""The values that a run is given."""

import pytest

from foredeck.services.domain.workflow import InputValue
from foredeck.services.workflow.file import InvalidWorkflow, read

TEXT = """
inputs:
  version:
  count: {type: integer, default: 1}
  share: {type: number, default: 0.5}
  loud: {type: boolean, default: false}
  level: {type: integer, description: How hard, choices: [1, 2, 3]}
steps:
  - id: a
    kind: command
    command: x
    env:
      ALL: "{{inputs.version}} {{inputs.count}} {{inputs.share}} {{inputs.loud}} {{inputs.level}}"
"""
FILE = read(TEXT, "in.yaml")
NEEDED: dict[str, InputValue] = {"version": "1", "level": 2}


def _environment(values: dict[str, InputValue]) -> str:
    ((_name, value),) = FILE.build({**NEEDED, **values}).steps[0].environment
    return value


def _said(values: dict[str, InputValue]) -> list[str]:
    with pytest.raises(InvalidWorkflow) as caught:
        FILE.build(values)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "1 1 0.5 false 2"),
        ({"count": "-7", "share": "1e2", "loud": "YES", "level": "3"}, "1 -7 100 true 3"),
        ({"count": 7, "share": 2, "loud": True, "level": 1}, "1 7 2 true 1"),
        ({"version": ""}, " 1 0.5 false 2"),
        ({"version": "a {{inputs.level}}"}, "a {{inputs.level}} 1 0.5 false 2"),
    ],
)
def test_values_are_read_as_their_types(values: dict[str, InputValue], text: str) -> None:
    assert _environment(values) == text


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert _said({"versoin": "1", "count": "1.5", "share": "much", "loud": 1}) == [
        "in.yaml: There is no input “versoin”. Did you mean version?",
        "in.yaml: The input version is missing. Give it: --input version=…",
        "in.yaml: The input count must be a whole number, not “1.5”.",
        "in.yaml: The input share must be a number, not “much”.",
        "in.yaml: The input loud must be true or false, not “1”.",
        "in.yaml: The input level (How hard) is missing. Give it: --input level=…",
    ]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"level": 4}, "The input level must be 1, 2 or 3, not “4”."),
        ({"version": 3}, "The input version must be a text, not “3”."),
        ({"version": "a\0b"}, "The input version must be a text, not “a␀b”."),
        ({"version": "\udcff"}, "The input version must be a text, not “\ufffd”."),
        ({"count": True}, "The input count must be a whole number, not “true”."),
        ({"share": float("nan")}, "The input share must be a number, not “nan”."),
        (
            {"zzz": 1},
            "There is no input “zzz”. The inputs are version, count, share, loud and level.",
        ),
    ],
)
def test_one_wrong_value(values: dict[str, InputValue], said: str) -> None:
    assert _said({**NEEDED, **values}) == [f"in.yaml: {said}"]


def test_a_workflow_without_inputs_takes_none() -> None:
    file = read("steps: [{id: a, kind: gate, gate: Go?}]", "x.yaml")
    with pytest.raises(InvalidWorkflow, match=r"There is no input “a”\. It takes none"):
        file.build({"a": "1"})


def test_a_value_may_be_wrong_for_the_key_that_it_fills() -> None:
    text = """
inputs: {tries: {type: integer}, box: {}}
steps:
  - {id: a, kind: codex, prompt: go, retries: {max: "{{inputs.tries}}"}, sandbox: "{{inputs.box}}"}
"""
    with pytest.raises(InvalidWorkflow) as caught:
        read(text, "x.yaml").build({"tries": 20, "box": "none"})
    assert [str(problem) for problem in caught.value.problems] == [
        "x.yaml:4: `retries.max` must be a whole number from 0 to 10, not the number 20.",
        "x.yaml:4: `sandbox` must be read-only, workspace-write or danger-full-access, "
        "not the text “none”.",
    ]


def test_filling_in_cannot_make_a_definition_without_bounds() -> None:
    values = list(range(100))
    text = (
        "inputs: {word: {}}\nsteps:\n  - {id: a, kind: codex, "
        f'prompt: "{{{{inputs.word}}}} {{{{matrix.n}}}}", matrix: {{n: {values}}}}}\n'
    )
    with pytest.raises(InvalidWorkflow, match="more than 10,000,000 characters"):
        read(text, "x.yaml").build({"word": "x" * 150_000})
