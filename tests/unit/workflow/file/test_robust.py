"""Whatever a file holds, reading it ends with a workflow or with `InvalidWorkflow`."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from foredeck.services.workflow import builtin
from foredeck.services.workflow.file import InvalidWorkflow, WorkflowFile, read
from foredeck.services.workflow.file.keys import DEFAULTS, INPUT, STEP, WORKFLOW
from tests.unit.workflow.file.test_read import RELEASE

BROKEN = sorted(Path(__file__).with_name("broken").glob("*.yaml"))
SOURCES = [RELEASE, *map(builtin.text, builtin.NAMES), *(file.read_text() for file in BROKEN)]
PIECES = st.sampled_from(
    [
        *"{}[]:-\n'\"#|\t\0é",
        *("{{", "}}", "  ", "&a ", "*a", "!x ", "{{inputs.level}}", "{{steps.build.state}}"),
        *("null", "true", "1e9", "9" * 50),
    ]
)


def _read(text: str | bytes) -> WorkflowFile | None:
    try:
        return read(text, "any.yaml")
    except InvalidWorkflow as error:
        problems = error.problems
    assert problems
    assert all(problem.message and "\n" not in str(problem) for problem in problems)
    return None


def _build(file: WorkflowFile) -> None:
    """Give the file inputs that may fit: it builds a definition, or says what is wrong."""
    values = {spec.name: spec.choices[0] if spec.choices else "1" for spec in file.inputs}
    try:
        spec = file.build(values, request="x")
    except InvalidWorkflow as error:
        problems = error.problems
    else:
        assert len(spec.steps) == file.step_count
        seen: set[str] = set()
        for step in spec.steps:
            assert seen.issuperset(step.needs)
            seen.add(step.id)
        return
    assert problems


@settings(deadline=None)
@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)))
def test_random_text_and_bytes(text: str | bytes) -> None:
    if file := _read(text):
        _build(file)


@settings(deadline=None)
@given(st.sampled_from(SOURCES), st.data())
def test_files_with_pieces_put_in_and_taken_out(source: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(source)))
        end = min(len(source), start + data.draw(st.integers(0, 8)))
        source = source[:start] + data.draw(PIECES) + source[end:]
    if file := _read(source):
        _build(file)


NAMES = [key.name for table in (STEP, WORKFLOW.keys, DEFAULTS.keys, INPUT.keys) for key in table]
WORDS = st.one_of(
    st.sampled_from(["a", "b", "command", "codex", "gate", "agent", "builder", "make", "1"]),
    st.sampled_from(["{{inputs.a}}", "{{steps.a.state}}", "{{matrix.a}}", "steps.a.state", ""]),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(WORDS, st.booleans(), st.none(), st.integers(), st.floats(), st.dates()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), WORDS), inner, max_size=4),
    ),
    max_leaves=12,
)
STEPS = st.fixed_dictionaries(
    {"id": st.sampled_from("abc"), "kind": st.sampled_from(["command", "codex", "gate", "agent"])},
    optional={
        "command": WORDS,
        "prompt": WORDS,
        "gate": WORDS,
        "role": st.sampled_from(["builder", "prod_ready"]),
        "needs": st.lists(st.sampled_from("abc"), max_size=3),
        "when": WORDS,
        "matrix": st.dictionaries(st.sampled_from("ab"), st.lists(WORDS, max_size=3)),
        "rework": VALUES,
        "env": VALUES,
        "retries": VALUES,
    },
)


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {"steps": st.one_of(VALUES, st.lists(STEPS, max_size=4))},
        optional={"inputs": VALUES, "defaults": VALUES, "name": VALUES, "extra": VALUES},
    )
)
def test_yaml_with_our_keys_and_any_values(content: dict[str, Any]) -> None:
    if file := _read(yaml.safe_dump(content, sort_keys=False)):
        _build(file)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30))
def test_any_graph_is_put_in_order_or_its_cycle_is_named(edges: list[tuple[int, int]]) -> None:
    needs: dict[int, list[str]] = {}
    for step, need in set(edges):
        needs.setdefault(step, []).append(f"s{need}")
    steps = [
        {"id": f"s{n}", "kind": "gate", "gate": "?", "needs": sorted(needs.get(n, []))}
        for n in range(12)
    ]
    try:
        file = read(yaml.safe_dump({"steps": steps}), "any.yaml")
    except InvalidWorkflow as error:
        for problem in error.problems:
            if "needs itself" not in problem.message:
                _assert_cycle(problem.message, needs)
    else:
        _build(file)


def _assert_cycle(message: str, needs: dict[int, list[str]]) -> None:
    path = message.removeprefix("These steps need each other: ").removesuffix(".").split(" → ")
    assert path[0] == path[-1]
    assert len(path) > 2
    if "…" not in path:
        for step, need in pairwise(path):
            assert need in needs[int(step[1:])]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "- " * 100_000,
        "a: &a\n" + "".join(f"{' ' * n}- &a{n}\n" for n in range(1, 900)),
        "a: " + "{{" * 100_000,
        "steps: [{id: a, kind: command, command: x, priority: 1" + ":59" * 100_000 + "}]",
        "steps: [{id: a, kind: command, command: x, priority: " + "9" * 100_000 + "}]",
        "".join(f"key{number}: 1\n" for number in range(60_000)),
        "steps:\n  - {id: s, kind: codex, prompt: &p '"
        + "{{run.request}} " * 12_000
        + "'}\n"
        + "".join(f"  - {{id: s{n}, kind: codex, prompt: *p}}\n" for n in range(999)),
        "steps:\n  - id: a\n    kind: codex\n    prompt: |\n" + "      {{ {{ \\{{ x\n" * 40_000,
    ],
    ids=[
        "flow",
        "block",
        "anchors",
        "braces",
        "sexagesimal",
        "digits",
        "keys",
        "repeated",
        "places",
    ],
)
def test_what_is_meant_to_be_slow_or_deep_is_refused(text: str) -> None:
    assert _read(text) is None
