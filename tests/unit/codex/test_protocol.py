import json

import pytest

from foredeck.services.codex import protocol
from foredeck.services.codex.protocol import (
    CommandItem,
    ErrorReported,
    FileChangeItem,
    ItemCompleted,
    MessageItem,
    Notification,
    OutputDelta,
    ReasoningItem,
    Response,
    ServerRequest,
    ToolItem,
    TurnCompleted,
    UsageUpdated,
    parse_message,
)
from foredeck.services.domain.records import TokenUsage
from tests.support.fake_app_server import DATA, stream

NAMES = sorted(path.stem.removeprefix("appserver-") for path in DATA.glob("appserver-*.jsonl"))


def parsed(name: str) -> list[protocol.Incoming]:
    messages = [
        parse_message(json.dumps(message)) for way, message in stream(name) if way == "server"
    ]
    return [message for message in messages if message is not None]


def items(name: str) -> list[protocol.Item]:
    return [event.item for event in parsed(name) if isinstance(event, ItemCompleted)]


@pytest.mark.parametrize("name", NAMES)
def test_every_captured_message_is_understood(name: str) -> None:
    server_side = [message for way, message in stream(name) if way == "server"]
    messages = parsed(name)
    assert len(messages) == len(server_side)
    ends = [event for event in messages if isinstance(event, TurnCompleted)]
    assert ends
    assert {end.status for end in ends} <= {"completed", "interrupted", "failed"}
    for event in messages:
        if isinstance(event, ItemCompleted):
            assert event.item.id
            assert event.item.type
            assert event.thread_id
            assert event.turn_id


def test_all_streams_were_found() -> None:
    assert len(NAMES) == 20
    assert "deltas-and-command" in NAMES


def test_command_items() -> None:
    commands = [item for item in items("multi") if isinstance(item, CommandItem)]
    first, failing = commands[0], commands[2]
    assert first.output == "one\nerr1\n"
    assert (first.exit_code, first.duration, first.status) == (0, 0.05, "completed")
    assert (failing.exit_code, failing.output, failing.status) == (1, "", "failed")


def test_patches_with_a_move() -> None:
    changes = [
        change
        for item in items("patchmove")
        if isinstance(item, FileChangeItem)
        for change in item.changes
    ]
    assert any(change.moved_to for change in changes)
    kinds = {
        change.kind
        for item in items("patch")
        if isinstance(item, FileChangeItem)
        for change in item.changes
    }
    assert kinds == {"add", "update", "delete"}


def test_messages_and_reasoning() -> None:
    found = items("multi")
    assert any(isinstance(item, MessageItem) and item.text for item in found)
    assert any(isinstance(item, ReasoningItem) and item.parts for item in found)


def test_sub_agents_name_their_threads() -> None:
    tools = [item for item in items("subagent") if isinstance(item, ToolItem)]
    assert any(tool.receivers for tool in tools)


def test_usage() -> None:
    updates = [event for event in parsed("patch") if isinstance(event, UsageUpdated)]
    assert updates[-1].total == TokenUsage(500, 100, 150, 25)
    assert updates[-1].last == TokenUsage(100, 20, 30, 5)


def test_errors_say_whether_codex_tries_again() -> None:
    errors = [event for event in parsed("refused") if isinstance(event, ErrorReported)]
    assert [error.will_retry for error in errors] == [True, False]
    assert errors[-1].error.kind == "httpConnectionFailed"
    end = parsed("http400")[-1]
    assert isinstance(end, TurnCompleted)
    assert end.error is not None
    assert end.error.kind == "other"


def test_requests_and_responses() -> None:
    requests = [event for event in parsed("approval-decline") if isinstance(event, ServerRequest)]
    assert [(request.id, request.method) for request in requests] == [
        (0, "item/commandExecution/requestApproval")
    ]
    answer = parse_message('{"id": 4, "error": {"code": -32600, "message": "no rollout found"}}')
    assert isinstance(answer, Response)
    assert answer.error == protocol.RpcError(-32600, "no rollout found")


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "nonsense",
        "[1]",
        "{}",
        '"x"',
        '{"id": null}',
        '{"id": [1], "result": {}}',
        b"\xff\xfe",
        "[" * 100_000,
    ],
)
def test_nonsense_is_no_message(raw: str | bytes) -> None:
    assert parse_message(raw) is None


@pytest.mark.parametrize("method", [*protocol._NOTIFICATIONS, "brand/new"])
@pytest.mark.parametrize(
    "params",
    [
        None,
        [],
        "x",
        {},
        {"threadId": 7, "turn": [], "item": "x", "delta": {}, "plan": [1, None]},
        {"item": {"type": "commandExecution", "durationMs": "x", "exitCode": True}},
        {"item": {"type": "fileChange", "changes": [{"kind": "add"}, 3], "new": {"deep": []}}},
        {"item": {"type": "reasoning", "summary": [None, "a"]}},
        {"item": {"type": "collabAgentToolCall", "receiverThreadIds": [1, None, ""]}},
        {"item": {"type": "unheardOf"}, "error": {"codexErrorInfo": {}}, "tokenUsage": 3},
        {"error": {"codexErrorInfo": {"new": {"httpStatusCode": "x"}}}, "willRetry": "yes"},
    ],
)
def test_unexpected_shapes_never_fail(method: str, params: object) -> None:
    message = parse_message(json.dumps({"method": method, "params": params}))
    assert isinstance(message, Notification)
    assert message.method == method


def test_half_a_surrogate_pair_is_replaced() -> None:
    params = r'{"delta": "a\ud800b\ud83d\ude00"}'
    raw = f'{{"method": "item/commandExecution/outputDelta", "params": {params}}}'
    message = parse_message(raw)
    assert isinstance(message, OutputDelta)
    assert message.text == "a?b😀"
