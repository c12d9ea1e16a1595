"""`foredeck tasks …` as a person types it."""

from __future__ import annotations

import json

import pytest

from tests.support.cli_desk import Desk, end_background_host

pytestmark = pytest.mark.codex

CREATE = (
    "tasks", "create", "--name", "review", "--description", "Reviews a file",
    "--prompt-template", "Review {{file}} for {{goal}}", "--variable", "goal=bugs",
    "--allowed-tools", "Bash", "--allowed-tools", "Read", "--is-scheduled",
    "--schedule-cron", "0 3 29 2 *", "--timezone", "Europe/Berlin", "--schedule-enabled",
    "--generate-report", "--report-format", "json", "--tags", "nightly", "--tags", "py",
)  # fmt: skip


def test_created_executed_and_looked_at(desk: Desk) -> None:
    desk.run("projects", "create", "shop", "--workspace", str(desk.base / "src"))
    made = desk.run(*CREATE, "--format", "json")
    assert made.code == 0, made.err
    done, warned = made.err.splitlines()
    assert done == f"✓ Task created: {made.answer['id']}"
    assert warned.startswith("! The clock can give no value for file: ")
    assert made.answer["allowed_tools"] == ["Bash", "Read"]
    assert made.answer["schedule_timezone"] == "Europe/Berlin"
    assert made.answer["is_scheduled"] is True
    assert made.answer["tags"] == ["nightly", "py"]

    variables = json.dumps({"file": "main.py", "lines": [1, 2]})
    begun = desk.run("tasks", "execute", "review", "--variables", variables, "--format", "json")
    assert begun.code == 0, begun.err
    assert "does not use lines" in begun.err
    execution = begun.answer["id"]
    waited = desk.run("tasks", "execute", "review", "-v", "file=b.py", "--wait", "--format", "json")
    status = desk.run("tasks", "execution-status", execution[:8], "--format", "json")
    end_background_host(desk)

    assert begun.answer["status"] == "running"
    assert begun.answer["variables"] == {"file": "main.py", "goal": "bugs"}
    assert waited.code == 0, waited.err
    assert (waited.answer["status"], waited.answer["report_format"]) == ("success", "json")
    assert waited.answer["report_id"]  # its report is there, too
    assert status.answer["id"] == execution
    listed = desk.run("tasks", "executions", "review", "--format", "json").answer
    assert listed["total"] == 2
    shown = desk.run("tasks", "list", "--tag", "py", "--format", "json").answer
    assert shown["items"][0]["executions"] == 2


def test_changed_rested_deleted_and_brought_back(desk: Desk) -> None:
    task = desk.run(*CREATE, "--format", "json").answer["id"]

    changed = desk.run(
        "tasks", "update", "review", "--name", "audit", "--no-schedule", "--allowed-tools", "all",
        "--notify", "failure", "--tags", "none", "--format", "json",
    ).answer  # fmt: skip
    assert changed["name"] == "audit"
    assert changed["is_scheduled"] is False
    assert changed["allowed_tools"] is None
    assert changed["notify"] == ["failure"]
    assert changed["tags"] == []
    assert changed["variables"] == {"goal": "bugs"}
    assert "disabled" in desk.run("tasks", "disable", "audit").out
    assert "enabled" in desk.run("tasks", "enable", "audit").out
    assert desk.run("tasks", "delete", "audit").code == 0
    assert "No tasks yet" in desk.run("tasks", "list").err
    assert task in desk.run("tasks", "list", "--deleted").out
    assert "tasks executions [TASK]" in desk.run("tasks", "execution-status", "audit").err
    gone = desk.run("tasks", "restore", "audit")
    assert (gone.code, gone.err) == (
        2,
        f"error: The task 'audit' was deleted.\nforedeck tasks restore {task} brings it back.\n",
    )
    assert "mean" not in desk.run("tasks", "show", "audi").err
    assert desk.run("tasks", "restore", task).code == 0
    assert "audit" in desk.run("tasks", "list").out


def test_what_is_wrong_is_said_in_lines_and_nothing_is_stored(desk: Desk) -> None:
    said = desk.run(
        "tasks", "create", "--name", "x", "--prompt-template", "{{a b}}", "--allowed-tools", "Bsh",
        "--schedule-cron", "0 25 * * *", "--report-format", "doc",
    )  # fmt: skip
    assert said.code == 2
    assert said.out == ""
    assert "The task has 4 mistakes" in said.err
    assert "Did you mean Bash?" in said.err
    assert desk.run("tasks", "list", "--format", "json").answer["total"] == 0


def test_a_name_that_is_taken_is_told_with_the_other_mistakes(desk: Desk) -> None:
    words = ("tasks", "create", "--name", "x", "--prompt-template")
    task = desk.run(*words, "a", "--format", "json").answer["id"]
    assert desk.run("projects", "create", "shop").code == 0
    sentence = f"There is a task x already: {task}."

    taken = desk.run(*words, "b")
    assert (taken.code, taken.err) == (1, f"error: {sentence}\nChoose another name.\n")
    said = desk.run(*words, "{{", "--project", "shp", "--is-scheduled", "--timezone", "Mars/X")
    assert said.code == 2
    lines = said.err.splitlines()
    assert lines[0] == "error: The task has 5 mistakes:"
    assert lines[1] == f"  • {sentence}"
    assert lines[2].startswith("  • There is no project 'shp'. Did you mean shop?")
    assert "needs --schedule-cron" in lines[4]
    assert "Mars/X" in lines[5]
    other = desk.run("tasks", "create", "--name", "y", "--prompt-template", "b")
    assert other.code == 0
    kept = desk.run("tasks", "update", "y", "--name", "x", "--report-format", "doc")
    assert (kept.code, sentence in kept.err) == (2, True)
    assert desk.run("tasks", "update", "x", "--report-format", "doc").err.count("•") == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("create", "--name", "x", "--is-scheduled"), "needs --schedule-cron"),
        (("create", "--name", "x", "--timezone", "UTC"), "needs --schedule-cron"),
        (("create", "--name", "x", "--variable", "=1"), "Write NAME=VALUE"),
        (("create", "--name", "x", "--notify", "none", "--notify", "finish"), "stand alone"),
        (("create", "--name", "x", "--prompt-file", "absent"), "cannot be read"),
        (("create", "--name", "x"), "needs a prompt template"),
        (("execute", "absent"), "no task 'absent'"),
        (("execute", "absent", "--variables", "{"), "no JSON"),
        (("execute", "absent", "--variables", "[1]"), "JSON object"),
        (("update", "absent"), "What is to be changed?"),
        (("execution-status", "absent"), "no run 'absent'"),
    ],
)
def test_bad_input_is_one_clear_error(desk: Desk, words: tuple[str, ...], sentence: str) -> None:
    said = desk.run("tasks", *words)

    assert said.code == 2
    assert sentence in said.err
    assert said.out == ""
