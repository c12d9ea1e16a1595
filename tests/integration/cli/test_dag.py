"""`foredeck dag`: workflow files with real processes, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli_desk import Desk, ended, processes_of, until

DIAMOND = """
name: diamond
description: Four commands that need each other
inputs:
  word: {type: string, default: hello}
steps:
  - {id: top, kind: command, command: 'echo "$WORD" > top', env: {WORD: "{{inputs.word}}"}}
  - {id: left, kind: command, needs: [top], command: cat top > left}
  - {id: right, kind: command, needs: [top], command: cat top > right}
  - {id: bottom, kind: command, needs: [left, right], command: cat left right}
"""
FLAKY = """
name: flaky
defaults: {retries: {max: 0}}
steps:
  - {id: build, kind: command, command: "echo built >> built"}
  - {id: test, kind: command, needs: [build], command: "test -e fixed || (echo it breaks; exit 3)"}
  - {id: ship, kind: command, needs: [test], command: echo shipped}
"""
GATED = """
name: gated
steps:
  - {id: build, kind: command, command: echo built}
  - {id: sign-off, kind: gate, needs: [build], gate: "Ship it?"}
  - {id: ship, kind: command, needs: [sign-off], command: echo shipped > shipped}
"""


def write(desk: Desk, name: str, text: str) -> str:
    (desk.base / "code").mkdir(exist_ok=True)
    path = desk.base / name
    path.write_text(text)
    return str(path)


def test_a_diamond_of_commands_and_how_it_is_looked_at(desk: Desk) -> None:
    path = write(desk, "diamond.yaml", DIAMOND)
    words = ("dag", "run", path, "--workspace", "code", "--input", "word=a b", "--format", "json")
    done = desk.run(*words)
    assert done.code == 0, done.err
    run = done.answer
    assert (run["state"], run["title"]) == ("success", "diamond")
    assert [step["summary"] for step in run["steps"]][-1] == "a b"

    shown = desk.run("dag", "status", run["id"][:8])
    lines = [line.split() for line in shown.out.splitlines()]
    assert ["top", "✓", "success"] in [words[:3] for words in lines]
    assert "Retries" in shown.out
    verbose = desk.run("dag", "status", run["id"], "--verbose")
    assert verbose.out.count("Attempt") == 4
    answer = desk.run("dag", "status", run["id"], "--format", "json").answer
    assert answer["id"] == run["id"]
    assert [step["needs"] for step in answer["steps"]][-1] == ["left", "right"]
    assert [len(step["attempts"]) for step in answer["steps"]] == [1] * 4
    assert processes_of(desk.base) == []


def test_what_failed_is_tried_again_in_the_same_run(desk: Desk) -> None:
    path = write(desk, "flaky.yaml", FLAKY)
    failed = desk.run("dag", "run", path, "--workspace", "code", "--format", "json")
    assert failed.code == 1
    run = failed.answer
    assert [step["state"] for step in run["steps"]] == ["success", "failed", "skipped"]
    assert "exit code 3" in run["error"]
    verbose = desk.run("dag", "status", run["id"], "--verbose")
    assert "it breaks" in verbose.out

    (desk.base / "code/fixed").touch()
    again = desk.run("dag", "retry", run["id"], "--format", "json")
    assert again.code == 0, again.err
    assert "Runs again: " in again.err
    assert again.answer["id"] == run["id"]
    assert (desk.base / "code/built").read_text() == "built\n"

    refused = desk.run("dag", "retry", run["id"], "--step", "build", "--downstream")
    assert refused.code == 2
    assert "--yes" in refused.err
    whole = desk.run("dag", "retry", run["id"], "--step", "build", "--downstream", "--yes")
    assert whole.code == 0, whole.err
    assert (desk.base / "code/built").read_text() == "built\nbuilt\n"


def test_a_gate_waits_for_a_person_and_takes_either_answer(desk: Desk) -> None:
    path = write(desk, "gated.yaml", GATED)
    words = ("dag", "run", path, "--workspace", "code", "--format", "json")
    waiting = desk.run(*words)
    assert waiting.code == 4, waiting.err
    run = waiting.answer["id"]
    assert not (desk.base / "code/shipped").exists()
    approved = desk.run("dag", "approve", run, "--comment", "looks good")
    assert approved.code == 0, approved.err
    done = desk.run("runs", "resume", run)
    assert done.code in (0, 1)
    assert desk.run("runs", "wait", run).out == "success\n"
    assert "looks good" in desk.run("dag", "status", run, "--verbose", "--format", "json").out

    other = desk.run(*words).answer["id"]
    rejected = desk.run("dag", "approve", other, "--reject", "--comment", "not today")
    assert rejected.code == 0, rejected.err


def test_a_file_of_the_projects_own_folder_has_to_be_trusted_once(desk: Desk) -> None:
    write(desk, "unused.yaml", FLAKY)
    folder = desk.base / "code/.foredeck/workflows"
    folder.mkdir(parents=True)
    path = folder / "hello.yaml"
    path.write_text("steps:\n  - {id: hello, kind: command, command: echo hello}\n")
    words = ("dag", "run", str(path), "--workspace", "code")
    refused = desk.run(*words)
    assert refused.code == 1
    assert "codex can write" in refused.err
    assert "--trust" in refused.err
    assert desk.run(*words, "--trust").code == 0
    assert desk.run(*words).code == 0
    path.write_text("steps:\n  - {id: hello, kind: command, command: echo changed}\n")
    assert desk.run(*words).code == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("dag", "run", "nothing.yaml"), 2, "There is no file nothing.yaml"),
        (("dag", "run", "four-agent"), 2, "Did you mean four-agents?"),
        (("dag", "show", "nothing"), 2, "There is no workflow nothing"),
        (("dag", "status", "zzzz"), 2, "zzzz"),
        (("dag", "run", "four-agents", "--input", "x"), 2, "--input takes NAME=VALUE"),
    ],
)
def test_what_cannot_be_understood_is_said(
    desk: Desk, words: tuple[str, ...], code: int, said: str
) -> None:
    done = desk.run(*words)
    assert done.code == code
    assert said in done.err


def test_what_can_be_run_is_listed_and_can_be_copied(desk: Desk) -> None:
    folder = desk.base / ".foredeck/workflows"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(DIAMOND)
    listed = desk.run("dag", "list", "--format", "json").answer
    names = [item["name"] for item in listed["items"]]
    assert names[0] == "mine"
    assert "four-agents" in names
    copied = desk.run("dag", "show", "four-agents")
    (desk.base / "copy.yaml").write_text(copied.out)
    assert desk.run("dag", "validate", "copy.yaml").code == 0


def test_a_detached_workflow_goes_on_in_the_background(desk: Desk) -> None:
    path = write(desk, "diamond.yaml", DIAMOND)
    detached = desk.run("dag", "run", path, "--workspace", "code", "--detach")
    assert detached.code == 0, detached.err
    run = detached.out.strip()
    assert desk.run("runs", "wait", run).out == "success\n"


def test_an_interrupted_command_step_leaves_nothing(desk: Desk) -> None:
    slow = "steps:\n  - {id: slow, kind: command, command: 'touch up; sleep 300'}\n"
    path = write(desk, "slow.yaml", slow)
    process = desk.start("dag", "run", path, "--workspace", "code")
    until((desk.base / "code/up").exists, "the command runs")
    process.terminate()
    assert ended(process).code == 130
    assert processes_of(desk.base) == []
    assert Path(path).exists()
    assert json.loads(desk.run("runs", "list", "--format", "json").out)["total"] == 1
