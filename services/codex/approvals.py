"""What codex is answered when it asks for leave; nobody being there means no.

Turns run with the approval policy `never`, so codex hardly asks at all; but a request
without an answer would hold its turn for ever, so there always is one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from foredeck.services.codex.protocol import ServerRequest

_log = logging.getLogger(__name__)

DECLINE = "decline"
_REFUSED = -32601

_APPROVALS = frozenset({"item/commandExecution/requestApproval", "item/fileChange/requestApproval"})
# The same questions as older versions of codex ask them, with other words for an answer.
_OLD_APPROVALS = frozenset({"applyPatchApproval", "execCommandApproval"})
_OLD_WORDS = {
    "accept": "approved",
    "acceptForSession": "approved_for_session",
    "decline": "denied",
    "cancel": "abort",
}


class ApprovalPolicy(Protocol):
    """Decides whether codex may run a command or change a file."""

    async def decide(self, request: ServerRequest) -> str:
        """Return `accept`, `acceptForSession`, `decline` (the turn goes on) or `cancel`."""
        ...


class DeclineAll:
    """Nobody is there: never yes."""

    async def decide(self, request: ServerRequest) -> str:
        """Return `decline`."""
        return DECLINE


async def answer(policy: ApprovalPolicy, request: ServerRequest) -> tuple[dict[str, Any], str]:
    """Return the rest of the reply, and a sentence about it for the output.

    Never raises: a policy that breaks declines.
    """
    if request.method in _APPROVALS | _OLD_APPROVALS:
        decision = await _decide(policy, request)
        old = request.method in _OLD_APPROVALS
        result = {"decision": _OLD_WORDS.get(decision, "denied") if old else decision}
        return {"result": result}, f"{_verb(decision)}: {_asked(request.params)}"
    if request.method == "mcpServer/elicitation/request":
        return {"result": {"action": DECLINE}}, "Declined: a question of an MCP server"
    message = f"Foredeck does not answer {request.method}"
    return {"error": {"code": _REFUSED, "message": message}}, f"Not answered: {request.method}"


async def _decide(policy: ApprovalPolicy, request: ServerRequest) -> str:
    try:
        return await policy.decide(request)
    except Exception:
        _log.exception("the approval policy broke on %s", request.method)
        return DECLINE


def _verb(decision: str) -> str:
    return "Allowed" if decision.startswith("accept") else "Declined"


def _asked(params: Mapping[str, Any]) -> str:
    command, reason = params.get("command"), params.get("reason")
    if isinstance(command, list):
        command = " ".join(map(str, command))
    wish = f"to run {command}" if command else "to change files outside the sandbox"
    return f"codex asked {wish}" + (f" ({reason})" if reason else "")
