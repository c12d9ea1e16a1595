import asyncio
from pathlib import Path

import pytest

from foredeck.services.codex.approvals import Asked, Decision, DeclineAll, Ruling
from foredeck.services.codex.client import CodexClient, CodexRpcError
from foredeck.services.codex.protocol import (
    MessageDelta,
    TurnStarted,
    WarningRaised,
)
from foredeck.services.domain.errors import CodexUnreachable
from tests.support.fake_app_server import THREAD, FakeAppServer, notification

APPROVAL = {
    "id": 0,
    "method": "item/commandExecution/requestApproval",
    "params": {"threadId": THREAD, "command": "rm -rf /", "reason": "why not"},
}


async def replied(fake: FakeAppServer, count: int) -> None:
    async with asyncio.timeout(5):
        while len(fake.replies) < count:
            await asyncio.sleep(0.005)


async def test_handshake(fake: FakeAppServer) -> None:
    await fake.connect()
    await asyncio.wait_for(_called(fake, "initialized"), 5)
    assert fake.called("initialize")[0]["capabilities"] == {"experimentalApi": True}


async def _called(fake: FakeAppServer, method: str) -> None:
    while not fake.called(method):
        await asyncio.sleep(0.005)


async def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(CodexUnreachable, match="does not answer"):
        await CodexClient.open(tmp_path / "none.sock")


async def test_answers_find_their_calls(fake: FakeAppServer) -> None:
    fake.answers["echo"] = lambda params: {"said": params["text"]}
    client = await fake.connect()
    answers = await asyncio.gather(*(client.call("echo", {"text": str(n)}) for n in range(50)))
    assert [answer["said"] for answer in answers] == [str(n) for n in range(50)]


async def test_what_is_no_unicode_reaches_codex_as_question_marks(fake: FakeAppServer) -> None:
    fake.answers["echo"] = lambda params: {"said": params["text"]}
    client = await fake.connect()
    answer = await client.call("echo", {"text": "ä\ud800b\udc80 \U0001f600"})
    assert answer["said"] == "ä?b? \U0001f600"


async def test_a_refused_call(fake: FakeAppServer) -> None:
    def refuse(params: object) -> dict[str, object]:
        raise ValueError("no rollout found")

    fake.answers["thread/resume"] = refuse
    client = await fake.connect()
    with pytest.raises(CodexRpcError, match="no rollout found") as caught:
        await client.call("thread/resume", {})
    assert caught.value.code == -32600


async def test_a_call_without_an_answer_ends(fake: FakeAppServer) -> None:
    client = await fake.connect()
    fake._answer = lambda method, message: {"method": "not/an/answer"}  # type: ignore[method-assign]
    with pytest.raises(CodexUnreachable, match="did not answer slow"):
        await client.call("slow", {}, timeout=0.05)


async def test_calls_under_way_fail_when_the_connection_ends(fake: FakeAppServer) -> None:
    client = await fake.connect()
    fake._answer = lambda method, message: {"method": "not/an/answer"}  # type: ignore[method-assign]
    call = asyncio.create_task(client.call("slow", {}))
    await asyncio.wait_for(_called(fake, "slow"), 5)
    await fake.die()
    with pytest.raises(CodexUnreachable):
        await asyncio.wait_for(call, 5)
    assert client.closed.is_set()
    with pytest.raises(CodexUnreachable):
        await client.call("anything", {})


async def test_notifications_go_to_their_thread_in_order(fake: FakeAppServer) -> None:
    client = await fake.connect()
    mine, other = client.thread_events(THREAD), client.thread_events("other")
    await fake.say(
        notification("turn/started"),
        {"method": "nobody/cares", "params": {}},
        *(notification("item/agentMessage/delta", delta=str(n)) for n in range(100)),
        {"method": "turn/started", "params": {"threadId": "other"}},
    )
    first = await asyncio.wait_for(anext(aiter(other)), 5)
    assert isinstance(first, TurnStarted)
    events = await asyncio.wait_for(mine.batch(), 5)
    assert isinstance(events[0], TurnStarted)
    said = [event.text for event in events if isinstance(event, MessageDelta)]
    assert said == [str(n) for n in range(100)]


