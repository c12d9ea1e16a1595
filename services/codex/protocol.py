"""What the codex app-server says, as frozen records.

Tolerant on purpose: codex grows methods, items and fields with every release, so an
unknown method is a plain `Notification`, an unknown item a plain `Item`, and a field that
is missing or of another type counts as empty. Nothing here raises for what codex sent.
The shapes are those of `codex app-server generate-json-schema`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from foredeck.services.codex.json_fields import Fields
from foredeck.services.codex.json_fields import integer as _int
from foredeck.services.codex.json_fields import mapping as _map
from foredeck.services.codex.json_fields import mappings as _maps
from foredeck.services.codex.json_fields import text as _text
from foredeck.services.domain.records import TokenUsage

RequestId = int | str


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a call of ours; `error` is set if it failed."""

    id: RequestId
    result: Fields
    error: RpcError | None = None


@dataclass(frozen=True, slots=True)
class RpcError:
    """Why a call failed; codex uses -32600 for almost everything."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """Something that codex asks of us and waits for."""

    id: RequestId
    method: str
    thread_id: str
    params: Fields


@dataclass(frozen=True, slots=True)
class Notification:
    """Something happened; `thread_id` and `turn_id` are empty where there is none."""

    method: str
    thread_id: str = ""
    turn_id: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A part of a turn, of a kind that needs no fields of its own."""

    id: str
    type: str


@dataclass(frozen=True, slots=True)
class MessageItem(Item):
    """Words of the model for the person."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningItem(Item):
    """A summary of what the model thought, in parts."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommandItem(Item):
    """A command; `status` is inProgress, completed, failed or declined.

    `output` is what codex kept of it: at most 1 MiB, beyond that head and tail.
    `duration` is in seconds.
    """

    command: str
    status: str
    output: str
    exit_code: int | None
    duration: float | None


@dataclass(frozen=True, slots=True)
class PatchedFile:
    """A file of a patch; `kind` is add, update or delete, `diff` unified or whole text."""

    path: str
    kind: str
    diff: str
    moved_to: str = ""


@dataclass(frozen=True, slots=True)
class FileChangeItem(Item):
    """A patch; `status` is inProgress, completed, failed or declined."""

    changes: tuple[PatchedFile, ...]
    status: str


@dataclass(frozen=True, slots=True)
class ToolItem(Item):
    """Any other tool (MCP, web search, sub-agent); `receivers` are sub-agents' threads."""

    title: str
    status: str
    error: str = ""
    receivers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnError:
    """What went wrong; `kind` is codexErrorInfo's word, `http_status` 0 if unknown."""

    message: str
    kind: str = ""
    http_status: int = 0
    details: str = ""


@dataclass(frozen=True, slots=True)
class TurnStarted(Notification):
    """A turn began."""


@dataclass(frozen=True, slots=True)
class TurnCompleted(Notification):
    """A turn ended; `status` is completed, interrupted or failed."""

    status: str = ""
    error: TurnError | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class ItemStarted(Notification):
    """An item began; it may never complete."""

    item: Item = field(default_factory=lambda: Item("", ""))


@dataclass(frozen=True, slots=True)
class ItemCompleted(Notification):
    """An item ended; its fields are the last word."""

    item: Item = field(default_factory=lambda: Item("", ""))


@dataclass(frozen=True, slots=True)
class Delta(Notification):
    """More of a message, a reasoning summary (`part` counts its parts) or an output."""

    item_id: str = ""
    text: str = ""
    part: int = 0


@dataclass(frozen=True, slots=True)
class MessageDelta(Delta):
    """More of a message."""


@dataclass(frozen=True, slots=True)
class ReasoningDelta(Delta):
    """More of a reasoning summary."""


@dataclass(frozen=True, slots=True)
class OutputDelta(Delta):
    """More of a command's output, as the command wrote it."""


@dataclass(frozen=True, slots=True)
class UsageUpdated(Notification):
    """The thread's tokens so far, over all its turns, and those of the last response."""

    total: TokenUsage = field(default_factory=TokenUsage)
    last: TokenUsage = field(default_factory=TokenUsage)


