"""A workflow definition as the JSON that a run keeps as its snapshot."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from foredeck.services.domain.records import Sandbox, StepKind
from foredeck.services.domain.tool_limits import EVERYTHING, ToolLimits
from foredeck.services.domain.workflow import (
    Backoff,
    Gate,
    RetryPolicy,
    Rework,
    StepSpec,
    Verify,
    WorkflowSpec,
)

_PAIRED = ("environment", "matrix", "metadata")


def to_json(spec: WorkflowSpec) -> str:
    """Return the definition as JSON."""
    return json.dumps(asdict(spec), separators=(",", ":"))


@lru_cache(maxsize=32)
def from_json(text: str) -> WorkflowSpec:
    """Return the definition that `to_json` wrote, now or in an earlier version.

    The same object for the same text: every attempt of a run asks for it.
    """
    fields = json.loads(text)
    return WorkflowSpec(
        fields["name"],
        tuple(_step(step) for step in fields["steps"]),
        fields.get("description", ""),
        fields.get("fail_fast", False),
        tuple((name, value) for name, value in fields.get("inputs", ())),
    )


def _pairs(listed: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in listed)


def _limits(fields: dict[str, Any]) -> ToolLimits:
    allowed = fields["allowed"]
    named = None if allowed is None else tuple(allowed)
    return ToolLimits(named, tuple(fields["disallowed"]))


def _step(fields: dict[str, Any]) -> StepSpec:
    retries = fields["retries"]
    rework, verify, sandbox = fields["rework"], fields.get("verify"), fields.get("sandbox")
    gate = fields.get("gate")
    return StepSpec(
        **{
            **fields,
            "kind": StepKind(fields["kind"]),
            "needs": tuple(fields["needs"]),
            "retries": RetryPolicy(**{**retries, "backoff": Backoff(retries["backoff"])}),
            "rework": Rework(**rework) if rework else None,
            "sandbox": Sandbox(sandbox) if sandbox else None,
            "codex_config": tuple(fields.get("codex_config", ())),
            "verify": Verify(**verify) if verify else None,
            "gate": Gate(**gate) if gate else None,
            "tools": _limits(fields["tools"]) if "tools" in fields else EVERYTHING,
            **{name: _pairs(fields.get(name, ())) for name in _PAIRED},
        }
    )
