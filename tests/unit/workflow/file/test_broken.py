"""Every broken file gets exactly what is said of it in `broken/expected.txt`."""

from pathlib import Path

import pytest

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.host import wire
from foredeck.services.workflow.file import InvalidWorkflow, read

BROKEN = Path(__file__).with_name("broken")
FILES = sorted(BROKEN.glob("*.yaml"))
STEP = "steps:\n  - {id: build, kind: command, command: make}\n"


def _expected() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (BROKEN / "expected.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            lines = found.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return found


EXPECTED = _expected()


def test_there_are_enough_of_them_and_each_is_expected() -> None:
    assert len(FILES) >= 40
    assert {file.stem for file in FILES} == EXPECTED.keys()
    assert all(EXPECTED.values())


def _said(text: str | bytes, name: str = "bad.yaml") -> list[str]:
    with pytest.raises(InvalidWorkflow) as caught:
        read(text, name)
    return [f"{p.line}:{p.column}: {p.says}" for p in caught.value.problems]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_a_broken_file_gets_its_exact_messages(file: Path) -> None:
    assert _said(file.read_bytes()) == EXPECTED[file.stem]


def test_one_problem_is_one_line_with_its_place() -> None:
    with pytest.raises(InvalidInput) as caught:
        read("steps:\n  - {id: a, kind: comand, command: x}\n", "flows/ci.yaml")
    assert str(caught.value) == (
        "flows/ci.yaml:2: `kind` must be agent, codex, command or gate, not the text “comand”. "
        "Did you mean command?"
    )
    assert isinstance(caught.value, InvalidWorkflow)
    assert [problem.key for problem in caught.value.problems] == ["steps.a.kind"]


def test_several_problems_are_listed_under_the_name_of_the_file() -> None:
    with pytest.raises(InvalidWorkflow) as caught:
        read("steps:\n  - {id: a}\n  - {kind: gate}\n", "ci.yaml")
    first, *lines = str(caught.value).splitlines()
    assert first == "ci.yaml has 3 problems:"
    assert lines == [f"  {problem}" for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"name: a\nx: \xff", "2:4: This is not UTF-8. Save the file as UTF-8 text."),
        (STEP.encode("utf-16"), "1:1: This is not UTF-8. Save the file as UTF-8 text."),
        ("name: \ud800", "0:0: This is not text. Save the file as UTF-8 text."),
        ("name: a\nx: \x1b[2J", "2:4: This is not YAML: control characters are not allowed."),
        (
            "#" * 1_000_001,
            "0:0: The file has more than 1,000,000 bytes. "
            "Put long material into files of the workspace.",
        ),
        ("  \n\n", "0:0: The file is empty. A workflow needs at least `steps`."),
    ],
    ids=["bytes", "utf-16", "surrogate", "escape", "large", "blank"],
)
def test_what_is_no_text_of_a_sensible_size(text: str | bytes, said: str) -> None:
    assert _said(text) == [said]


def test_too_many_steps() -> None:
    step = "  - {{id: s{}, kind: command, command: x}}\n"
    many = "steps:\n" + "".join(step.format(number) for number in range(1001))
    assert _said(many) == ["2:3: `steps` has 1,001 values; it takes 1 to 1,000."]


def test_too_many_steps_of_several_matrices() -> None:
    values = f"{{a: {list(range(40))}, b: {list(range(20))}}}"
    step = "  - {{id: {}, kind: command, command: x, matrix: {}}}\n"
    both = "steps:\n" + step.format("one", values) + step.format("two", values)
    (said,) = _said(both)
    assert said.endswith("The matrix makes 800 steps of this one; a workflow has 1,000 at most.")


def test_the_matrix_and_single_steps_are_too_many_together() -> None:
    values = f"{{a: {list(range(999))}}}"
    text = f"steps:\n  - {{id: m, kind: command, command: x, matrix: {values}}}\n"
    text += "  - {id: b, kind: gate, gate: Go?}\n  - {id: c, kind: gate, gate: Go?}\n"
    assert _said(text) == ["2:3: With the matrix there are 1,001 steps; 1,000 is the limit."]


def test_more_problems_than_help_are_only_counted() -> None:
    text = STEP + "".join(f"key{number}: 1\n" for number in range(500))
    with pytest.raises(InvalidWorkflow) as caught:
        read(text, "bad.yaml")
    assert len(caught.value.problems) == 100
    assert str(caught.value).startswith("bad.yaml has 500 problems:")
    assert str(caught.value).endswith("… and 400 more.")


def test_what_a_file_says_cannot_command_the_terminal() -> None:
    text = 'steps:\n  - {id: a, kind: "\\e[2Jcommand\\u202e", command: x}\n'
    with pytest.raises(InvalidWorkflow) as caught:
        read(text, "bad\x1b[2J.yaml")
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)


def test_the_problems_come_over_the_socket_of_a_host() -> None:
    with pytest.raises(InvalidWorkflow) as caught:
        read("steps:\n  - {id: a}\n  - {kind: gate}\n", "ci.yaml")
    line = wire.to_line(wire.encode_error(caught.value))
    error = wire.decode_error(wire.from_line(line))
    assert isinstance(error, InvalidWorkflow)
    assert (str(error), error.problems) == (str(caught.value), caught.value.problems)


def test_what_a_step_without_an_id_of_its_own_says_is_checked_too() -> None:
    text = """
steps:
  - {id: a, kind: command, command: x}
  - {id: a, kind: command, command: x, timeout: 0}
  - {kind: codex, prompt: "{{inputs.x}}", needs: [a]}
"""
    assert _said(text) == [
        "4:10: Two steps have the id a. The first is in line 3.",
        "4:49: `timeout` must be a number from 1 to 86,400 seconds, not the number 0.",
        "5:5: `id` is missing. The name by which other steps need it.",
        "5:27: There is no input “x”. Declare it under `inputs`.",
    ]
