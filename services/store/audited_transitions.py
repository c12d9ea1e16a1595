"""How a transition reads in the audit trail."""

from __future__ import annotations

import json

from foredeck.services.domain.audit import AuditEntry, Severity
from foredeck.services.domain.records import EntityKind

_VERBS = {
    "created": "create",
    "pending": "create",
    "queued": "submit",
    "running": "start",
    "in_progress": "start",
    "success": "end",
    "completed": "end",
    "partial_success": "end",
    "failed": "end",
    "waiting": "wait",
    "retry": "retry",
    "timeout": "timeout",
    "cancelled": "cancel",
    "skipped": "skip",
    "lost": "lost",
}
_SEVERITIES = {
    **dict.fromkeys(("failed", "timeout", "lost"), Severity.ERROR),
    **dict.fromkeys(("partial_success", "cancelled", "retry", "waiting"), Severity.WARNING),
}


def entry_of(
    entity: EntityKind, entity_id: str, run_id: str, old: str, new: str, reason: str
) -> AuditEntry:
    """Return the entry of one transition; `old` is empty at the beginning."""
    why = f": {reason}" if reason else ""
    return AuditEntry(
        action=f"{entity.value}.{_verb(old, new)}",
        resource=entity.value,
        resource_id=entity_id,
        description=f"{entity.value} {entity_id} {f'{old} → ' if old else ''}{new}{why}",
        severity=Severity.INFO if new == old else _SEVERITIES.get(new, Severity.INFO),
        before=json.dumps({"state": old}) if old else "",
        after=json.dumps({"state": new, **({"reason": reason} if reason else {})}),
        run_id=run_id,
    )


def _verb(old: str, new: str) -> str:
    """Return the verb; what has ended and is made ready again is tried again.

    Where the state stays, something is only noted.
    """
    if new == old:
        return "note"
    if new in ("pending", "queued") and old:
        return "execute" if old == "pending" else "retry"
    return _VERBS.get(new, new)