@dataclass(frozen=True, slots=True)
class ErrorReported(Notification):
    """An error; the turn goes on if codex tries again."""

    error: TurnError = field(default_factory=lambda: TurnError(""))
    will_retry: bool = False


@dataclass(frozen=True, slots=True)
class PlanUpdated(Notification):
    """The model's list of steps: (step, pending | inProgress | completed)."""

    steps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RequestResolved(Notification):
    """What codex asked of us has its answer, from whomever, or needs none any more."""

    request_id: RequestId = ""


@dataclass(frozen=True, slots=True)
class PersonAsked(Notification):
    """Codex waits for an answer of ours from here on, or (`begins` is False) no longer."""

    begins: bool = True


@dataclass(frozen=True, slots=True)
class TurnDenied(Notification):
    """A person denied what codex asked for, and with that answer the turn ends."""

    wish: str = ""


@dataclass(frozen=True, slots=True)
class WarningRaised(Notification):
    """Codex has something to tell a person."""

    message: str = ""


Incoming = Response | ServerRequest | Notification


def parse_message(raw: str | bytes) -> Incoming | None:
    """Return what one message of the app-server says; None if it is no message at all."""
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    params, method, number = _map(message, "params"), _text(message, "method"), message.get("id")
    if number is None:
        return _notification(method, params) if method else None
    if not isinstance(number, int | str):
        return None
    if method:
        return ServerRequest(number, method, _text(params, "threadId"), params)
    return Response(number, _map(message, "result"), _rpc_error(message))


def parse_item(fields: Fields) -> Item:
    """Return an item of a turn."""
    identity, kind = _text(fields, "id"), _text(fields, "type")
    build = _ITEMS.get(kind)
    return build(identity, kind, fields) if build else Item(identity, kind)


def parse_error(fields: Fields) -> TurnError:
    """Return a TurnError; `codexErrorInfo` is a word, or a word with an HTTP status."""
    info = fields.get("codexErrorInfo")
    kind, status = (info, 0) if isinstance(info, str) else ("", 0)
    if isinstance(info, dict) and info:
        kind = str(next(iter(info)))
        status = _int(_map(info, kind), "httpStatusCode") or 0
    return TurnError(_text(fields, "message"), kind, status, _text(fields, "additionalDetails"))


def parse_usage(fields: Fields) -> TokenUsage:
    """Return token counts; `cachedInputTokens` is part of `inputTokens`."""
    return TokenUsage(
        _int(fields, "inputTokens") or 0,
        _int(fields, "cachedInputTokens") or 0,
        _int(fields, "outputTokens") or 0,
        _int(fields, "reasoningOutputTokens") or 0,
    )


def _notification(method: str, params: Fields) -> Notification:
    turn_id = _text(params, "turnId") or _text(_map(params, "turn"), "id")
    head = (method, _text(params, "threadId"), turn_id)
    build = _NOTIFICATIONS.get(method)
    return build(head, params) if build else Notification(*head)


_Head = tuple[str, str, str]


def _turn_completed(head: _Head, params: Fields) -> TurnCompleted:
    turn = _map(params, "turn")
    error = parse_error(_map(turn, "error")) if turn.get("error") else None
    texts = [
        item.text
        for item in map(parse_item, _maps(turn, "items"))
        if isinstance(item, MessageItem) and item.text
    ]
    return TurnCompleted(*head, _text(turn, "status"), error, texts[-1] if texts else "")


def _usage_updated(head: _Head, params: Fields) -> UsageUpdated:
    usage = _map(params, "tokenUsage")
    return UsageUpdated(*head, parse_usage(_map(usage, "total")), parse_usage(_map(usage, "last")))


def _error_reported(head: _Head, params: Fields) -> ErrorReported:
    return ErrorReported(*head, parse_error(_map(params, "error")), params.get("willRetry") is True)


def _plan_updated(head: _Head, params: Fields) -> PlanUpdated:
    steps = ((_text(step, "step"), _text(step, "status")) for step in _maps(params, "plan"))
    return PlanUpdated(*head, tuple(steps))


def _warning(head: _Head, params: Fields) -> WarningRaised:
    return WarningRaised(*head, _text(params, "message") or _text(params, "summary"))


