"""The clock of the tests stands at 13:30 UTC, on the 20th of November 2026."""

import pytest

from tests.support.still_clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)
