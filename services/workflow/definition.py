"""A workflow definition as the JSON that a run keeps as its snapshot."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from foredeck.services.domain.records import Sandbox, StepKind
from foredeck.services.domain.workflow import (
    Backoff,
    RetryPolicy,
    Rework,
    StepSpec,
    Verify,
    WorkflowSpec,
)


def to_json(spec: WorkflowSpec) -> str:
    """Return the definition as JSON."""
    return json.dumps(asdict(spec), separators=(",", ":"))


def from_json(text: str) -> WorkflowSpec:
    """Return the definition that `to_json` wrote, now or in an earlier version."""
    fields = json.loads(text)
    return WorkflowSpec(fields["name"], tuple(_step(step) for step in fields["steps"]))


def _step(fields: dict[str, Any]) -> StepSpec:
    retries = fields["retries"]
    rework, verify, sandbox = fields["rework"], fields.get("verify"), fields.get("sandbox")
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
        }
    )
