"""What a turn leaves in its output file, captured streams included."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foredeck.services.codex.narration import Narrator, shown_command
from foredeck.services.codex.protocol import Notification, parse_message
from foredeck.services.domain.records import ChangeKind, FileChange
from foredeck.services.domain.segments import SegmentKind as Kind
from foredeck.services.jobs.output import OutputWriter
from tests.support.fake_app_server import last_turn, notification
from tests.support.segments import parts, texts


@pytest.fixture
def narrator(writer: OutputWriter) -> Narrator:
    return Narrator(writer, "job", "/workspace")


def tell(narrator: Narrator, *messages: dict[str, Any]) -> None:
    for message in messages:
        event = parse_message(json.dumps(message))
        if isinstance(event, Notification):
            narrator.tell(event)


def command(phase: str, name: str, **fields: Any) -> dict[str, Any]:
    item = {"type": "commandExecution", "id": name, "command": f"/bin/bash -c 'run {name}'"}
    return notification(f"item/{phase}", item={**item, **fields})


def delta(name: str, text: str) -> dict[str, Any]:
    return notification("item/commandExecution/outputDelta", itemId=name, delta=text)


def ended(name: str, output: str, **fields: Any) -> dict[str, Any]:
    fields = {"status": "completed", "exitCode": 0, "durationMs": 1500, **fields}
    return command("completed", name, aggregatedOutput=output, **fields)


def test_the_first_chunk_is_put_in_front(narrator: Narrator, writer: OutputWriter) -> None:
    tell(narrator, *last_turn("deltas-and-command"))
    writer.flush()
    found = parts(writer.path)
    assert found[0][0] is Kind.COMMAND
    assert found[0][1].startswith("$ for i in")
    assert found[1] == (Kind.OUTPUT, "".join(f"tick {n}\n" for n in range(1, 7)))
    assert found[2] == (Kind.NOTE, "exit 0, 5.9 s\n")
    assert found[3] == (Kind.MESSAGE, "slow done\n")
    assert narrator.message == "slow done"


def test_several_commands(narrator: Narrator, writer: OutputWriter) -> None:
    tell(narrator, *last_turn("multi"))
    writer.flush()
    assert texts(writer.path, Kind.COMMAND)[:3] == [
        "$ echo one; echo err1 >&2\n",
        "$ echo two > two.txt; cat two.txt\n",
        "$ false\n",
    ]
    assert texts(writer.path, Kind.OUTPUT)[:2] == ["one\nerr1\n", "two\n"]
    assert texts(writer.path, Kind.ERROR)[0] == "exit 1, 0.0 s: false\n"
    assert narrator.errors[0] == "exit 1, 0.0 s: false"
    assert texts(writer.path, Kind.REASONING)[0] == "**Step 1**\n\nlist\n"


def test_interleaved_commands_keep_their_heads_apart(
    narrator: Narrator, writer: OutputWriter
) -> None:
    tell(
        narrator,
        command("started", "a"),
        command("started", "b"),
        delta("a", "a2\n"),
        delta("b", "b2\n"),
        delta("a", "a3\n"),
        command("started", "c"),
        delta("c", "c2\n"),
        delta("b", "b3"),
        ended("b", "b1\nb2\nb3"),
        delta("a", "a4\n"),
        ended("a", "a1 is longer\na2\na3\na4\n"),
        ended("c", "c1\nc2\nc3\n"),
    )
    writer.flush()
    assert parts(writer.path) == [
        (Kind.COMMAND, "$ run a\n"),
        (Kind.COMMAND, "$ run b\n"),
        (Kind.OUTPUT, "a1 is longer\na2\n"),
        (Kind.OUTPUT, "b1\nb2\n"),
        (Kind.OUTPUT, "a3\n"),
        (Kind.COMMAND, "$ run c\n"),
        (Kind.OUTPUT, "c1\nc2\n"),
        (Kind.OUTPUT, "b3\n"),
        (Kind.NOTE, "exit 0, 1.5 s\n"),
        (Kind.OUTPUT, "a4\n"),
        (Kind.NOTE, "exit 0, 1.5 s\n"),
        (Kind.OUTPUT, "c3\n"),
        (Kind.NOTE, "exit 0, 1.5 s\n"),
    ]


def test_insertions_of_bytes_already_in_the_file(narrator: Narrator, writer: OutputWriter) -> None:
    for message in (
        command("started", "a"),
        command("started", "b"),
        delta("a", "ä2\n"),
        delta("b", "b2\n"),
        ended("a", "ä1\nä2\n"),
        ended("b", "b1\nb2\n"),
    ):
        tell(narrator, message)
        writer.flush()
    assert texts(writer.path, Kind.OUTPUT) == ["ä1\nä2\n", "b1\nb2\n"]


def test_a_gap_is_said_before_the_report(narrator: Narrator, writer: OutputWriter) -> None:
    tell(narrator, command("started", "a"), delta("a", "1\n"), delta("a", "4\n"))
    tell(narrator, ended("a", "1\n2\n3\n4\n"))
    writer.flush()
    found = parts(writer.path)
    assert found[1] == (Kind.OUTPUT, "1\n4\n")
    assert found[2][0] is Kind.NOTE
    assert found[2][1].startswith("Codex left out pieces")
    assert found[3] == (Kind.OUTPUT, "1\n2\n3\n4\n")


def test_two_turns_and_an_agent_share_a_file(writer: OutputWriter) -> None:
    one, two = Narrator(writer, "one", "/workspace"), Narrator(writer, "two", "/workspace")
    tell(one, command("started", "x"), delta("x", "1b\n"))
    tell(two, command("started", "x"), delta("x", "2b\n"))
    writer.segment(Kind.AGENT)
    writer.write("words of the agent\n")
    tell(two, delta("x", "2c\n"))
    tell(one, ended("x", "1a\n1b\n"))
    tell(two, ended("x", "2a\n2b\n2c\n"))
    writer.flush()
    assert texts(writer.path, Kind.OUTPUT) == ["1a\n1b\n", "2a\n2b\n", "2c\n"]
    assert texts(writer.path, Kind.AGENT) == ["words of the agent\n"]


def test_messages_come_live_and_complete(narrator: Narrator, writer: OutputWriter) -> None:
    def more(text: str) -> dict[str, Any]:
        return notification("item/agentMessage/delta", itemId="m", delta=text)

    tell(narrator, more("one "), more("two"))
    writer.flush()
    assert texts(writer.path, Kind.MESSAGE) == ["one two"]
    item = {"type": "agentMessage", "id": "m", "text": "one two three"}
    tell(narrator, notification("item/completed", item=item))
    writer.flush()
    assert texts(writer.path, Kind.MESSAGE) == ["one two three\n"]


def test_reasoning_in_parts(narrator: Narrator, writer: OutputWriter) -> None:
    for part, text in ((0, "first"), (1, "sec"), (1, "ond")):
        tell(
            narrator,
            notification(
                "item/reasoning/summaryTextDelta", itemId="r", delta=text, summaryIndex=part
            ),
        )
    item = {"type": "reasoning", "id": "r", "summary": ["first", "second"]}
    tell(narrator, notification("item/completed", item=item))
    writer.flush()
    assert texts(writer.path, Kind.REASONING) == ["first\n\nsecond\n"]


def test_patches(narrator: Narrator, writer: OutputWriter) -> None:
    tell(narrator, *last_turn("patch"))
    writer.flush()
    files = texts(writer.path, Kind.FILES)
    assert files[0] == "created  added.txt\n"
    assert files[1].startswith("modified added.txt\n@@ -1,2 +1,2 @@\n-alpha\n+ALPHA")
    assert "created  sub/new.py" in files[1]
    assert files[2] == "deleted  added.txt\n"


def test_a_declined_patch_and_command(narrator: Narrator, writer: OutputWriter) -> None:
    tell(narrator, *last_turn("approval-patch-outside"), *last_turn("approval-decline"))
    writer.flush()
    errors = texts(writer.path, Kind.ERROR)
    assert errors[0] == "the patch was not applied (declined): /etc/zz_not_allowed.txt\n"
    assert errors[1].startswith("not run: it was declined: echo hello")


def test_reconnecting_is_a_note_and_the_end_an_error(
    narrator: Narrator, writer: OutputWriter
) -> None:
    tell(narrator, *last_turn("refused"))
    writer.flush()
    assert parts(writer.path) == [
        (Kind.NOTE, "Reconnecting... 1/1 (Connection failed: error sending request)\n"),
        (Kind.ERROR, "Connection failed: error sending request\n"),
    ]


def test_plans_and_tools(narrator: Narrator, writer: OutputWriter) -> None:
    tell(narrator, *last_turn("plan"), *last_turn("search"), *last_turn("subagent"))
    writer.flush()
    assert texts(writer.path, Kind.NOTE)[0] == "[>] Read code\n[ ] Fix bug\n"
    tools = texts(writer.path, Kind.TOOL)
    assert tools[0] == "web search: codex cli json events\n"
    assert any(tool.startswith("sub-agent spawnAgent: CHILD") for tool in tools)


def test_control_sequences_are_kept(narrator: Narrator, writer: OutputWriter) -> None:
    text = "\x1b[31mred\x1b[0m\r50%\r100%\x07[/]\x00\n"
    tell(narrator, command("started", "a"), delta("a", text), ended("a", text))
    writer.flush()
    assert texts(writer.path, Kind.OUTPUT) == [text]


def test_working_while_a_command_runs(narrator: Narrator) -> None:
    tell(narrator, command("started", "a"))
    assert narrator.working
    assert narrator.open_commands == 1
    tell(narrator, ended("a", ""))
    assert not narrator.working


def test_what_stayed_open_is_said(narrator: Narrator, writer: OutputWriter) -> None:
    tell(narrator, command("started", "a"), delta("a", "so far"))
    narrator.finish()
    writer.flush()
    assert parts(writer.path)[-1] == (Kind.NOTE, "no end reported: run a\n")


def test_an_end_without_a_start(narrator: Narrator, writer: OutputWriter) -> None:
    tell(narrator, ended("a", "all of it\n"))
    writer.flush()
    assert parts(writer.path)[:2] == [(Kind.COMMAND, "$ run a\n"), (Kind.OUTPUT, "all of it\n")]


def test_changed_files_are_listed(narrator: Narrator, writer: OutputWriter) -> None:
    narrator.changed(tuple(FileChange(f"f{n}", ChangeKind.CREATED) for n in range(300)))
    writer.flush()
    (text,) = texts(writer.path, Kind.FILES)
    assert text.startswith("300 files changed:\ncreated  f0\n")
    assert text.endswith("and 100 more\n")


@pytest.mark.parametrize("name", ["codemode", "steer", "interrupt", "cut", "subagent"])
def test_other_streams_leave_well_formed_parts(
    narrator: Narrator, writer: OutputWriter, name: str
) -> None:
    tell(narrator, *last_turn(name))
    narrator.finish()
    writer.flush()
    assert all(text.endswith("\n") for _, text in parts(writer.path))
    assert not narrator.working


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("/bin/bash -lc 'echo a; echo b'", "echo a; echo b"),
        ("/usr/bin/zsh -c ls", "ls"),
        ("ls -l", "ls -l"),
        ("bash -lc 'unbalanced", "bash -lc 'unbalanced"),
        ("", ""),
    ],
)
def test_the_script_is_shown_without_its_shell(given: str, shown: str) -> None:
    assert shown_command(given) == shown


SECRET = "Sup3r/S3cret+V4lue"


@pytest.fixture
def careful(writer: OutputWriter) -> Narrator:
    writer.redactor.learn([SECRET])
    return Narrator(writer, "job", "/workspace")


def everything(writer: OutputWriter) -> bytes:
    writer.flush()
    return b"".join(path.read_bytes() for path in writer.path.parent.iterdir() if path.is_file())


def test_a_secret_in_two_deltas_is_redacted_once(careful: Narrator, writer: OutputWriter) -> None:
    tell(
        careful, command("started", "c"), delta("c", "it is Sup3r/S3"), delta("c", "cret+V4lue!\n")
    )
    tell(careful, ended("c", f"first\nit is {SECRET}!\nlast\n"))
    assert SECRET.encode() not in everything(writer)
    assert texts(writer.path, Kind.OUTPUT) == ["first\nit is [redacted]!\nlast\n"]


def test_what_is_held_back_at_the_end_comes_with_the_report(
    careful: Narrator, writer: OutputWriter
) -> None:
    tell(careful, command("started", "c"), delta("c", "it is Sup3r/S3"))
    tell(careful, ended("c", f"it is {SECRET}\n"))
    assert texts(writer.path, Kind.OUTPUT) == ["it is [redacted]\n"]


@pytest.mark.parametrize("report", ["", "it is Sup3r/S3"])
def test_half_a_secret_is_no_secret(careful: Narrator, writer: OutputWriter, report: str) -> None:
    tell(careful, command("started", "c"), delta("c", "it is Sup3r/S3"), ended("c", report))
    writer.flush()
    assert [text.strip() for text in texts(writer.path, Kind.OUTPUT)] == ["it is Sup3r/S3"]


def test_the_report_never_completes_a_secret_that_came_in_halves(
    careful: Narrator, writer: OutputWriter
) -> None:
    tell(careful, command("started", "c"), delta("c", "cret+V4lue\n"))
    tell(careful, ended("c", f"it is {SECRET}\n"))
    assert SECRET.encode() not in everything(writer)
    assert texts(writer.path, Kind.OUTPUT)[-1] == "it is [redacted]\n"


def test_nothing_that_a_turn_says_keeps_a_secret(careful: Narrator, writer: OutputWriter) -> None:
    careful.prompt(f"use {SECRET}")
    started = {"type": "commandExecution", "id": "d", "command": f"echo {SECRET}"}
    tell(
        careful,
        notification("item/started", item=started),
        notification("item/agentMessage/delta", itemId="m", delta="I say Sup3r/S3"),
        notification("item/agentMessage/delta", itemId="m", delta="cret+V4lue"),
        notification(
            "item/reasoning/summaryTextDelta", itemId="r", delta="Sup3r/S3", summaryIndex=0
        ),
    )
    careful.problem(f"failed: {SECRET}")
    careful.finish()
    written = everything(writer)
    assert SECRET.encode() not in written
    assert b"I say [redacted]" in written
    assert b"$ echo [redacted]" in written
