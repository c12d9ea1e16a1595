"""How values that SQLite does not know are kept: times, paths, enums, nested records."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from foredeck.services.domain.records import (
    ApprovalPolicy,
    ChangeKind,
    DefaultWorkflow,
    Failure,
    FailureClass,
    FileChange,
    Mode,
    ProjectSettings,
    Requirement,
    Sandbox,
    Verdict,
)
from foredeck.services.domain.schedules import Misfire, Overlap, Schedule
from foredeck.services.domain.tasks import TaskOptions
from foredeck.services.domain.tool_servers import McpServer

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

E = TypeVar("E", bound=StrEnum)


class Codec(NamedTuple):
    """A value's way into its column and back."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def optional(codec: Codec) -> Codec:
    """Return `codec` for a value that may be None, kept as NULL."""
    return Codec(
        lambda value: None if value is None else codec.encode(value),
        lambda value: None if value is None else codec.decode(value),
    )


def to_microseconds(moment: datetime) -> int:
    """Return a UTC time as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def to_moment(microseconds: int) -> datetime:
    """Return the UTC time of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def to_optional_moment(microseconds: int | None) -> datetime | None:
    """Return the UTC time, or None for none."""
    return None if microseconds is None else to_moment(microseconds)


def clean_text(text: str) -> str:
    """Return `text` without what UTF-8 cannot hold (lone surrogates become U+FFFD)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return text


def _path_out(path: str) -> str | bytes:
    raw = os.fsencode(path)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def to_path(value: str | bytes) -> str:
    """Return a stored path; one whose name is not UTF-8 is kept as bytes."""
    return os.fsdecode(value) if isinstance(value, bytes) else value


def to_failure(text: str | None) -> Failure | None:
    """Return the failure that is kept as JSON."""
    if text is None:
        return None
    fields = json.loads(text)
    retry_at = fields.get("retry_at")
    return Failure(
        **{
            **fields,
            "failure_class": FailureClass(fields["failure_class"]),
            "retry_at": datetime.fromisoformat(retry_at) if retry_at else None,
        }
    )


def to_verdict(text: str | None) -> Verdict | None:
    """Return the verdict that is kept as JSON."""
    if text is None:
        return None
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(text).items()
    }
    requirements = tuple(Requirement(**line) for line in fields.pop("requirements"))
    return Verdict(**fields, requirements=requirements)


def _to_changes(text: str) -> tuple[FileChange, ...]:
    return tuple(FileChange(path, ChangeKind(kind)) for path, kind in json.loads(text))


def _to_settings(text: str) -> ProjectSettings:
    fields = json.loads(text)
    sandbox, mode = fields.get("sandbox"), fields.get("mode")
    approvals, workflow = fields.get("approval_policy"), fields.get("workflow")
    servers = fields.get("mcp_servers", {})
    return ProjectSettings(
        model=fields.get("model"),
        sandbox=Sandbox(sandbox) if sandbox else None,
        mode=Mode(mode) if mode else None,
        approval_policy=ApprovalPolicy(approvals) if approvals else None,
        verify=fields.get("verify"),
        budget_tokens=fields.get("budget_tokens"),
        budget_cost=fields.get("budget_cost"),
        workflow=DefaultWorkflow(workflow) if workflow else None,
        concurrency=fields.get("concurrency"),
        memory_cap=fields.get("memory_cap"),
        environment=fields.get("environment", {}),
        mcp_servers={name: _to_server(server) for name, server in servers.items()},
    )


def _to_server(fields: dict[str, Any]) -> McpServer:
    return McpServer(**{**fields, "args": tuple(fields["args"])})


def _to_schedule(text: str) -> Schedule:
    fields = json.loads(text)
    overlap, misfire = Overlap(fields["overlap"]), Misfire(fields["misfire"])
    return Schedule(**{**fields, "overlap": overlap, "misfire": misfire})


def _to_options(text: str) -> TaskOptions:
    fields = json.loads(text)
    sandbox, mode = fields["sandbox"], fields["mode"]
    return TaskOptions(
        **{
            **fields,
            "sandbox": Sandbox(sandbox) if sandbox else None,
            "mode": Mode(mode) if mode else None,
        }
    )


def to_names(text: str) -> tuple[str, ...]:
    """Return the strings that are kept as a JSON list."""
    return tuple(json.loads(text))


def _json(value: Any) -> str:
    # ASCII, so that a file name that is not UTF-8 survives as an escape.
    return json.dumps(value, separators=(",", ":"))


def _json_record(value: Any) -> str | None:
    return None if value is None else _json(asdict(value))


def _failure_out(failure: Failure | None) -> str | None:
    if failure is None or failure.retry_at is None:
        return _json_record(failure)
    return _json({**asdict(failure), "retry_at": failure.retry_at.isoformat()})


def enum(kind: type[E]) -> Codec:
    """Return the codec of an enumeration, kept as its word."""
    return Codec(lambda member: member.value, kind)


def enums(kind: type[E]) -> Codec:
    """Return the codec of several members of an enumeration, kept as a JSON list of words."""
    return Codec(_json, lambda text: tuple(kind(word) for word in json.loads(text)))


TEXT = Codec(clean_text, lambda value: value)
PLAIN = Codec(lambda value: value, lambda value: value)
FLAG = Codec(int, bool)
TIME = Codec(to_microseconds, to_moment)
PATH = Codec(_path_out, to_path)
NAMES = Codec(_json, to_names)
FAILURE = Codec(_failure_out, to_failure)
VERDICT = Codec(_json_record, to_verdict)
PAIRS = Codec(
    lambda pairs: _json([list(pair) for pair in pairs]),
    lambda text: tuple((name, value) for name, value in json.loads(text)),
)
SETTINGS = Codec(_json_record, _to_settings)
SCHEDULE = Codec(_json_record, _to_schedule)
TASK_OPTIONS = Codec(_json_record, _to_options)
CHANGES = Codec(lambda changes: _json([(c.path, c.kind.value) for c in changes]), _to_changes)
