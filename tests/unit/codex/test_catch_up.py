"""What the output file of a turn has, and what is written when the turn is taken up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from foredeck.services.codex.catch_up import CatchUp
from foredeck.services.codex.narration import Narrator
from foredeck.services.codex.protocol import (
    CommandItem,
    Item,
    ItemCompleted,
    ItemStarted,
    MessageDelta,
    MessageItem,
    OutputDelta,
)
from foredeck.services.domain.segments import SUFFIX
from foredeck.services.jobs.output import OutputWriter

JOB, COMMAND = "job", "c1"
LINES = [f"line {number}\n" for number in range(1, 13)]
REPORT = "".join(LINES)


def command(status: str = "inProgress", output: str = "") -> CommandItem:
    code = 0 if status == "completed" else None
    return CommandItem(COMMAND, "commandExecution", "bash -c 'count'", status, output, code, None)


def delta(*lines: str) -> OutputDelta:
    return OutputDelta("item/commandExecution/outputDelta", item_id=COMMAND, text="".join(lines))


def started() -> ItemStarted:
    return ItemStarted("item/started", item=command())


def completed() -> ItemCompleted:
    return ItemCompleted("item/completed", item=command("completed", REPORT))


class Desk:
    """One output file, and a new host for it whenever the last one was killed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open()

    def open(self) -> None:
        self.writer = OutputWriter(self.path)
        self.narrator = Narrator(self.writer, JOB, "/w")

    def take_up(self, completed: Sequence[Item] = (), running: Sequence[Item] = ()) -> None:
        self.writer.close()
        self.open()
        CatchUp(self.path, JOB).apply(self.narrator, "Count.", completed, running)

    def output(self) -> str:
        self.writer.flush()
        text = self.path.read_text()
        return text[text.index("line ") : text.rindex("exit 0")]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "out.log")
    desk.narrator.prompt("Count.")
    return desk


def test_a_gap_is_filled_between_what_stands_and_what_comes(desk: Desk) -> None:
    desk.narrator.tell(started())
    desk.narrator.tell(delta(*LINES[1:4]))
    desk.take_up(running=[command()])
    desk.narrator.tell(delta(*LINES[6:9]))
    desk.take_up(running=[command()])
    desk.narrator.tell(delta(*LINES[10:11]))
    desk.narrator.tell(completed())
    assert desk.output() == REPORT


def test_a_command_that_ended_meanwhile_is_completed_once(desk: Desk) -> None:
    desk.narrator.tell(started())
    desk.narrator.tell(delta(*LINES[1:4]))
    ended = command("completed", REPORT)
    desk.take_up(completed=[ended])
    desk.take_up(completed=[ended])
    assert desk.output() == REPORT
    assert desk.path.read_text().count("exit 0") == 1


def test_an_end_that_is_told_and_comes_live_as_well_is_written_once(desk: Desk) -> None:
    desk.narrator.tell(started())
    desk.narrator.tell(delta(*LINES[1:4]))
    desk.take_up(completed=[command("completed", REPORT)], running=[command()])
    desk.narrator.tell(delta(*LINES[6:9]))
    desk.narrator.tell(completed())
    desk.narrator.finish()
    assert desk.output() == REPORT
    assert desk.path.read_text().count("exit 0") == 1


def test_bytes_that_were_not_named_yet_are_known(desk: Desk) -> None:
    desk.narrator.tell(started())
    desk.writer.flush()
    records = desk.path.with_name(desk.path.name + SUFFIX)
    before = records.read_bytes()
    desk.narrator.tell(delta(*LINES[1:4]))
    desk.writer.close()
    records.write_bytes(before)  # killed between the bytes and their name
    desk.open()
    CatchUp(desk.path, JOB).apply(desk.narrator, "Count.", (), [command()])
    desk.narrator.tell(delta(*LINES[6:9]))
    desk.narrator.tell(completed())
    assert desk.output() == REPORT


def test_a_message_that_grew_meanwhile_is_told_by_its_end(desk: Desk) -> None:
    message = MessageItem("m1", "agentMessage", "One two three four.")
    desk.narrator.tell(ItemStarted("item/started", item=message))
    desk.narrator.tell(MessageDelta("d", item_id="m1", text="One two"))
    desk.take_up()
    desk.narrator.tell(MessageDelta("d", item_id="m1", text=" four."))
    desk.narrator.tell(ItemCompleted("item/completed", item=message))
    desk.writer.flush()
    assert desk.path.read_text() == "Count.\nOne two\n three four.\n"
    assert desk.narrator.message == "One two three four."
    desk.take_up(completed=[message])
    desk.writer.flush()
    assert desk.path.read_text() == "Count.\nOne two\n three four.\n"
    assert desk.narrator.message == "One two three four."