def _resolved(head: _Head, params: Fields) -> RequestResolved:
    number = params.get("requestId")
    return RequestResolved(*head, number if isinstance(number, int | str) else "")


def _delta(kind: type[Delta]) -> Callable[[_Head, Fields], Notification]:
    def build(head: _Head, params: Fields) -> Notification:
        part = _int(params, "summaryIndex") or _int(params, "contentIndex") or 0
        return kind(*head, _text(params, "itemId"), _text(params, "delta"), part)

    return build


_NOTIFICATIONS: dict[str, Callable[[_Head, Fields], Notification]] = {
    "turn/started": lambda head, _: TurnStarted(*head),
    "turn/completed": _turn_completed,
    "item/started": lambda head, params: ItemStarted(*head, parse_item(_map(params, "item"))),
    "item/completed": lambda head, params: ItemCompleted(*head, parse_item(_map(params, "item"))),
    "item/agentMessage/delta": _delta(MessageDelta),
    "item/reasoning/summaryTextDelta": _delta(ReasoningDelta),
    "item/commandExecution/outputDelta": _delta(OutputDelta),
    "thread/tokenUsage/updated": _usage_updated,
    "turn/plan/updated": _plan_updated,
    "serverRequest/resolved": _resolved,
    "error": _error_reported,
    "warning": _warning,
    "guardianWarning": _warning,
}


def _reasoning(identity: str, kind: str, fields: Fields) -> Item:
    parts = fields.get("summary")
    texts = (part for part in parts if isinstance(part, str)) if isinstance(parts, list) else ()
    return ReasoningItem(identity, kind, tuple(texts))


def _command(identity: str, kind: str, fields: Fields) -> Item:
    milliseconds = _int(fields, "durationMs")
    return CommandItem(
        identity,
        kind,
        _text(fields, "command"),
        _text(fields, "status"),
        _text(fields, "aggregatedOutput"),
        _int(fields, "exitCode"),
        None if milliseconds is None else milliseconds / 1000,
    )


def _file_change(identity: str, kind: str, fields: Fields) -> Item:
    return FileChangeItem(
        identity, kind, tuple(map(_patched, _maps(fields, "changes"))), _text(fields, "status")
    )


def _patched(fields: Fields) -> PatchedFile:
    kind = _map(fields, "kind")
    word = _text(kind, "type") or _text(fields, "kind")
    return PatchedFile(_text(fields, "path"), word, _text(fields, "diff"), _text(kind, "move_path"))


def _mcp_tool(identity: str, kind: str, fields: Fields) -> Item:
    title = f"{_text(fields, 'server')}.{_text(fields, 'tool')}".strip(".")
    error = _text(_map(fields, "error"), "message")
    return ToolItem(identity, kind, title, _text(fields, "status"), error)


def _web_search(identity: str, kind: str, fields: Fields) -> Item:
    return ToolItem(identity, kind, f"web search: {_text(fields, 'query')}", "")


def _sub_agent(identity: str, kind: str, fields: Fields) -> Item:
    receivers = fields.get("receiverThreadIds")
    listed = receivers if isinstance(receivers, list) else []
    threads = (name for name in listed if isinstance(name, str) and name)
    title = f"sub-agent {_text(fields, 'tool')}: {_text(fields, 'prompt')}".rstrip(": ")
    return ToolItem(identity, kind, title, _text(fields, "status"), receivers=tuple(threads))


_ITEMS: dict[str, Callable[[str, str, Fields], Item]] = {
    "agentMessage": lambda identity, kind, fields: MessageItem(
        identity, kind, _text(fields, "text")
    ),
    "reasoning": _reasoning,
    "commandExecution": _command,
    "fileChange": _file_change,
    "mcpToolCall": _mcp_tool,
    "dynamicToolCall": _mcp_tool,
    "webSearch": _web_search,
    "collabAgentToolCall": _sub_agent,
}


def _rpc_error(message: Fields) -> RpcError | None:
    if "error" not in message:
        return None
    error = _map(message, "error")
    return RpcError(_int(error, "code") or 0, _text(error, "message") or "unknown error")
