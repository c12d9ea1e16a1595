"""What a row of the audit trail says has changed, field by field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from foredeck.services.domain.audit import AuditRow


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field and its two values as a person reads them, None where it was not there."""

    name: str
    before: str | None
    after: str | None


def changes_of(row: AuditRow) -> tuple[FieldChange, ...]:
    """Return what differs between before and after; both texts may be no JSON at all.

    Of a row with one of them only, that is all of its fields.
    """
    before, after = _fields(row.before), _fields(row.after)
    names = [*before, *(name for name in after if name not in before)]
    return tuple(
        FieldChange(name, _words(before, name), _words(after, name))
        for name in names
        if name not in before or name not in after or before[name] != after[name]
    )


def _fields(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {"text": text}
    return found if isinstance(found, dict) else {"value": found}


def _words(fields: dict[str, Any], name: str) -> str | None:
    if name not in fields:
        return None
    value = fields[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
