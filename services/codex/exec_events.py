"""What `codex exec --json` prints, as the notifications of the app-server.

Both engines say much the same in other words, so everything behind this module is shared.
Tolerant like `protocol`: what is unknown is a plain `Notification`, nothing raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from foredeck.services.codex.json_fields import Fields
from foredeck.services.codex.json_fields import integer as _int
from foredeck.services.codex.json_fields import mapping as _map
from foredeck.services.codex.json_fields import mappings as _maps
from foredeck.services.codex.json_fields import text as _text
from foredeck.services.codex.protocol import (
    CommandItem,
    ErrorReported,
    FileChangeItem,
    Item,
    ItemCompleted,
    ItemStarted,
    MessageItem,
    Notification,
    PatchedFile,
    PlanUpdated,
    ReasoningItem,
    ToolItem,
    TurnCompleted,
    TurnError,
    TurnStarted,
    UsageUpdated,
    WarningRaised,
)
from foredeck.services.domain.records import TokenUsage

THREAD_STARTED = "thread.started"
# What the app-server calls the kinds of items that have another name here.
_KINDS = {
    "agent_message": "agentMessage",
    "command_execution": "commandExecution",
    "file_change": "fileChange",
    "mcp_tool_call": "mcpToolCall",
    "web_search": "webSearch",
    "collab_tool_call": "collabAgentToolCall",
}
_STATUS = {"in_progress": "inProgress"}


def parse_events(line: str | bytes) -> tuple[Notification, ...]:
    """Return what one line says; nothing if it is no event at all."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return ()
    kind = _text(fields, "type") if isinstance(fields, dict) else ""
    if not kind:
        return ()
    build = _EVENTS.get(kind)
    return build(fields) if build else (Notification(kind),)


def thread_of(event: Notification) -> str:
    """Return the thread that the event says has been opened; empty if it says none."""
    return event.thread_id if event.method == THREAD_STARTED else ""


def parse_totals(fields: Fields) -> TokenUsage:
    """Return token counts as `codex exec` and session files write them."""
    return TokenUsage(
        _int(fields, "input_tokens") or 0,
        _int(fields, "cached_input_tokens") or 0,
        _int(fields, "output_tokens") or 0,
        _int(fields, "reasoning_output_tokens") or 0,
    )


def _thread_started(fields: Fields) -> tuple[Notification, ...]:
    return (Notification(THREAD_STARTED, _text(fields, "thread_id")),)


def _item_event(fields: Fields) -> tuple[Notification, ...]:
    kind, item = _text(fields, "type"), _map(fields, "item")
    word = _text(item, "type")
    if word == "todo_list":
        return (PlanUpdated(kind, steps=_plan(item)),)
    if word == "error":
        return (WarningRaised(kind, message=_text(item, "message")),)
    if kind == "item.completed":
        return (ItemCompleted(kind, item=_item(item)),)
    return (ItemStarted(kind, item=_item(item)),)


def _turn_completed(fields: Fields) -> tuple[Notification, ...]:
    """The tokens are the thread's over all its turns."""
    usage = _map(fields, "usage")
    spent = (UsageUpdated("usage", total=parse_totals(usage)),) if usage else ()
    return (*spent, TurnCompleted("turn.completed", status="completed"))


def _turn_failed(fields: Fields) -> tuple[Notification, ...]:
    message = _text(_map(fields, "error"), "message")
    return (TurnCompleted("turn.failed", status="failed", error=TurnError(message)),)


def _error(fields: Fields) -> tuple[Notification, ...]:
    """Never the end: codex tries again, or `turn.failed` says the same once more."""
    return (ErrorReported("error", error=TurnError(_text(fields, "message")), will_retry=True),)


_EVENTS: dict[str, Callable[[Fields], tuple[Notification, ...]]] = {
    THREAD_STARTED: _thread_started,
    "turn.started": lambda _: (TurnStarted("turn.started"),),
    "turn.completed": _turn_completed,
    "turn.failed": _turn_failed,
    "item.started": _item_event,
    "item.updated": _item_event,
    "item.completed": _item_event,
    "error": _error,
}


def _item(fields: Fields) -> Item:
    word = _text(fields, "type")
    identity, kind = _text(fields, "id"), _KINDS.get(word, word)
    build = _ITEMS.get(word)
    return build(identity, kind, fields) if build else Item(identity, kind)


def _plan(fields: Fields) -> tuple[tuple[str, str], ...]:
    return tuple(
        (_text(entry, "text"), "completed" if entry.get("completed") is True else "pending")
        for entry in _maps(fields, "items")
    )


def _command(identity: str, kind: str, fields: Fields) -> Item:
    return CommandItem(
        identity,
        kind,
        _text(fields, "command"),
        _status(fields),
        _text(fields, "aggregated_output"),
        _int(fields, "exit_code"),
        None,
    )


def _file_change(identity: str, kind: str, fields: Fields) -> Item:
    changes = (
        PatchedFile(_text(entry, "path"), _text(entry, "kind"), "")
        for entry in _maps(fields, "changes")
    )
    return FileChangeItem(identity, kind, tuple(changes), _status(fields))


def _mcp_tool(identity: str, kind: str, fields: Fields) -> Item:
    title = f"{_text(fields, 'server')}.{_text(fields, 'tool')}".strip(".")
    error = _text(_map(fields, "error"), "message") or _text(fields, "error")
    return ToolItem(identity, kind, title, _status(fields), error)


def _web_search(identity: str, kind: str, fields: Fields) -> Item:
    return ToolItem(identity, kind, f"web search: {_text(fields, 'query')}", "")


def _sub_agent(identity: str, kind: str, fields: Fields) -> Item:
    listed = fields.get("receiver_thread_ids")
    names = listed if isinstance(listed, list) else []
    title = f"sub-agent {_text(fields, 'tool')}: {_text(fields, 'prompt')}".rstrip(": ")
    threads = tuple(name for name in names if isinstance(name, str) and name)
    return ToolItem(identity, kind, title, _status(fields), receivers=threads)


_ITEMS: dict[str, Callable[[str, str, Fields], Item]] = {
    "agent_message": lambda identity, kind, fields: MessageItem(
        identity, kind, _text(fields, "text")
    ),
    "reasoning": lambda identity, kind, fields: ReasoningItem(
        identity, kind, (_text(fields, "text"),)
    ),
    "command_execution": _command,
    "file_change": _file_change,
    "mcp_tool_call": _mcp_tool,
    "web_search": _web_search,
    "collab_tool_call": _sub_agent,
}


def _status(fields: Fields) -> str:
    word = _text(fields, "status")
    return _STATUS.get(word, word)
