"""Questions of MCP servers and of codex itself, as far as a few words answer them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from foredeck.services.codex.protocol import ServerRequest

ELICITATION = "mcpServer/elicitation/request"
USER_INPUT = "item/tool/requestUserInput"

_YES, _NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class WordsWanted:
    """A question that a few words answer; `who` asks it, `key` is the same if it comes again."""

    key: str
    thread_id: str
    who: str
    question: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """A question, and what its answer is in codex's terms."""

    wanted: WordsWanted
    reply: Callable[[str], dict[str, Any]]


def key_of(request: ServerRequest) -> str:
    """Return what names a request however often it is sent: its thread and its item.

    One that names no item has only its number, which is codex's as long as the process lives.
    """
    names = ("itemId", "approvalId", "callId", "elicitationId")
    found = [name for name in (text(request.params.get(name)) for name in names) if name]
    return ":".join((request.thread_id, *(found or [f"request {request.id}"])))


def asker(request: ServerRequest) -> str:
    """Return who asks."""
    server = text(request.params.get("serverName"))
    return f"the MCP server {server}" if server else "codex"


def form_of(request: ServerRequest) -> Form | None:
    """Return the one question of a request; None if it has several, or needs more than words."""
    if request.method == ELICITATION:
        return _elicitation(request)
    return _user_input(request)


def _elicitation(request: ServerRequest) -> Form | None:
    params = request.params
    schema = params.get("requestedSchema")
    if params.get("mode") != "form" or not isinstance(schema, Mapping):
        return None
    fields = schema.get("properties") or {}
    if not isinstance(fields, Mapping) or len(fields) > 1:
        return None
    message = text(params.get("message"))
    if not fields:
        return _form(request, message, (_YES, _NO), lambda said: _agreed(said, {}))
    ((name, field),) = fields.items()
    return _field(request, message, str(name), field if isinstance(field, Mapping) else {})


def _field(
    request: ServerRequest, message: str, name: str, field: Mapping[str, Any]
) -> Form | None:
    kind, options = field.get("type"), field.get("enum")
    question = f"{message} {text(field.get('description')) or name}".strip()
    if kind == "boolean":
        return _form(request, question, (_YES, _NO), lambda said: _content(name, said == _YES))
    if kind != "string":
        return None
    choices = tuple(map(str, options)) if isinstance(options, list) else ()
    return _form(request, question, choices, lambda said: _content(name, said))


def _user_input(request: ServerRequest) -> Form | None:
    questions = request.params.get("questions")
    if not isinstance(questions, list) or len(questions) != 1:
        return None
    (question,) = questions
    if not isinstance(question, Mapping) or question.get("isSecret") is True:
        return None  # an answer is kept, and a secret must not be
    name = text(question.get("id"))
    options = question.get("options")
    labels = [text(option.get("label")) for option in options or () if isinstance(option, Mapping)]
    choices = tuple(label for label in labels if label)
    words = text(question.get("question")) or text(question.get("header"))
    return _form(request, words, choices, lambda said: {"answers": {name: {"answers": [said]}}})


def _form(
    request: ServerRequest,
    question: str,
    choices: tuple[str, ...],
    reply: Callable[[str], dict[str, Any]],
) -> Form:
    wanted = WordsWanted(key_of(request), request.thread_id, asker(request), question, choices)
    return Form(wanted, reply)


def _agreed(said: str, content: dict[str, Any]) -> dict[str, Any]:
    if said == _NO:
        return {"action": "decline"}
    return {"action": "accept", "content": content}


def _content(name: str, value: Any) -> dict[str, Any]:
    return {"action": "accept", "content": {name: value}}


def text(value: Any) -> str:
    """Return a value of codex's that should be text, empty if it is none."""
    if not isinstance(value, str):
        return ""
    # JSON can spell half of a surrogate pair, which neither files nor databases take.
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
