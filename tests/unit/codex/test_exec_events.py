"""The captured streams of `codex exec --json`, read and followed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.codex import failures
from foredeck.services.codex.exec_events import parse_events, thread_of
from foredeck.services.codex.exec_process import ExecProcess
from foredeck.services.codex.exec_turn import ExecTurn
from foredeck.services.codex.narration import Narrator
from foredeck.services.codex.orders import TurnOrder, TurnReport
from foredeck.services.codex.protocol import (
    CommandItem,
    FileChangeItem,
    Item,
    ItemCompleted,
    ItemStarted,
    MessageItem,
    Notification,
    PlanUpdated,
    ReasoningItem,
    ToolItem,
    TurnCompleted,
    TurnError,
    WarningRaised,
)
from foredeck.services.codex.rollouts import SessionFile
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.records import FailureClass, TokenUsage
from foredeck.services.domain.segments import SegmentKind as Kind
from foredeck.services.jobs.output import OutputWriter
from tests.support.segments import texts

DATA = Path(__file__).parents[1] / "data" / "codex"
STREAMS = sorted(DATA.glob("exec-*.jsonl"))
# Streams that codex was stopped in, so that they have no end.
CUT = {"dns", "idle-default", "refused-default", "sigint", "sigterm"}
KNOWN_ITEMS = (CommandItem, FileChangeItem, MessageItem, ReasoningItem, ToolItem)


def name_of(path: Path) -> str:
    return path.stem.removeprefix("exec-")


def events(name: str) -> list[Notification]:
    lines = (DATA / f"exec-{name}.jsonl").read_bytes().splitlines()
    return [event for line in lines for event in parse_events(line)]


def place(tmp_path: Path, stream: bytes) -> ExecProcess:
    """Return a process that has printed this and ended."""
    directory = tmp_path / "run"
    directory.mkdir()
    (directory / "log").write_bytes(stream)
    (directory / "exit").write_text('{"code": 0, "signal": null, "why": "exited"}')
    return ExecProcess(directory)


async def follow(
    tmp_path: Path, stream: bytes, **fields: object
) -> tuple[TurnCompleted | None, TurnReport, Path]:
    path = tmp_path / "out.log"
    writer = OutputWriter(path)
    order = TurnOrder("job", "/workspace", "Do it", writer, **fields)  # type: ignore[arg-type]
    report = TurnReport()
    narrator = Narrator(writer, "job", "/workspace")
    turn = ExecTurn(place(tmp_path, stream), order, narrator, report, tmp_path / "home")
    try:
        end = await turn.follow()
        narrator.finish()
    finally:
        writer.close()
    return end, report, path


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_every_line_of_every_stream_is_understood(path: Path) -> None:
    assert STREAMS
    lines = path.read_bytes().splitlines()
    for line in lines:
        found = parse_events(line)
        assert found, line
        for event in found:
            assert type(event) is not Notification or thread_of(event), line
            if isinstance(event, ItemStarted | ItemCompleted):
                assert isinstance(event.item, KNOWN_ITEMS), line
                assert type(event.item) is not Item
    assert thread_of(parse_events(lines[0])[0])


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
async def test_every_stream_is_followed_to_its_end(path: Path, tmp_path: Path) -> None:
    end, report, output = await follow(tmp_path, path.read_bytes())
    assert report.thread_id
    assert texts(output, Kind.PROMPT) == ["Do it\n"]
    if name_of(path) in CUT:
        assert end is None
    else:
        assert end is not None
        assert end.status in {"completed", "failed"}
        assert (end.error is not None) == (end.status == "failed")
    if end and end.status == "completed":
        assert report.usage.total > 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("usagelimit", FailureClass.USAGE_LIMIT),
        ("http429q", FailureClass.USAGE_LIMIT),
        ("http401", FailureClass.AUTHENTICATION),
        ("http403", FailureClass.AUTHENTICATION),
        ("http404", FailureClass.MODEL),
        ("http400", FailureClass.MODEL),
        ("incomplete", FailureClass.MODEL),
        ("ctxlen", FailureClass.CONTEXT_LENGTH),
        ("http429", FailureClass.NETWORK),
        ("http500", FailureClass.NETWORK),
        ("http503", FailureClass.NETWORK),
        ("cut", FailureClass.NETWORK),
        ("malformed", FailureClass.NETWORK),
        ("refused-nofeature", FailureClass.NETWORK),
        ("idle-5s-1", FailureClass.NETWORK),
    ],
)
def test_why_a_turn_failed(name: str, expected: FailureClass) -> None:
    end = events(name)[-1]
    assert isinstance(end, TurnCompleted)
    failure = failures.classify(end.error or TurnError(""))
    assert failure.failure_class is expected
    assert failure.advice


def test_an_error_in_between_is_not_the_end() -> None:
    end = events("flakycut")[-1]
    assert isinstance(end, TurnCompleted)
    assert end.status == "completed"


def test_a_list_of_steps_and_a_warning() -> None:
    plans = [event.steps for event in events("plan") if isinstance(event, PlanUpdated)]
    assert plans[0] == (("Read code", "pending"), ("Fix bug", "pending"))
    assert plans[-1] == (("Read code", "completed"), ("Fix bug", "completed"))


def test_an_item_of_kind_error_is_a_warning_only() -> None:
    item = {"id": "item_0", "type": "error", "message": "unknown key"}
    (event,) = parse_events(json.dumps({"type": "item.completed", "item": item}))
    assert isinstance(event, WarningRaised)
    assert event.message == "unknown key"


async def test_tokens_over_resumes_are_differences(tmp_path: Path) -> None:
    turn = TokenUsage(100, 20, 30, 5)
    streams = [(DATA / f"exec-resume-turn{n}.jsonl").read_bytes() for n in (1, 2)]
    thread = json.loads(streams[0].splitlines()[0])["thread_id"]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    _, first, _ = await follow(tmp_path / "one", streams[0])
    assert (first.usage, first.thread_usage) == (turn, turn)
    _, second, _ = await follow(
        tmp_path / "two", streams[1], thread_id=thread, thread_usage=first.thread_usage
    )
    assert (second.usage, second.thread_usage) == (turn, turn + turn)


async def test_a_fork_inherits_what_its_origin_used(tmp_path: Path) -> None:
    before = TokenUsage(900, 180, 270, 45)
    stream = (DATA / "exec-fork.jsonl").read_bytes()
    _, report, _ = await follow(tmp_path, stream, thread_usage=before)
    assert report.usage == TokenUsage(100, 20, 30, 5)


async def test_another_thread_than_the_one_asked_for(tmp_path: Path) -> None:
    stream = (DATA / "exec-resume-turn2.jsonl").read_bytes()
    with pytest.raises(StepFailed) as failed:
        await follow(tmp_path, stream, thread_id="00000000-0000-7000-8000-000000000000")
    assert "another thread" in failed.value.message


async def test_a_line_of_six_megabytes(tmp_path: Path) -> None:
    item = {"id": "item_0", "type": "agent_message", "text": "x" * 6_000_000}
    line = json.dumps({"type": "item.completed", "item": item}).encode() + b"\n"
    head, *rest = (DATA / "exec-msg.jsonl").read_bytes().splitlines(keepends=True)
    end, report, _ = await follow(tmp_path, head + line + rest[-1])
    assert end is not None
    assert len(report.message) == 6_000_000


async def test_a_line_without_end_is_skipped_and_said(tmp_path: Path) -> None:
    head, *rest = (DATA / "exec-msg.jsonl").read_bytes().splitlines(keepends=True)
    long = b'{"type": "item.completed", "x": "' + b"x" * (40 * 2**20) + b'"}\n'
    end, report, output = await follow(tmp_path, head + long + b"".join(rest))
    assert end is not None
    assert report.message
    assert any("bytes skipped" in note for note in texts(output, Kind.NOTE))


async def test_the_output_of_a_command_stands_under_it(tmp_path: Path) -> None:
    end, report, output = await follow(tmp_path, (DATA / "exec-multi.jsonl").read_bytes())
    assert end is not None
    assert "$ echo one; echo err1 >&2\n" in texts(output, Kind.COMMAND)
    assert "one\nerr1\n" in texts(output, Kind.OUTPUT)
    assert any("exit 3" in text for text in texts(output, Kind.ERROR))
    assert report.errors


@given(st.one_of(st.binary(), st.text()))
def test_nothing_that_codex_might_print_raises(line: bytes | str) -> None:
    assert isinstance(parse_events(line), tuple)


@given(
    st.sampled_from(["item.started", "item.completed", "turn.completed", "turn.failed", "error"]),
    st.dictionaries(
        st.sampled_from(["item", "usage", "error", "message"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ),
    ),
)
def test_odd_fields_count_as_empty(kind: str, fields: dict[str, object]) -> None:
    assert parse_events(json.dumps({"type": kind, **fields}))


def test_the_session_file_knows_total_and_model(tmp_path: Path) -> None:
    day = tmp_path / "sessions/2026/11/20"
    day.mkdir(parents=True)
    sample = (DATA / "rollout-sample.jsonl").read_bytes()
    session = SessionFile(tmp_path, "thread-1")
    session.advance()
    assert session.total == TokenUsage()
    half = sample.index(b"\n", len(sample) // 2) - 5
    path = day / "rollout-2026-11-20T23-16-02-thread-1.jsonl"
    path.write_bytes(sample[:half])
    session.advance()
    before = session.total
    with path.open("ab") as file:
        file.write(sample[half:])
    session.advance()
    assert session.model == "gpt-5.5"
    totals = [
        json.loads(line)["payload"]["info"]["total_token_usage"]["input_tokens"]
        for line in sample.splitlines()
        if b'"token_count"' in line
    ]
    assert session.total.input == totals[-1] > before.input
