"""Questions on the command line: asked on a terminal, listed, answered, and never forgotten."""

from __future__ import annotations

import json

import pytest

from tests.support.cli_desk import Desk, processes_of, until
from tests.support.crew_script import CrewScript, escalated
from tests.support.pty_program import PtyProgram

pytestmark = pytest.mark.codex

REQUEST = "Build it. [run one]"


@pytest.fixture
def crew(desk: Desk) -> CrewScript:
    script = CrewScript()
    script.crew("one").codex["builder"] = escalated("touch done", why="to be done")
    desk.server.script = script
    (desk.base / "code").mkdir()
    return script


def on_a_terminal(desk: Desk, mode: str = "direct") -> PtyProgram:
    config, code = str(desk.base / "config.toml"), str(desk.base / "code")
    words = ("run", REQUEST, "--workspace", code, "--mode", mode)
    return PtyProgram("foredeck.app.cli.main", "--config", config, *words, size=(120, 80))


def test_on_a_terminal_it_is_asked_right_there(desk: Desk, crew: CrewScript) -> None:
    with on_a_terminal(desk) as program:
        program.read_until("Builder asks for leave to run /bin/bash -c 'touch done'", 60)
        program.read_until("because to be done")
        program.read_until("o (once), s (session), d (deny), x (deny and stop)")

        (item,) = desk.run("runs", "list", "--format", "json").answer["items"]
        assert (item["state"], item["open_questions"]) == ("waiting", 1)
        assert "(1 asked)" in desk.run("runs", "list").out
        shown = desk.run("runs", "show", item["id"])
        assert "Asks for leave: run /bin/bash -c 'touch done'" in shown.out
        assert f"foredeck runs questions {item['id']}" in shown.err
        asked = desk.run("runs", "questions", item["id"], "--format", "json").answer
        (question,) = asked["items"]
        assert question["kind"] == "approval"
        assert question["choices"] == ["once", "session", "deny", "deny_and_stop"]
        assert question["place"] == str(desk.base / "code")
        listed = desk.run("runs", "questions")
        assert "to be done" in listed.out
        assert f"foredeck runs approve {item['id']}" in listed.out

        program.send("maybe\n")
        program.read_until("'maybe' is no answer here.")
        program.send("o\n")
        assert program.wait(60) == 0
        assert "settled elsewhere" not in program.output.decode()
    assert (desk.base / "code/done").exists()
    assert processes_of(desk.base) == []


def test_another_command_answers_what_is_asked_on_a_terminal(desk: Desk, crew: CrewScript) -> None:
    with on_a_terminal(desk) as program:
        program.read_until("Ctrl-D leaves it open", 60)
        (item,) = desk.run("runs", "list", "--format", "json").answer["items"]
        denied = desk.run("runs", "approve", item["id"], "--deny", "--format", "json")
        assert denied.code == 0, denied.err
        assert "✓ Answered “deny”: run /bin/bash -c 'touch done'" in denied.err
        assert (denied.answer["state"], denied.answer["answer"]) == ("answered", "deny")
        program.read_until("It has been settled elsewhere.")
        assert program.wait(60) == 0
    assert not (desk.base / "code/done").exists()


def test_an_agents_question_is_answered_by_number(desk: Desk, crew: CrewScript) -> None:
    crew.crew("one").codex.clear()
    crew.crew("one").questions["planner"] = {"question": "Which?", "choices": ["red", "blue"]}
    with on_a_terminal(desk, "agent") as program:
        program.read_until("Planner asks: Which?", 60)
        program.read_until("2  blue")
        program.send("2\n")
        assert program.wait(60) == 0
    (item,) = desk.run("runs", "list", "--format", "json").answer["items"]
    steps = desk.run("runs", "show", item["id"], "--format", "json").answer["steps"]
    assert json.loads(steps[0]["summary"])["answer"] == "blue"


