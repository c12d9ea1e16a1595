"""Rebuilds the summary of a codex run from its log and its metadata.

Three kinds of logs are understood: Foredeck's own, the JSON lines of `codex exec --json`, and
what plain `codex exec` prints. What a log does not say stays None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foredeck.services.codex.exec_events import parse_events, thread_of
from foredeck.services.codex.protocol import (
    Notification,
    TurnCompleted,
    TurnStarted,
    UsageUpdated,
)
from foredeck.services.codex.run_files import EXIT_KEY, SESSION_KEY, USAGE_KEY, usage_fields
from foredeck.services.domain.records import TokenUsage

_LINE_LIMIT = 16 * 2**20
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# "session id: …", "thread_id=…", `"session_id": "…"`; never the session that was asked for.
_SESSION = re.compile(
    rf"(?i)(?<!resume[ _-])\b(?:codex[ _-])?(?:session|thread|conversation)[ _-]?(?:id)?"
    rf"[\"']?\s*[:=]?\s*[\"']?({_UUID})"
)
_ENDING = re.compile(rf"^({SESSION_KEY}|{EXIT_KEY}|{USAGE_KEY})=(.*)$")
_TOTAL = re.compile(r"^\d[\d,]*$")
_FIELDS = (
    "run_id", "session_id", "resume_session", "mode", "repo", "task", "codex_bin",
    "codex_version", "log_file", "meta_file", "summary_file", "started_at", "ended_at",
    "elapsed_seconds", "exit_code", "success", "token_usage", "cost",
)  # fmt: skip
_NO_SESSION = "The log names no session: session_id is null."
_NO_START = (
    "The log of a resumed session has its tokens over all turns and not those of the turns "
    "before, so what this run used is not known."
)


@dataclass
class _Findings:
    """What the log says; a later line corrects an earlier one.

    `closing` are Foredeck's own last lines: they count only where nothing follows them.
    """

    session: str | None = None
    fallback: str | None = None
    exit_code: int | None = None
    usage: dict[str, Any] | None = None
    totals: list[TokenUsage] = field(default_factory=list)
    closing: dict[str, str] = field(default_factory=dict)


def rebuild(log: Path, meta: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the summary and what a person should know about it; raises `OSError`."""
    found = _Findings()
    counting = False
    for line in _lines(log):
        _take_in(found, line, after_tokens_used=counting)
        counting = line.strip() == "tokens used"
    _take_closing(found)
    warnings: list[str] = []
    session = found.session or found.fallback
    if session is None:
        warnings.append(_NO_SESSION)
    usage = found.usage or _difference(found, meta, warnings)
    summary = {name: meta.get(name) for name in _FIELDS} | {
        "session_id": session,
        "exit_code": found.exit_code,
        "success": None if found.exit_code is None else found.exit_code == 0,
        "token_usage": usage,
        **_times(log, meta, ended=found.exit_code is not None),
    }
    return summary, tuple(warnings)


def _take_in(found: _Findings, line: str, *, after_tokens_used: bool) -> None:
    if ending := _ENDING.match(line):
        found.closing[ending[1]] = ending[2]
    elif line.strip():
        found.closing.clear()
    if line.startswith("{") and (events := parse_events(line)):
        for event in events:
            _take_event(found, event)
    elif after_tokens_used and _TOTAL.match(line.strip()):
        found.usage = {"total_tokens": int(line.strip().replace(",", ""))}
    elif match := _SESSION.search(line):
        found.fallback = found.fallback or match[1].lower()


def _take_event(found: _Findings, event: Notification) -> None:
    found.session = thread_of(event) or found.session
    if isinstance(event, UsageUpdated):
        found.totals.append(event.total)
    elif isinstance(event, TurnStarted):
        found.exit_code = None
    elif isinstance(event, TurnCompleted):
        found.exit_code = 0 if event.status == "completed" else 1


def _take_closing(found: _Findings) -> None:
    session, code = found.closing.get(SESSION_KEY, ""), found.closing.get(EXIT_KEY, "")
    found.session = session if re.fullmatch(_UUID, session) else found.session
    found.exit_code = int(code) if code.isdecimal() else found.exit_code
    found.usage = _object(found.closing.get(USAGE_KEY, "")) or found.usage


def _difference(
    found: _Findings, meta: Mapping[str, Any], warnings: list[str]
) -> dict[str, Any] | None:
    """Totals grow with the session: what a run used is what it added (SPEC C7)."""
    if not found.totals:
        return None
    if meta.get("mode") != "resume":
        return usage_fields(found.totals[-1])
    if len(found.totals) == 1:
        warnings.append(_NO_START)
        return None
    return usage_fields(found.totals[-1] - found.totals[-2])


def _times(log: Path, meta: Mapping[str, Any], *, ended: bool) -> dict[str, Any]:
    """Without an end in the metadata it is the moment when the log was last written."""
    start = _moment(meta.get("started_at"))
    end = _moment(meta.get("ended_at"))
    if end is None and ended:
        end = datetime.fromtimestamp(log.stat().st_mtime, UTC)
    took = round((end - start).total_seconds(), 3) if start and end else None
    return {"ended_at": end.isoformat() if end else None, "elapsed_seconds": took}


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _lines(log: Path) -> Iterator[str]:
    with log.open("rb") as file:
        while line := file.readline(_LINE_LIMIT):
            yield _COLOURS.sub("", line.decode("utf-8", "replace")).rstrip("\r\n")


def _object(text: str) -> dict[str, Any] | None:
    try:
        fields = json.loads(text)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None
