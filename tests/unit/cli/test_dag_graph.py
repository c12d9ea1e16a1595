"""`dag graph`: picture, list, Mermaid and JSON of a workflow's steps."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from foredeck.app.cli import dag_graph
from foredeck.app.cli.dag_graph import Drawing, answer, graph, put_picture, steps_of
from foredeck.app.cli.dag_mermaid import escaped, mermaid, needs_more
from foredeck.app.cli.session import Session
from foredeck.services.domain.clock import now
from foredeck.services.domain.errors import InvalidInput, NotFound
from foredeck.services.domain.records import StepKind
from foredeck.services.domain.states import StepState
from foredeck.services.domain.workflow import Gate, StepSpec, WorkflowSpec
from foredeck.widgets.dag.critical import critical_path
from tests.ui.widget_app import step_row

SPEC = WorkflowSpec(
    "release",
    (
        StepSpec("build", StepKind.COMMAND, "Build it", command="make all\nmake more"),
        StepSpec("lint", StepKind.COMMAND, "Lint", ("build",), command="ruff check ."),
        StepSpec("test", StepKind.COMMAND, "Test", ("build",), when="inputs.level >= 2"),
        StepSpec("mend", StepKind.CODEX, "Mend", ("test",), prompt="Mend what fails."),
        StepSpec("end", StepKind.GATE, 'Ship "2.4" <now>', ("mend", "lint"), gate=Gate("Ship?")),
    ),
)


def drawing(spec: WorkflowSpec = SPEC) -> Drawing:
    return Drawing(spec.name, spec.name, "", steps_of(spec), now())


def printed(
    capsys: pytest.CaptureFixture[str], width: int, drawn: Drawing | None = None
) -> list[str]:
    drawn = drawn or drawing()
    put_picture(drawn, critical_path(drawn.steps, drawn.at), width)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [72, 100, 160, 300])
def test_the_picture_fits_its_width(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    rows = printed(capsys, width)
    assert rows[0] == "release: 5 steps, critical path 4 steps"
    assert max(map(len, rows)) <= width
    text = "\n".join(rows)
    for step in SPEC.steps:
        assert step.title[:8] in text
    assert "━" in text
    assert "\x1b" not in text


def test_a_wide_page_says_what_each_step_does(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(printed(capsys, 300))
    for part in ("command", "make all", "when inputs.level >= 2", "Mend what fails.", "Ship?"):
        assert part in text
    assert "make more" not in text
    assert "pending" not in text


def test_what_does_not_fit_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    put_picture(drawing(), critical_path(drawing().steps, now()), 20)
    said = capsys.readouterr()
    assert said.out.splitlines()[2:] == [
        "path  step   kind     after",
        "*     build  command",
        "      lint   command  build",
        "*     test   command  build",
        "*     mend   codex    test",
        "*     end    gate     mend, lint",
    ]
    found = re.search(r"--width (\d+) draws it", said.err)
    assert found
    assert max(map(len, printed(capsys, int(found[1])))) <= int(found[1])


def test_a_run_is_drawn_with_its_states_and_times(capsys: pytest.CaptureFixture[str]) -> None:
    begun = now() - timedelta(seconds=90)
    ended = begun + timedelta(seconds=30)
    steps = (
        step_row("a", StepState.SUCCESS, started_at=begun, ended_at=ended),
        step_row("b", StepState.FAILED, needs=("a",), attempt=4, started_at=begun, ended_at=ended),
        step_row("c", needs=("a",)),
    )
    text = "\n".join(printed(capsys, 120, Drawing("7s24", "Title", "failed", steps, now())))
    assert text.startswith("Title: failed, 3 steps, critical path 2 steps, 1m 00s")
    for part in ("✓ A", "success", "30s", "✗ B", "4/4", "○ C", "pending"):
        assert part in text


def test_colours_only_for_a_terminal_that_wants_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not dag_graph._wants_colours()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = "\n".join(printed(capsys, 120))
    assert "\x1b[90m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = "\n".join(printed(capsys, 120))
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain


def test_mermaid_has_safe_ids_and_escaped_labels() -> None:
    steps = steps_of(SPEC)
    text = mermaid(steps, critical_path(steps, now()).steps, plan=True)
    assert text.splitlines() == [
        "flowchart TD",
        '    s1["Build it<br/>command"]',
        '    s2["Lint<br/>command"]',
        '    s3["Test<br/>command"]',
        '    s4(["Mend<br/>codex"])',
        '    s5{{"Ship #quot;2.4#quot; #lt;now#gt;<br/>gate"}}',
        "    s1 --> s2",
        "    s1 ==> s3",
        "    s3 ==> s4",
        "    s4 ==> s5",
        "    s2 --> s5",
    ]


def test_a_chart_beyond_the_defaults_of_mermaid_says_what_it_needs() -> None:
    arrow = "    s1 --> s2\n"
    assert needs_more(arrow * 499) == ""
    assert needs_more(arrow * 500) == "maxEdges to 501 or more"
    assert needs_more("x" * 50_001) == "maxTextSize to 50001 or more"


@pytest.mark.parametrize("name", ["four-agents", "codex"])
def test_the_built_in_workflows_can_be_drawn(name: str) -> None:
    result = CliRunner().invoke(graph, [name, "--mermaid"], obj=Session({}, None))
    assert result.exit_code == 0
    assert result.output.startswith("flowchart TD\n    s1")


def test_mermaid_of_a_run_has_its_states_as_classes() -> None:
    steps = [step_row("a", StepState.SUCCESS), step_row("b", StepState.FAILED, needs=("a",))]
    steps.append(replace(steps[1], key="c", needs=("a", "a", "nobody")))
    lines = mermaid(steps, (), plan=False).splitlines()
    assert [line.strip() for line in lines if " class " in line] == [
        "class s1 success",
        "class s2,s3 failed",
    ]
    assert sum("classDef" in line for line in lines) == 2
    assert lines.count("    s1 --> s3") == 1


@pytest.mark.parametrize("state", StepState)
def test_every_state_has_a_class(state: StepState) -> None:
    assert f"classDef {state.value} fill:" in mermaid([step_row("a", state)], (), plan=False)


def test_hostile_titles_stay_in_their_label() -> None:
    assert escaped('a"]; click s1 "javascript:x"') == "a#quot;]; click s1 #quot;javascript:x#quot;"
    assert escaped("`**bold**` #amp; <b>&|\\") == (
        "#96;**bold**#96; #35;amp; #lt;b#gt;#amp;#124;#92;"
    )
    assert escaped('100 % of %%{init: {"theme": "x"}}%%') == (
        "100 #37; of #37;#37;{init: {#quot;theme#quot;: #quot;x#quot;}}#37;#37;"
    )
    assert escaped("the direction  LR, directions") == "the #100;irection LR, directions"
    assert "\n" not in escaped("a\nb\x1b[31mc")
    assert "\x1b" not in escaped("a\nb\x1b[31mc")


def test_json_names_layers_and_the_critical_path() -> None:
    drawn = drawing()
    found = answer(drawn, critical_path(drawn.steps, drawn.at))
    assert (found["id"], found["name"]) == ("release", "release")
    assert isinstance(found["steps"], list)
    last = found["steps"][-1]
    assert last == {
        "id": "end",
        "title": 'Ship "2.4" <now>',
        "kind": StepKind.GATE,
        "needs": ("mend", "lint"),
        "layer": 3,
        "critical_path": True,
    }
    assert [step["layer"] for step in found["steps"]] == [0, 1, 1, 2, 3]


def session(tmp_path: Path) -> Session:
    return Session({"data_dir": tmp_path / "data"}, None)


def test_what_is_wrong_with_the_words_is_said(tmp_path: Path) -> None:
    runner = CliRunner()
    for words, error, message in (
        (["no.yaml"], NotFound, "There is no file no.yaml."),
        (["four-agents", "--input", "level"], InvalidInput, "--input takes NAME=VALUE"),
        (["x.yaml", "--mermaid", "--format", "json"], InvalidInput, "two formats"),
        (["7s24", "--input", "a=b"], InvalidInput, "--input is for a workflow file."),
    ):
        done = runner.invoke(graph, words, obj=session(tmp_path))
        assert isinstance(done.exception, error), done.exception
        assert message in str(done.exception)


def test_a_file_is_drawn_in_every_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "release.yaml"
    file.write_text("name: release\n")
    monkeypatch.setattr(dag_graph, "_spec_of", lambda path, inputs: SPEC)
    runner, desk = CliRunner(), session(tmp_path)
    assert "Build it" in runner.invoke(graph, [str(file), "--width", "100"], obj=desk).output
    assert runner.invoke(graph, [str(file), "--mermaid"], obj=desk).output.startswith("flowchart")
    found = json.loads(runner.invoke(graph, [str(file), "--format", "json"], obj=desk).output)
    assert [step["id"] for step in found["steps"]] == ["build", "lint", "test", "mend", "end"]


def test_drawing_loads_no_screen() -> None:
    code = (
        "import sys; from foredeck.app.cli import dag_graph as g;"
        "from foredeck.services.workflow.builtin import four_agents;"
        "from foredeck.services.domain.clock import now;"
        "from foredeck.widgets.dag.critical import critical_path;"
        "d = g.Drawing('a', 'a', '', g.steps_of(four_agents()), now());"
        "g.put_picture(d, critical_path(d.steps, d.at), 100);"
        "print('textual' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert "Production Readiness" in done.stdout
