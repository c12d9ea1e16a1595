"""The structured verdict: from what a model wrote to a `Verdict` that agrees with itself."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.records import Failure, FailureClass, Verdict

APPROVED = "APPROVED"
NEEDS_WORK = "NEEDS_WORK"

_NO_ITEM = "Check every acceptance criterion again: the verdict asked for work but named none."


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _strings(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": description}


VERDICT_SCHEMA: dict[str, Any] = _object(
    {
        "requirements": {
            "type": "array",
            "description": "One entry for every functional requirement of AGENTS.md.",
            "items": _object(
                {
                    "id": {"type": "string"},
                    "status": {"type": "string", "enum": ["pass", "fail"]},
                    "evidence": {"type": "string"},
                }
            ),
        },
        "tests": _object({name: {"type": "integer"} for name in ("passed", "failed", "skipped")}),
        "security": _strings("Security findings."),
        "blocking": _strings("What must be mended before anybody may use this."),
        "recommendations": _strings("What would be better but need not be done now."),
        "deployment_checklist": _strings("What a person does to put it to use, in order."),
        "verdict": {"type": "string", "enum": [APPROVED, NEEDS_WORK]},
        "items": _strings("With NEEDS_WORK: what the Builder shall do, one instruction each."),
    }
)

SUMMARY_SCHEMA: dict[str, Any] = _object(
    {"summary": {"type": "string", "description": "What the next stage needs to know."}}
)


def parse_verdict(text: str) -> Verdict:
    """Return the verdict that a model wrote as JSON.

    A verdict that contradicts itself is taken at its worst: see `consistent`. Raises
    `StepFailed` (class model) when it cannot be read.
    """
    from pydantic import ValidationError

    from foredeck.services.agents.verdict_model import VerdictModel

    try:
        return consistent(VerdictModel.model_validate_json(_strip_fence(text)).to_verdict())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the text"
        raise StepFailed(
            Failure(
                FailureClass.MODEL,
                f"The verdict cannot be read: {where}: {first['msg']}.",
                "Retry the stage; if it happens again, use another model.",
                text[:4000],
            )
        ) from None


def consistent(verdict: Verdict) -> Verdict:
    """Return the verdict without contradictions, always to the worse side.

    APPROVED with a failed test, a failed requirement or something blocking becomes
    NEEDS_WORK, because shipping on a slip of the pen costs more than one round of
    rework. NEEDS_WORK without items gets them from what failed, so that the Builder
    has something to do.
    """
    open_points = _open_points(verdict)
    if verdict.approved and open_points:
        return replace(verdict, verdict=NEEDS_WORK, items=verdict.items or open_points)
    if not verdict.approved and not verdict.items:
        return replace(verdict, items=open_points or (_NO_ITEM,))
    return verdict


def _open_points(verdict: Verdict) -> tuple[str, ...]:
    failed = tuple(
        f"{r.id} is not met: {r.evidence or 'no evidence was given'}"
        for r in verdict.requirements
        if r.status == "fail"
    )
    tests = (f"{verdict.tests_failed} tests fail.",) if verdict.tests_failed else ()
    return (*verdict.blocking, *failed, *tests)


def describe(verdict: Verdict) -> str:
    """Return the verdict as a person reads it: a line of figures, then what is open."""
    met = sum(r.status == "pass" for r in verdict.requirements)
    lines = [
        f"{verdict.verdict}: {met} of {len(verdict.requirements)} requirements met; tests: "
        f"{verdict.tests_passed} passed, {verdict.tests_failed} failed, "
        f"{verdict.tests_skipped} skipped."
    ]
    for title, entries in (
        ("To do", verdict.items),
        ("Blocking", verdict.blocking),
        ("Security", verdict.security),
        ("Recommendations", verdict.recommendations),
        ("Deployment", verdict.deployment_checklist),
    ):
        lines += [f"{title}:", *(f"- {entry}" for entry in entries)] if entries else []
    return "\n".join(lines)


def parse_summary(text: str) -> str:
    """Return the summary of a stage's last message: the JSON field, or the text itself.

    Raises `StepFailed` (class model) when there is none.
    """
    try:
        given = json.loads(_strip_fence(text))
    except ValueError:
        given = text
    summary = given.get("summary") if isinstance(given, dict) else text
    if not isinstance(summary, str) or not summary.strip():
        raise StepFailed(
            Failure(
                FailureClass.MODEL,
                "The stage ended without a summary of its work.",
                "Retry the stage; if it happens again, use another model.",
                text[:4000],
            )
        )
    return summary.strip()


def _strip_fence(text: str) -> str:
    """Return what stands in a Markdown code fence, if the whole text is one."""
    stripped = text.strip()
    if not (stripped.startswith("```") and stripped.endswith("```") and "\n" in stripped):
        return stripped
    return stripped[stripped.index("\n") + 1 : -3].strip()
