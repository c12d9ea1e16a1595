"""A clock for tests of what waits for a time."""

from datetime import UTC, datetime, timedelta

import pytest

from foredeck.services.domain import clock
from foredeck.services.workflow import run_driver


class Clock:
    """The time that the house believes in; it stands still until a test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = datetime(2026, 11, 20, 13, 30, tzinfo=UTC)
        monkeypatch.setattr(clock, "now", lambda: self.now)
        monkeypatch.setattr(run_driver, "LOOK_AGAIN", 0.02)

    def pass_(self, seconds: float) -> None:
        """Let so much time go by."""
        self.now += timedelta(seconds=seconds)
