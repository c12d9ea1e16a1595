"""Which questions of MCP servers and of codex a few words answer."""

from __future__ import annotations

from typing import Any

import pytest

from foredeck.services.codex.approvals import Asked, DeclineAll, answer, asked_of
from foredeck.services.codex.forms import ELICITATION, USER_INPUT, WordsWanted, form_of, key_of
from foredeck.services.codex.protocol import FileChangeItem, PatchedFile, ServerRequest


def elicitation(properties: dict[str, Any], **changes: Any) -> ServerRequest:
    params = {
        "serverName": "tickets",
        "threadId": "t",
        "mode": "form",
        "message": "File it?",
        "requestedSchema": {"type": "object", "properties": properties},
        **changes,
    }
    return ServerRequest(7, ELICITATION, "t", params)


def user_input(*questions: dict[str, Any]) -> ServerRequest:
    return ServerRequest(8, USER_INPUT, "t", {"itemId": "i", "questions": list(questions)})


COLOUR = {
    "id": "c",
    "header": "Colour",
    "question": "Which colour?",
    "options": [{"label": "red", "description": ""}, {"label": "blue", "description": ""}],
}


class Person(DeclineAll):
    """Says the same to everything."""

    def __init__(self, said: str | None) -> None:
        self.said = said
        self.asked: list[WordsWanted] = []

    async def words(self, wanted: WordsWanted) -> str | None:
        self.asked.append(wanted)
        if self.said == "break":
            raise RuntimeError("broken")
        return self.said


@pytest.mark.parametrize(
    ("request_", "choices", "said", "result"),
    [
        (elicitation({}), ("yes", "no"), "yes", {"action": "accept", "content": {}}),
        (elicitation({}), ("yes", "no"), "no", {"action": "decline"}),
        (
            elicitation({"title": {"type": "string"}}),
            (),
            "A bug",
            {"action": "accept", "content": {"title": "A bug"}},
        ),
        (
            elicitation({"level": {"type": "string", "enum": ["low", "high"]}}),
            ("low", "high"),
            "high",
            {"action": "accept", "content": {"level": "high"}},
        ),
        (
            elicitation({"loud": {"type": "boolean"}}),
            ("yes", "no"),
            "no",
            {"action": "accept", "content": {"loud": False}},
        ),
        (user_input(COLOUR), ("red", "blue"), "blue", {"answers": {"c": {"answers": ["blue"]}}}),
    ],
)
async def test_a_simple_one_becomes_a_question(
    request_: ServerRequest, choices: tuple[str, ...], said: str, result: dict[str, Any]
) -> None:
    person = Person(said)
    reply = await answer(person, request_)
    assert reply.body == {"result": result}
    assert person.asked[0].choices == choices
    assert reply.note.startswith(f"Answered “{said}”: ")


@pytest.mark.parametrize(
    "request_",
    [
        elicitation({"a": {"type": "string"}, "b": {"type": "string"}}),
        elicitation({"n": {"type": "number"}}),
        elicitation({}, mode="url", url="https://example.org"),
        elicitation({}, requestedSchema=None),
        user_input(COLOUR, COLOUR),
        user_input({**COLOUR, "isSecret": True}),
        user_input(),
        ServerRequest(8, USER_INPUT, "t", {"questions": "?"}),
    ],
)
async def test_one_that_needs_more_is_declined_with_words(request_: ServerRequest) -> None:
    person = Person("yes")
    assert form_of(request_) is None
    reply = await answer(person, request_)
    declined: dict[str, object] = {"answers": {}}
    if request_.method == ELICITATION:
        declined = {"action": "decline"}
    assert reply.body == {"result": declined}
    assert reply.note.startswith("Declined: ")
    assert person.asked == []


@pytest.mark.parametrize("said", [None, "break"])
async def test_without_an_answer_it_is_declined(said: str | None) -> None:
    reply = await answer(Person(said), elicitation({}))
    assert reply.body == {"result": {"action": "decline"}}
    assert reply.note == "Declined: the MCP server tickets asked: File it?"


def test_a_key_is_the_same_however_often_codex_asks() -> None:
    params = {"itemId": "call_1", "approvalId": "a"}
    assert key_of(ServerRequest(1, "x", "t", params)) == key_of(ServerRequest(9, "x", "t", params))
    assert key_of(ServerRequest(1, "x", "t", params)) == "t:call_1:a"
    assert key_of(ServerRequest(3, "x", "t", {})) == "t:request 3"


def test_what_is_asked_is_told_in_a_few_words() -> None:
    files = tuple(PatchedFile(f"/w/{n}", "add", "+x") for n in range(3))
    request = ServerRequest(1, "item/fileChange/requestApproval", "t", {"itemId": "i"})
    assert asked_of(request).wish == "change files outside the sandbox"
    item = FileChangeItem("i", "fileChange", files, "inProgress")
    assert asked_of(request, item).wish == "change /w/0 and 2 more"
    command = ServerRequest(1, "execCommandApproval", "t", {"command": ["rm", "-rf", "/"]})
    assert asked_of(command).wish == "run rm -rf /"


def test_leave_for_the_session_is_not_offered_for_more_than_the_command() -> None:
    params = {"itemId": "i", "command": "curl x", "networkApprovalContext": {"host": "x"}}
    request = ServerRequest(1, "item/commandExecution/requestApproval", "t", params)
    assert not asked_of(request).for_session
    assert Asked("k", "t").for_session
