"""What the tools of tool servers are called in front of a model, as codex calls them."""

from __future__ import annotations

import json
import re

_PREFIX = "mcp__"
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_-]")
# The model service takes no longer names.
_LONGEST = 64

UNKNOWN_RESULT = json.dumps(
    {
        "success": False,
        "error": "Foredeck was interrupted while this tool worked: whether it did, and with "
        "what result, is not known. Look before you call it again.",
    }
)
"""Answers a call that an earlier host made and whose end nobody saw."""


def tool_name(server: str, tool: str) -> str:
    """Return the name of a server's tool; two may be the same only if very long or odd."""
    return _NOT_ALLOWED.sub("_", f"{_PREFIX}{server}__{tool}")[:_LONGEST]


def is_of_server(name: str) -> bool:
    """Whether a tool belongs to a tool server."""
    return name.startswith(_PREFIX)
