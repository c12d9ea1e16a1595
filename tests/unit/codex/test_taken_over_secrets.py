"""A turn whose output holds redacted secrets is taken over: nothing is told twice, or at all."""

from __future__ import annotations

import json

from foredeck.services.codex.catch_up import CatchUp
from foredeck.services.codex.narration import Narrator
from foredeck.services.codex.protocol import (
    CommandItem,
    ItemCompleted,
    MessageItem,
    Notification,
    parse_message,
)
from foredeck.services.domain.segments import SegmentKind as Kind
from foredeck.services.jobs.output import OutputWriter
from tests.support.fake_app_server import notification
from tests.support.segments import texts
from tests.unit.codex.test_narration import SECRET, command, delta, ended, tell


def item_of(message: dict[str, object]) -> CommandItem | MessageItem:
    event = parse_message(json.dumps(message))
    assert isinstance(event, Notification)
    assert isinstance(event, ItemCompleted)
    assert isinstance(event.item, CommandItem | MessageItem)
    return event.item


def test_what_stands_there_redacted_is_known_again(writer: OutputWriter) -> None:
    writer.redactor.learn([SECRET])
    first = Narrator(writer, "job", "/workspace")
    said = {"type": "agentMessage", "id": "m", "text": f"I say {SECRET} twice: {SECRET}\n"}
    tell(
        first,
        notification("item/completed", item=said),
        command("started", "c"),
        delta("c", f"one {SECRET}\n"),
        delta("c", "two Sup3r/S3"),
    )
    writer.flush()
    second = Narrator(writer, "job", "/workspace")
    whole = ended("c", f"one {SECRET}\ntwo {SECRET}\nthree\n")
    message = item_of(notification("item/completed", item=said))
    CatchUp(writer.path, "job").apply(second, "go", [message, item_of(whole)], [])
    second.finish()
    writer.flush()
    written = writer.path.read_bytes()
    assert SECRET.encode() not in written
    assert texts(writer.path, Kind.MESSAGE) == ["I say [redacted] twice: [redacted]\n"]
    # What goes on in the middle of a line begins a part, and so a line, of its own.
    output = "".join(texts(writer.path, Kind.OUTPUT))
    assert output.split() == ["one", "[redacted]", "two", "[redacted]", "three"]
