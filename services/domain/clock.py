"""Where the time comes from."""

from datetime import UTC, datetime

NEVER = datetime.max.replace(tzinfo=UTC)
"""Later than any time that comes."""


def now() -> datetime:
    """Return the present moment in UTC; every stored time is one of these."""
    return datetime.now(UTC)
