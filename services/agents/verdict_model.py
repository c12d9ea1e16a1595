"""What a verdict must look like when it comes from outside (imports pydantic)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from foredeck.services.domain.records import Requirement, Verdict


class _Outside(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _RequirementModel(_Outside):
    id: str
    status: Literal["pass", "fail"]
    evidence: str = ""


class _TestsModel(_Outside):
    passed: int = Field(0, ge=0)
    failed: int = Field(0, ge=0)
    skipped: int = Field(0, ge=0)


class VerdictModel(_Outside):
    """The verdict of SPEC A3; fields that a model added are ignored, the rest is strict."""

    requirements: list[_RequirementModel]
    tests: _TestsModel
    verdict: Literal["APPROVED", "NEEDS_WORK"]
    security: list[str] = []
    blocking: list[str] = []
    recommendations: list[str] = []
    deployment_checklist: list[str] = []
    items: list[str] = []

    def to_verdict(self) -> Verdict:
        """Return it as the domain's record."""
        return Verdict(
            verdict=self.verdict,
            requirements=tuple(Requirement(r.id, r.status, r.evidence) for r in self.requirements),
            tests_passed=self.tests.passed,
            tests_failed=self.tests.failed,
            tests_skipped=self.tests.skipped,
            security=tuple(self.security),
            blocking=tuple(self.blocking),
            recommendations=tuple(self.recommendations),
            deployment_checklist=tuple(self.deployment_checklist),
            items=tuple(self.items),
        )
