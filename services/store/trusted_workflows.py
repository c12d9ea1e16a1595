"""Workflow files that a person trusts, within one transaction."""

from __future__ import annotations

from foredeck.services.domain import clock
from foredeck.services.domain.audit import AuditEntry, Severity
from foredeck.services.store.codecs import clean_text, to_microseconds
from foredeck.services.store.tables import TRUSTED_WORKFLOW
from foredeck.services.store.text import Text
from foredeck.services.store.unit import Unit

_ADD = Text.of(
    TRUSTED_WORKFLOW.insert().prefix_with("OR IGNORE"),
    ["project_id", "sha256", "path", "trusted_at"],
)
_KNOWN = "SELECT 1 FROM trusted_workflow WHERE project_id = ? AND sha256 = ?"


class TrustedWorkflows:
    """Trust is in a content: a file that changes has to be trusted anew."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    async def add(self, project_id: str, sha256: str, path: str) -> None:
        """Trust the content that the file at `path` has; once is enough."""
        values = {
            "project_id": project_id,
            "sha256": sha256,
            "path": clean_text(path),
            "trusted_at": to_microseconds(clock.now()),
        }
        await self._unit.link.rows(_ADD.sql, _ADD.values(values))
        self._unit.audit(
            AuditEntry(
                action="workflow.trust",
                resource="project",
                resource_id=project_id,
                severity=Severity.WARNING,
                description=f"the workflow {path} with the content {sha256[:12]} is trusted",
            )
        )

    async def knows(self, project_id: str, sha256: str) -> bool:
        """Whether this content is trusted in the project."""
        return bool(await self._unit.link.rows(_KNOWN, (project_id, sha256)))