def test_left_open_it_says_how_to_answer(desk: Desk, crew: CrewScript) -> None:
    with on_a_terminal(desk) as program:
        program.read_until("Ctrl-D leaves it open", 60)
        program.send("\x04")
        program.read_until("Left open. Answer it with: foredeck runs approve")
        program.send("\x03")
        assert program.wait(60) == 130
    assert not (desk.base / "code/done").exists()
    assert desk.run("runs", "questions", "--format", "json").answer == {"items": [], "total": 0}


def test_without_a_terminal_nobody_is_there(desk: Desk, crew: CrewScript) -> None:
    done = desk.run("run", REQUEST, "--workspace", "code", "--mode", "direct", "--format", "json")
    assert done.code == 0, done.err
    assert not (desk.base / "code/done").exists()
    logs = desk.run("runs", "logs", done.answer["id"], "--step", "builder").out
    assert "nobody is there to answer" in logs


def test_a_run_that_may_wait_says_that_it_needs_a_person(desk: Desk, crew: CrewScript) -> None:
    done = desk.run(
        "run", REQUEST, "--workspace", "code", "--mode", "direct", FOREDECK_UNATTENDED="wait"
    )
    assert done.code == 4, done.err
    (item,) = desk.run("runs", "list", "--format", "json").answer["items"]
    assert (item["state"], item["open_questions"]) == ("waiting", 1)
    assert "It waits for a person. See what it asks: foredeck runs questions" in done.err
    assert "Asks for leave: run /bin/bash -c 'touch done'" in done.out

    # Long after that process has ended, the answer is obeyed and the run goes on.
    said = desk.run("runs", "approve", item["id"], FOREDECK_IDLE_TIMEOUT="1")
    assert said.code == 0, said.err
    assert desk.run("runs", "wait", item["id"]).out == "success\n"
    assert (desk.base / "code/done").exists()
    until(lambda: processes_of(desk.base) == [], "nothing of it is left")


def test_what_cannot_be_answered(desk: Desk, crew: CrewScript) -> None:
    made = desk.run("run", REQUEST, "--workspace", "code", "--no-start", "--format", "json")
    run_id = made.answer["id"]
    nothing = desk.run("runs", "approve", run_id)
    assert (nothing.code, "asks nothing just now" in nothing.err) == (1, True)
    both = desk.run("runs", "answer", run_id, "yes", "--choice", "1")
    assert (both.code, "either TEXT or --choice" in both.err) == (2, True)
    torn = desk.run("runs", "approve", run_id, "--deny", "--once")
    assert (torn.code, "Give only one of" in torn.err) == (2, True)
    unknown = desk.run("runs", "approve", "zzzz")
    assert unknown.code == 2
    idle = desk.run("runs", "steer", run_id, "go left")
    assert (idle.code, "nobody to steer" in idle.err) == (1, True)
    assert f"foredeck runs follow-up {run_id}" in idle.err
    queued = desk.run("runs", "follow-up", run_id, "[run one] [work of builder] more")
    assert (queued.code, f"✓ Queued for the codex of run: {run_id}" in queued.err) == (0, True)


def test_on_the_dashboard_a_key_opens_it_and_another_answers(desk: Desk, crew: CrewScript) -> None:
    config = str(desk.base / "config.toml")
    made = desk.run("projects", "create", "crew", "--workspace", str(desk.base / "code"))
    assert made.code == 0, made.err
    with PtyProgram("foredeck.app.cli.main", "--config", config, size=(120, 40)) as program:
        program.read_until("crew", 60)
        program.send("n")
        program.read_until("Request")
        program.send(REQUEST)
        program.read_until(REQUEST)
        program.send("\x13")
        program.read_until("a Answer", 60)
        program.send("a")
        program.read_until("codex wants to run:")
        program.read_until("to be done")
        assert not (desk.base / "code/done").exists()
        program.send("o")
        until((desk.base / "code/done").exists, "the command has run")
        (item,) = desk.run("runs", "list", "--format", "json").answer["items"]
        assert desk.run("runs", "wait", item["id"]).out == "success\n"
        program.read_until("● 0 running", 60)
        program.send("q")
        assert program.wait(60) == 0
    assert processes_of(desk.base) == []
