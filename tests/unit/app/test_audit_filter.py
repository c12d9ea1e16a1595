"""What is typed to filter the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from foredeck.app.screens.audit_filter import wanted_by
from foredeck.services.domain.audit import Severity
from foredeck.services.host.queries import ListAudit

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ListAudit()),
        ("  two   words ", ListAudit(text="two words")),
        ("severity:err", ListAudit(severity=Severity.ERROR)),
        ("Severity:WARN x", ListAudit(severity=Severity.WARNING, text="x")),
        ("action:job.cancel actor:ada", ListAudit(action="job.cancel", actor="ada")),
        ("resource:run:7s24", ListAudit(resource="run:7s24")),
        ("trace:abc", ListAudit(trace="abc")),
        ("since:2h", ListAudit(since=NOW - timedelta(hours=2))),
        ("until:2026-11-27T00:00Z", ListAudit(until=datetime(2026, 11, 27, tzinfo=UTC))),
        ("actor:", ListAudit()),
        ("https://example.org", ListAudit(text="https://example.org")),
    ],
)
def test_words_become_a_query(text: str, wanted: ListAudit) -> None:
    assert wanted_by(text, NOW) == (wanted, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("severity:loud x", "severity is one of info, warning, error, critical."),
        (
            "since:yesterday x",
            "'yesterday' is no time: give 2026-11-28, 2026-11-28T14:30, 14:30 or 2h.",
        ),
    ],
)
def test_a_word_that_makes_no_sense_is_named_and_left_out(text: str, problem: str) -> None:
    assert wanted_by(text, NOW) == (ListAudit(text="x"), problem)
