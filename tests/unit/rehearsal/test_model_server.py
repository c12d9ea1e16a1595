"""The rehearsal's model server, spoken to with plain HTTP."""

import http.client
import json
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest

from foredeck.services.rehearsal.model_server import (
    Action,
    Call,
    CustomCall,
    CutStream,
    Fail,
    Garbage,
    ModelRequest,
    ModelServer,
    Pause,
    Say,
    Think,
)
from foredeck.services.rehearsal.response import words


class Fixed:
    def __init__(self, *actions: Action) -> None:
        self.actions = actions

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        return self.actions


def post(server: ModelServer, body: Any, path: str = "/responses") -> tuple[int, bytes]:
    url = urlsplit(server.base_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=20)
    try:
        connection.request("POST", url.path + path, json.dumps(body), {"Originator": "codex"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def stream(*actions: Action) -> list[dict[str, Any]]:
    with ModelServer(Fixed(*actions), pace=0) as server:
        status, body = post(server, {"model": "m", "stream": True, "input": "hi"})
    assert status == 200
    lines = body.decode().splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    names = [line[7:] for line in lines if line.startswith("event: ")]
    assert names == [event["type"] for event in events]
    return events


def test_stream_has_the_shape_of_the_responses_api() -> None:
    events = stream(Think("Why not"), Say("Hello  there,\nyou"), Call("f", {"a": 1}))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[0]["type"] == "response.created"
    assert events[-1]["type"] == "response.completed"
    response = events[-1]["response"]
    kinds = [item["type"] for item in response["output"]]
    assert kinds == ["reasoning", "message", "function_call"]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == response["output"]
    said = [e["delta"] for e in events if e["type"] == "response.output_text.delta"]
    assert len(said) == 3
    assert "".join(said) == "Hello  there,\nyou" == done[1]["content"][0]["text"]
    assert json.loads(done[2]["arguments"]) == {"a": 1}
    usage = response["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert 0 < usage["output_tokens_details"]["reasoning_tokens"] < usage["output_tokens"]


def test_custom_call_carries_its_raw_input() -> None:
    item = stream(CustomCall("apply_patch", "*** Begin Patch\n"))[-1]["response"]["output"][0]
    assert item["type"] == "custom_tool_call"
    assert item["input"] == "*** Begin Patch\n"


def test_without_stream_the_answer_is_one_object() -> None:
    with ModelServer(Fixed(Pause(0.001), Say("Hello")), pace=0) as server:
        status, body = post(server, {"model": "m", "input": [{"role": "user", "content": "hi"}]})
    response = json.loads(body)
    assert (status, response["status"]) == (200, "completed")
    assert response["output"][0]["content"][0]["text"] == "Hello"
    assert server.requests[0].last_user_text == "hi"
    assert server.requests[0].from_codex


@pytest.mark.parametrize("streaming", [True, False])
def test_fail_is_an_http_error_with_its_body(streaming: bool) -> None:
    with ModelServer(Fixed(Fail(429, {"error": {"message": "slow"}})), pace=0) as server:
        status, body = post(server, {"stream": streaming})
    assert (status, json.loads(body)) == (429, {"error": {"message": "slow"}})


def test_fail_after_words_is_a_failed_response() -> None:
    last = stream(Say("I was"), Fail(500, {"error": {"code": "x", "message": "gone"}}))[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["error"] == {"code": "x", "message": "gone"}


@pytest.mark.parametrize("streaming", [True, False])
def test_cut_breaks_the_connection(streaming: bool) -> None:
    with (
        ModelServer(Fixed(Say("I was"), CutStream()), pace=0) as server,
        pytest.raises(http.client.HTTPException),
    ):
        post(server, {"stream": streaming})


@pytest.mark.parametrize("streaming", [True, False])
def test_garbage_is_no_json_and_no_event(streaming: bool) -> None:
    with ModelServer(Fixed(Garbage()), pace=0) as server:
        status, body = post(server, {"stream": streaming})
    assert status == 200
    assert b"response.completed" not in body
    with pytest.raises(ValueError):  # noqa: PT011  # either not UTF-8 or not JSON
        json.loads(body)


def test_unknown_paths_and_bodies_are_refused() -> None:
    with ModelServer(Fixed()) as server:
        assert post(server, {}, "/models")[0] == 404
        assert post(server, [1])[0] == 400
        assert server.requests == []


def test_a_broken_script_answers_500_and_the_server_lives_on() -> None:
    class Broken:
        def reply(self, request: ModelRequest) -> Sequence[Action]:
            if len(server.requests) == 1:
                raise KeyError("step")
            return [Say("fine")]

    with ModelServer(Broken(), pace=0) as server:
        status, body = post(server, {})
        assert status == 500
        assert b"KeyError" in body
        assert post(server, {})[0] == 200


def test_listens_on_loopback_only_and_serves_many_at_once() -> None:
    barrier = threading.Barrier(8, timeout=20)

    class Together:
        def reply(self, request: ModelRequest) -> Sequence[Action]:
            barrier.wait()
            return [Say(request.last_user_text)]

    answers: dict[int, bytes] = {}
    with ModelServer(Together(), pace=0) as server:
        assert urlsplit(server.base_url).hostname == "127.0.0.1"

        def ask(number: int) -> None:
            answers[number] = post(server, {"input": f"number {number}"})[1]

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert all(f"number {number}".encode() in answers[number] for number in range(8))


def test_stop_ends_running_answers_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    asked = threading.Event()

    class Slow:
        def reply(self, request: ModelRequest) -> Sequence[Action]:
            asked.set()
            return [Say("well"), Pause(600)]

    server = ModelServer(Slow(), pace=0)
    server.start()
    url = urlsplit(server.base_url)
    idle = http.client.HTTPConnection(url.hostname or "", url.port)
    idle.connect()
    failure: list[Exception] = []

    def ask() -> None:
        try:
            post(server, {"stream": True})
        except http.client.HTTPException as error:
            failure.append(error)

    client = threading.Thread(target=ask)
    client.start()
    assert asked.wait(20)
    server.stop()
    server.stop()
    client.join(20)
    idle.close()
    assert failure
    assert set(threading.enumerate()) == before


def test_an_error_does_not_keep_the_threads_of_a_with_block() -> None:
    before = set(threading.enumerate())
    with pytest.raises(RuntimeError, match="inside"), ModelServer(Fixed()):
        raise RuntimeError("inside")
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("text", ["", "one", "  two words ", "a\n\nb  c\n", "\n"])
def test_words_joined_are_the_text(text: str) -> None:
    assert "".join(words(text)) == text


def test_request_pairs_calls_with_outputs_and_knows_the_present_turn() -> None:
    def call(number: int) -> list[dict[str, Any]]:
        return [
            {"type": "function_call", "call_id": f"c{number}", "name": "f", "arguments": "{}"},
            {
                "type": "function_call_output",
                "call_id": f"c{number}",
                "output": [{"type": "input_text", "text": f"out {number}"}],
            },
        ]

    user = {"role": "user", "content": [{"type": "input_text", "text": "again"}]}
    request = ModelRequest({"input": [{"role": "user", "content": "x"}, *call(1), user, *call(2)]})
    assert request.tool_outputs == ["out 1", "out 2"]
    assert request.turn_outputs == ["out 2"]
    assert request.last_user_text == "again"
    assert request.calls[0].name == "f"
