"""`dag validate` and `dag schema`, without a host."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from foredeck.app.cli.dag_files import input_values, read_source, schema, validate
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.workflow import builtin
from foredeck.services.workflow.file.schema import json_schema

GOOD = """
inputs: {level: {type: integer}, idle: {default: x}}
steps:
  - {id: a, kind: command, command: make, env: {LEVEL: "{{inputs.level}}"}, matrix: {n: [1, 2]}}
"""
BAD = """\
steps:
  - {id: a, kind: comand, command: make}
  - {id: b, kind: gate, gate: Go?, needs: c}
"""


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    return str(path)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    return str(path)


def _validate(*words: str, given: str = "") -> Result:
    return CliRunner().invoke(validate, words, input=given)


def test_a_good_file(good: str) -> None:
    said = _validate(good)
    assert (said.exit_code, said.stdout) == (0, "")
    assert said.stderr.splitlines() == [
        f"{good}:2:34: warning: Nothing uses the input idle.",
        f"✓ {good}: 2 steps",
    ]


def test_problems_have_their_place_and_good_files_are_still_named(good: str, bad: str) -> None:
    said = _validate(bad, good)
    assert said.exit_code == 1
    assert said.stdout.splitlines() == [
        f"{bad}:2:19: `kind` must be agent, codex, command or gate, not the text “comand”. "
        "Did you mean command?",
        f"{bad}:3:43: `needs` must be a list, not the text “c”. Write [build, test].",
    ]
    assert said.stderr.splitlines()[-1] == f"✓ {good}: 2 steps"


def test_inputs_are_checked_when_they_are_given(good: str) -> None:
    assert _validate(good, "--input", "level=3").exit_code == 0
    said = _validate(good, "--input", "level=high", "--input", "lvel=3")
    assert said.exit_code == 1
    assert said.stdout.splitlines() == [
        f"{good}: There is no input “lvel”. Did you mean level?",
        f"{good}: The input level must be a whole number, not “high”.",
    ]


def test_standard_input(bad: str) -> None:
    assert _validate("-", given=builtin.text("four-agents")).exit_code == 0
    said = _validate("-", given="")
    assert (said.exit_code, said.stdout) == (
        1,
        "<stdin>: The file is empty. A workflow needs at least `steps`.\n",
    )


def test_a_file_that_cannot_be_read(tmp_path: Path, good: str, bad: str) -> None:
    gone = str(tmp_path / "gone.yaml")
    said = _validate(gone, bad, good)
    assert said.exit_code == 2
    assert f"error: {gone} cannot be read: No such file or directory." in said.stderr
    assert f"✓ {good}: 2 steps" in said.stderr
    assert _validate(str(tmp_path)).exit_code == 2


def test_json(tmp_path: Path, good: str, bad: str) -> None:
    said = _validate(good, bad, str(tmp_path / "gone.yaml"), "--format", "json")
    assert (said.exit_code, said.stderr) == (2, "")
    answer = json.loads(said.stdout)
    first, second, third = answer["files"]
    assert answer["valid"] is False
    assert (first["valid"], first["name"], first["steps"]) == (True, "good", 2)
    assert [one["name"] for one in first["inputs"]] == ["level", "idle"]
    assert [warning["line"] for warning in first["warnings"]] == [2]
    assert (second["valid"], second["error"]) == (False, None)
    assert [(one["line"], one["key"]) for one in second["problems"]] == [
        (2, "steps.a.kind"),
        (3, "steps.b.needs"),
    ]
    assert third["error"].endswith("Check its name and its permissions.")
    assert json.loads(_validate(good, "--format", "json").stdout)["valid"] is True


def test_a_huge_file_is_not_read_to_its_end() -> None:
    _name, text = read_source("/dev/zero")
    assert len(text) == 1_000_001
    said = _validate("/dev/zero")
    assert said.exit_code == 1
    assert "more than 1,000,000 bytes" in said.stdout


def test_inputs_of_a_command_line() -> None:
    assert input_values(["a=1", "b==", " c =", "d=x=y"]) == {
        "a": "1",
        "b": "=",
        "c": "",
        "d": "x=y",
    }
    for pair in ("a", "=1"):
        with pytest.raises(InvalidInput, match="--input takes NAME=VALUE"):
            input_values([pair])
    with pytest.raises(InvalidInput, match="The input a is given twice"):
        input_values(["a=1", "a=2"])


def test_the_schema_is_printed() -> None:
    said = CliRunner().invoke(schema)
    assert said.exit_code == 0
    assert json.loads(said.stdout) == json.loads(json.dumps(json_schema()))
