from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.codex.failures import classify, classify_http
from foredeck.services.codex.protocol import TurnError
from foredeck.services.codex.reset_times import reset_time
from foredeck.services.domain import clock
from foredeck.services.domain.records import FailureClass

BERLIN = ZoneInfo("Europe/Berlin")
# A Friday, 14:30 in Berlin.
NOW = datetime(2026, 11, 20, 13, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("or try again at Nov 21st, 2026 12:00 AM.", datetime(2026, 11, 20, 23, 0, tzinfo=UTC)),
        ("Try again at Dec 2nd, 2026 12:05 PM", datetime(2026, 12, 2, 11, 5, tzinfo=UTC)),
        ("try again at January 3rd 9:15 am", datetime(2027, 1, 3, 8, 15, tzinfo=UTC)),
        ("try again at 3:45 PM.", datetime(2026, 11, 20, 14, 45, tzinfo=UTC)),
        ("try again at 3:45\u202fPM.", datetime(2026, 11, 20, 14, 45, tzinfo=UTC)),
        ("try again at 15:45", datetime(2026, 11, 20, 14, 45, tzinfo=UTC)),
        ("Your limit resets at 3pm", datetime(2026, 11, 20, 14, 0, tzinfo=UTC)),
        ("try again at 1:00 PM.", datetime(2026, 11, 21, 12, 0, tzinfo=UTC)),
        ("try again at 12:00 AM.", datetime(2026, 11, 20, 23, 0, tzinfo=UTC)),
        ("Try again in 3 hours 20 minutes.", NOW + timedelta(hours=3, minutes=20)),
        ("try again in 3 days 4 hours 5 minutes.", NOW + timedelta(days=3, hours=4, minutes=5)),
        ("Try again in 1 day, 2 hours and 3 minutes", NOW + timedelta(days=1, hours=2, minutes=3)),
        ("try again in 1h20m", NOW + timedelta(hours=1, minutes=20)),
        ("Please try again in 90.5s.", NOW + timedelta(seconds=90.5)),
        ("try again in less than a minute.", NOW + timedelta(minutes=1)),
        ("try again in 5 seconds", NOW + timedelta(minutes=1)),
        ("try again after 2026-11-21T00:00:00Z", datetime(2026, 11, 21, tzinfo=UTC)),
        ("try again after 2026-11-21 01:00 UTC", datetime(2026, 11, 21, 1, tzinfo=UTC)),
        ("try again at 2026-11-21T00:00+01:00", datetime(2026, 11, 20, 23, tzinfo=UTC)),
        ("try again at 2026-11-21 00:00", datetime(2026, 11, 20, 23, tzinfo=UTC)),
        ('{"error":{"resets_in_seconds": 7200}}', NOW + timedelta(hours=2)),
        ('{"error":{"resets_at":1795216685}}', datetime(2026, 11, 20, 23, 18, 5, tzinfo=UTC)),
        # It was told to the minute and has just passed.
        ("try again at 2:29 PM.", NOW + timedelta(minutes=1)),
        ("try again at Nov 20th, 2026 2:29 PM.", NOW + timedelta(minutes=1)),
    ],
)
def test_when_a_limit_ends(text: str, expected: datetime) -> None:
    assert reset_time(f"You've hit your usage limit. {text}", NOW, BERLIN) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Try again later.",
        "try again in a while",
        "try again at noon",
        "try again at 5",
        "try again at 25:00",
        "try again at 13:00 PM",
        "try again at Nov 31st, 2026 12:00 AM.",
        "try again at Foo 3rd, 2026 12:00 AM.",
        "try again at Nov 19th, 2026 12:00 AM.",
        "try again at Nov 21st, 2030 12:00 AM.",
        "try again in 400 days",
        "Meet me at 3:45 PM.",
    ],
)
def test_what_says_no_time(text: str) -> None:
    assert reset_time(text, NOW, BERLIN) is None


def test_the_hour_that_summer_time_skips_and_repeats() -> None:
    before = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
    told = reset_time("try again at Oct 25th, 2026 4:00 AM.", before, BERLIN)
    assert told == datetime(2026, 10, 25, 3, 0, tzinfo=UTC)


@given(st.text())
def test_no_text_raises(text: str) -> None:
    found = reset_time(f"try again at {text}", NOW, BERLIN)
    assert found is None or found > NOW
    found = reset_time(f"try again in {text}", NOW)
    assert found is None or found > NOW


def test_only_a_usage_limit_has_such_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    limited = classify(TurnError("You've hit your usage limit. Try again in 2 hours."))
    assert limited.failure_class is FailureClass.USAGE_LIMIT
    assert limited.retry_at == NOW + timedelta(hours=2)
    by_service = classify_http(429, {"error": {"type": "usage_limit_reached", "resets_at": "x"}})
    assert by_service.retry_at is None
    rate = classify(TurnError("Rate limit reached. Please try again in 20s."))
    assert rate.failure_class is FailureClass.NETWORK
    assert rate.retry_at is None
