"""The verdict of the rehearsal: drawn from the evidence that codex really reported."""

from __future__ import annotations

import json
import re
from typing import Any

from foredeck.services.rehearsal.plays import Tests

STANDARD = {
    "dataclasses",
    "pathlib",
    "re",
    "subprocess",
    "sys",
    "tempfile",
    "unittest",
}
OWN = {"fairshare", "ledger", "settle"}


def judge(report: str) -> str:
    """Return the verdict, as JSON, on a report of `release_check`."""
    tests = Tests.quoted(report)
    checks = [
        ("FR-1", r"^- Program: exit code 0; credits \d", "Program"),
        ("FR-2", r"^- Tests: \d+ tests ran: \d+ passed, 0 failed", "Tests"),
        ("FR-3", r"^- Program: exit code 0; .* match\.", "Program"),
        ("FR-4", r"^- Bad line: exit code 2; .*line 1", "Bad line"),
    ]
    requirements = [
        {
            "id": name,
            "status": "pass" if re.search(pattern, report, re.MULTILINE) else "fail",
            "evidence": _line(report, topic),
        }
        for name, pattern, topic in checks
    ]
    failed = [f"{r['id']} is not met: {r['evidence']}" for r in requirements if _failed(r)]
    if tests is None or not tests.green:
        failed.append("Make `python3 -m unittest` pass: " + _line(report, "Tests"))
    return json.dumps(_verdict(requirements, tests, _foreign(report), failed))


def unproven(reason: str) -> str:
    """Return the verdict, as JSON, when there is no evidence at all."""
    return json.dumps(_verdict([], None, [], [reason]))


def _verdict(
    requirements: list[dict[str, str]], tests: Tests | None, security: list[str], failed: list[str]
) -> dict[str, Any]:
    return {
        "requirements": requirements,
        "tests": {
            "passed": tests.passed if tests else 0,
            "failed": tests.failed if tests else 0,
            "skipped": tests.skipped if tests else 0,
        },
        "security": security,
        "blocking": failed,
        "recommendations": [] if failed else ["Say in the usage text how a line is written."],
        "deployment_checklist": []
        if failed
        else ["Copy ledger.py, settle.py and fairshare.py.", "Run python3 fairshare.py TRIP_FILE."],
        "verdict": "NEEDS_WORK" if failed else "APPROVED",
        "items": failed,
    }


def _foreign(report: str) -> list[str]:
    """Return a finding when something but the standard library is imported."""
    named = re.search(r"^- Imports: (.*)\.$", report, re.MULTILINE)
    modules = set(named[1].split(", ")) if named else set()
    foreign = sorted(modules - STANDARD - OWN - {"none found"})
    return [f"Imports from outside the standard library: {', '.join(foreign)}"] if foreign else []


def _failed(requirement: dict[str, str]) -> bool:
    return requirement["status"] == "fail"


def _line(report: str, topic: str) -> str:
    found = re.search(rf"^- {topic}: (.*)$", report, re.MULTILINE)
    return found[1] if found else "there is no evidence"
