"""`foredeck agents`: who they are, and a talk at the command line."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from foredeck.services.rehearsal.exchange import Action, ModelRequest, Pause, Say
from foredeck.services.rehearsal.model_server import ModelServer
from tests.support.cli_desk import Desk, ended, until
from tests.support.pty_program import PtyProgram


class Echo:
    """Answers every question with the question; `Wait` begins and never ends."""

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        question = request.last_user_text.strip().splitlines()[-1]
        if question == "Wait":
            return [Say("It begins"), Pause(120)]
        return [Say(f"You asked: {question}\x1b[31m")]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ModelServer(Echo(), pace=0) as server:
        desk = Desk(tmp_path, server)
        assert desk.run("projects", "create", "shop").code == 0
        try:
            yield desk
        finally:
            desk.close()


def answer_has_begun(desk: Desk) -> bool:
    connection = sqlite3.connect(desk.data / "foredeck.db")
    try:
        found = connection.execute("SELECT 1 FROM chat_message WHERE role = 'assistant'")
        return found.fetchone() is not None
    finally:
        connection.close()


def test_the_agents(desk: Desk) -> None:
    listed = desk.run("agents", "list", "--format", "json").answer
    assert listed["total"] == 4
    assert [agent["id"] for agent in listed["items"]] == [
        "planner",
        "builder",
        "qa_qc",
        "prod_ready",
    ]
    assert "QA/QC" in desk.run("agents", "list").out
    shown = desk.run("agents", "show", "qa_qc")
    assert "run_codex" in shown.out
    unknown = desk.run("agents", "show", "boss")
    assert (unknown.code, unknown.out) == (2, "")
    assert "The agents are: planner, builder" in unknown.err


def test_a_message_and_the_next_one(desk: Desk) -> None:
    said = desk.run("agents", "chat", "planner", "How are you?", "--project", "shop")
    assert (said.code, said.out) == (0, "You asked: How are you?\n")
    listed = desk.run("agents", "conversations", "--format", "json").answer["items"]
    assert [(item["agent"], item["title"]) for item in listed] == [("planner", "How are you?")]
    place = listed[0]["id"]
    assert f"--conversation {place}" in said.err
    more = desk.run("agents", "chat", "--conversation", place[:6], "And now?", "--format", "json")
    assert more.answer["answer"].startswith("You asked: And now?")
    assert [line["role"] for line in more.answer["said"]] == ["user", "assistant"] * 2
    assert more.answer["tokens"] > 0
    piped = desk.run("agents", "chat", "qa_qc", "--project", "shop", given="From a pipe\n")
    assert piped.out == "You asked: From a pipe\n"
    table = desk.run("agents", "conversations", "--agent", "qa_qc").out
    assert "From a pipe" in table
    assert "How are you?" not in table


def test_what_is_missing_is_named(desk: Desk) -> None:
    for words, sentence in (
        (("chat",), "Which agent?"),
        (("chat", "planner", "Hello"), "Name a project or a run."),
        (("chat", "boss", "Hello", "--project", "shop"), "no agent with the role 'boss'"),
    ):
        said = desk.run("agents", *words)
        assert (said.code, said.out) == (2, "")
        assert sentence in said.err
    nothing = desk.run("agents", "chat", "planner", "--project", "shop", given="\n")
    assert (nothing.code, nothing.err) == (0, "Nothing was sent.\n")
    assert "Begin one" in desk.run("agents", "conversations").err


def test_ctrl_c_cuts_the_answer_off_and_it_can_be_sent_again(desk: Desk) -> None:
    process = desk.start("agents", "chat", "planner", "Wait", "--project", "shop")
    until(lambda: answer_has_begun(desk), "the answer begins")
    process.send_signal(signal.SIGINT)
    said = ended(process)
    assert said.code == 130
    assert "--again" in said.err
    (item,) = desk.run("agents", "conversations", "--format", "json").answer["items"]
    assert item["last"] == "cut_off"


def test_a_killed_host_leaves_it_marked(desk: Desk) -> None:
    process = desk.start("agents", "chat", "planner", "Wait", "--project", "shop")
    until(lambda: answer_has_begun(desk), "the answer begins")
    process.kill()
    process.communicate()
    desk.run("projects", "create", "another")
    (item,) = desk.run("agents", "conversations", "--format", "json").answer["items"]
    assert item["last"] == "cut_off"
    again = desk.run("agents", "chat", "--conversation", item["id"], "Hello")
    assert (again.code, again.out) == (0, "You asked: Hello\n")


def test_lines_at_a_terminal(desk: Desk) -> None:
    where = ("--config", str(desk.base / "config.toml"))
    words = ("agents", "chat", "planner", "--project", "shop")
    with PtyProgram("foredeck.app.cli.main", *where, *words) as program:
        program.read_until(">")
        program.send("one\n")
        program.read_until("You asked: one")
        program.send("two\nthree\n")
        program.read_until("You asked: three")
        program.send("\x04")
        assert program.wait() == 0
        assert "\x1b[31m" not in program.output.decode()
    (item,) = json.loads(desk.run("agents", "conversations", "--format", "json").out)["items"]
    assert item["messages"] == 6
