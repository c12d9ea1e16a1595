"""A moment as a person types it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from foredeck.services.domain.moments import moment_of

# 10:15 in Berlin, where the clocks went forward in the night.
NOW = datetime(2026, 3, 29, 8, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("2026-03-28", datetime(2026, 3, 27, 23, tzinfo=UTC)),
        ("2026-03-28T22:00", datetime(2026, 3, 28, 21, tzinfo=UTC)),
        (" 10:15 ", NOW),
        ("09:00", datetime(2026, 3, 29, 7, tzinfo=UTC)),
        ("10:16", datetime(2026, 3, 28, 9, 16, tzinfo=UTC)),
        ("22:00", datetime(2026, 3, 28, 21, tzinfo=UTC)),
    ],
)
def test_what_is_meant_is_over(text: str, wanted: datetime) -> None:
    assert moment_of(text, NOW) == wanted


@pytest.mark.parametrize("text", ["", "25:00", "9:5", "tomorrow", "99999999d", "22:00:61"])
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no time: give 2026-11-28, 2026-11-28T14:30, 14:30"):
        moment_of(text, NOW)