async def test_a_closed_subscription_gets_nothing(fake: FakeAppServer) -> None:
    client = await fake.connect()
    closed, witness = client.thread_events(THREAD), client.thread_events(THREAD)
    closed.close()
    await fake.say(notification("turn/started"))
    await asyncio.wait_for(witness.batch(), 5)
    assert closed.take() == []


async def test_what_came_before_the_end_is_still_read(fake: FakeAppServer) -> None:
    client = await fake.connect()
    events = client.thread_events(THREAD)
    await fake.say(notification("turn/started"))
    await client.call("ping", {})
    await fake.die()
    await asyncio.wait_for(client.closed.wait(), 5)
    assert [event.method for event in await events.batch()] == ["turn/started"]
    with pytest.raises(CodexUnreachable):
        await events.batch()


async def test_a_message_of_eight_megabytes(fake: FakeAppServer) -> None:
    client = await fake.connect()
    events = client.thread_events(THREAD)
    await fake.say(notification("item/agentMessage/delta", delta="x" * 8_000_000))
    (event,) = await asyncio.wait_for(events.batch(), 10)
    assert isinstance(event, MessageDelta)
    assert len(event.text) == 8_000_000


async def test_approvals_are_declined_with_a_note(fake: FakeAppServer) -> None:
    client = await fake.connect()
    events = client.thread_events(THREAD)
    await fake.say(APPROVAL)
    await replied(fake, 1)
    assert fake.replies == [{"id": 0, "result": {"decision": "decline"}}]
    said = await asyncio.wait_for(events.batch(), 5)
    assert [note.message for note in said if isinstance(note, WarningRaised)] == [
        "Declined: codex asked to run rm -rf / (why not)"
    ]


@pytest.mark.parametrize(
    ("method", "reply"),
    [
        ("item/fileChange/requestApproval", {"result": {"decision": "decline"}}),
        ("applyPatchApproval", {"result": {"decision": "denied"}}),
        ("execCommandApproval", {"result": {"decision": "denied"}}),
        ("mcpServer/elicitation/request", {"result": {"action": "decline"}}),
    ],
)
async def test_other_questions(fake: FakeAppServer, method: str, reply: dict[str, object]) -> None:
    await fake.connect()
    await fake.say({"id": 5, "method": method, "params": {"threadId": THREAD}})
    await replied(fake, 1)
    assert fake.replies == [{"id": 5, **reply}]


async def test_an_unknown_request_is_refused_not_ignored(fake: FakeAppServer) -> None:
    await fake.connect()
    await fake.say({"id": "a", "method": "item/tool/call", "params": {}})
    await replied(fake, 1)
    assert fake.replies[0]["id"] == "a"
    assert "item/tool/call" in fake.replies[0]["error"]["message"]


class _Person(DeclineAll):
    """Says yes, but breaks on the second question."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    async def decide(self, asked: Asked) -> Ruling:
        self.asked.append(asked)
        if len(self.asked) > 1:
            raise RuntimeError("broken")
        return Ruling(Decision.ACCEPT)


async def test_an_approver_decides_and_a_broken_one_declines(fake: FakeAppServer) -> None:
    person = _Person()
    client = await CodexClient.open(fake.socket, person)
    await fake.say(APPROVAL)
    await replied(fake, 1)
    await fake.say({**APPROVAL, "id": 1})
    await replied(fake, 2)
    assert [reply["result"]["decision"] for reply in fake.replies] == ["accept", "decline"]
    assert person.asked[0].command == "rm -rf /"
    await client.close()


async def test_closing_twice_is_fine(fake: FakeAppServer) -> None:
    client = await fake.connect()
    await client.close()
    await client.close()
    assert client.closed.is_set()


async def test_a_call_that_cannot_even_be_sent_ends_in_time(
    fake: FakeAppServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await fake.connect()

    async def stuck(_message: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(client._connection, "send", stuck)
    with pytest.raises(CodexUnreachable, match="did not answer turn/start within"):
        await asyncio.wait_for(client.call("turn/start", {}, timeout=0.05), 5)
