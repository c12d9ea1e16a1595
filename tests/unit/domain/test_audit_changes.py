"""What a row of the audit trail says has changed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from foredeck.services.domain.audit import AuditRow, Severity
from foredeck.services.domain.audit_changes import FieldChange, changes_of


def row(before: str, after: str) -> AuditRow:
    now = datetime(2026, 11, 28, tzinfo=UTC)
    return AuditRow(1, now, "a.b", "a", "1", Severity.INFO, "ada", "", "", "x", before, after)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ("", "", ()),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', (FieldChange("b", "2", "3"),)),
        ('{"a": "x"}', "{}", (FieldChange("a", "x", None),)),
        ("", '{"a": null}', (FieldChange("a", None, "null"),)),
        ('{"a": 1}', '{"a": 1.0, "b": [2]}', (FieldChange("b", None, "[2]"),)),
        ("no json", "neither", (FieldChange("text", "no json", "neither"),)),
        ("[1]", "[2]", (FieldChange("value", "[1]", "[2]"),)),
        ("[" * 100_000, "", (FieldChange("text", "[" * 100_000, None),)),
    ],
)
def test_only_what_differs_is_named(
    before: str, after: str, changes: tuple[FieldChange, ...]
) -> None:
    assert changes_of(row(before, after)) == changes
