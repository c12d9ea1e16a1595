"""Reads the tokens of a thread out of the file that codex keeps of it.

Codex tells them while a turn works; of one that ended while nobody listened, only its
rollout file knows: an `event_msg` of type `token_count` behind every answer of the model.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from foredeck.services.domain.records import TokenUsage

_BLOCK = 256 * 1024


def read_thread_usage(path: Path) -> TokenUsage | None:
    """Return what the thread has used in all, None if the file does not say. Not for a loop."""
    try:
        with path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            rest = b""
            while position > 0:
                length = min(_BLOCK, position)
                position = file.seek(position - length)
                first, *lines = (file.read(length) + rest).split(b"\n")
                lines, rest = (lines, first) if position else ([first, *lines], b"")
                for line in reversed(lines):
                    if (usage := _usage(line)) is not None:
                        return usage
    except OSError:
        return None
    return None


def _usage(line: bytes) -> TokenUsage | None:
    if b'"token_count"' not in line:
        return None
    try:
        total = json.loads(line)["payload"]["info"]["total_token_usage"]
        return TokenUsage(
            _count(total, "input_tokens"),
            _count(total, "cached_input_tokens"),
            _count(total, "output_tokens"),
            _count(total, "reasoning_output_tokens"),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _count(fields: dict[str, Any], name: str) -> int:
    return int(fields.get(name) or 0)
