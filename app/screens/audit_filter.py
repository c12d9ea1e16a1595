"""What a person types to filter the audit trail: words, and `severity:error` and the like."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from foredeck.services.domain.audit import Severity
from foredeck.services.domain.moments import moment_of
from foredeck.services.host.queries import ListAudit

KEYS = ("action", "resource", "severity", "actor", "trace", "since", "until")


def wanted_by(text: str, now: datetime) -> tuple[ListAudit, str]:
    """Return the query, and what is wrong with a word; that word is then left out.

    What is no `KEY:VALUE` is looked for anywhere in a row, as it stands.
    """
    query, loose, problem = ListAudit(), [], ""
    for word in text.split():
        key, colon, value = word.partition(":")
        key = key.lower()
        if not colon or key not in KEYS:
            loose.append(word)
        elif value:
            try:
                query = _with(query, key, value, now)
            except ValueError as error:
                problem = str(error)
    return replace(query, text=" ".join(loose) or None), problem


def _with(query: ListAudit, key: str, value: str, now: datetime) -> ListAudit:
    """Return the query with one thing more; raises `ValueError`."""
    if key == "severity":
        return replace(query, severity=_severity(value))
    if key == "since":
        return replace(query, since=moment_of(value, now))
    if key == "until":
        return replace(query, until=moment_of(value, now))
    if key == "action":
        return replace(query, action=value)
    if key == "resource":
        return replace(query, resource=value)
    return replace(query, actor=value) if key == "actor" else replace(query, trace=value)


def _severity(value: str) -> Severity:
    found = [severity for severity in Severity if severity.value.startswith(value.upper())]
    if not found:
        raise ValueError(f"severity is one of {', '.join(s.value.lower() for s in Severity)}.")
    return found[0]
