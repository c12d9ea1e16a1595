"""Where the time comes from."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment in UTC; every stored time is one of these."""
    return datetime.now(UTC)
