"""How states, times and amounts are said in a report, whatever its format."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from enum import Enum

from foredeck.services.domain.amounts import dollars
from foredeck.services.domain.records import TokenUsage

UNKNOWN = "unknown"
NOTHING = "–"

# The glyph of a state and the name of its colour; equal words of runs, steps, jobs and questions
# look the same. Every glyph is in the fonts that the PDF brings along.
_LOOKS = {
    "created": ("○", "pending"),
    "pending": ("○", "pending"),
    "queued": ("○", "pending"),
    "running": ("●", "running"),
    "in_progress": ("●", "running"),
    "waiting": ("◆", "waiting"),
    "open": ("◆", "waiting"),
    "retry": ("↻", "retry"),
    "success": ("✓", "success"),
    "completed": ("✓", "success"),
    "answered": ("✓", "success"),
    "pass": ("✓", "success"),
    "APPROVED": ("✓", "success"),
    "overcome": ("✓", "success"),
    "failed": ("✗", "failed"),
    "timeout": ("✗", "failed"),
    "fail": ("✗", "failed"),
    "NEEDS_WORK": ("✗", "failed"),
    "partial_success": ("◐", "partial"),
    "skipped": ("»", "pending"),
    "withdrawn": ("»", "pending"),
    "cancelled": ("■", "pending"),
    "lost": ("?", "waiting"),
}
COLOURS = frozenset(colour for _, colour in _LOOKS.values())


def glyph(state: str) -> str:
    """Return the sign of a state; what is no state of ours has none of its own."""
    return _LOOKS.get(state, ("·", ""))[0]


def colour(state: str) -> str:
    """Return the name of a state's colour, one of `COLOURS`, also for what is no state."""
    return _LOOKS.get(state, ("", "pending"))[1]


def word(state: Enum | str) -> str:
    """Return a state, a kind or a class as a word: `partial success`."""
    return str(state.value if isinstance(state, Enum) else state).replace("_", " ").lower()


def moment(at: datetime | None) -> str:
    """Return a time whole, in UTC: `2026-03-01 14:03:09 UTC`."""
    return f"{at.isoformat(' ')[:19]} UTC" if at else NOTHING


def clock(at: datetime | None) -> str:
    """Return the time of day in UTC, for where the date is known: `14:03:09`."""
    return at.isoformat()[11:19] if at else NOTHING


def tokens(usage: TokenUsage) -> str:
    """Return tokens exactly, and what they were: `1,234 (in 1,000, cached 200, out 234)`."""
    if not usage.total:
        return "0"
    cached = f", cached {usage.cached_input:,}" if usage.cached_input else ""
    return f"{usage.total:,} (in {usage.input:,}{cached}, out {usage.output:,})"


def cost(amount: float | None) -> str:
    """Return US dollars; what is not known is never shown as nothing."""
    return UNKNOWN if amount is None else dollars(amount)


def lines_changed(added: int | None, removed: int | None) -> str:
    """Return how many lines came and went: `+12 −3`."""
    return NOTHING if added is None or removed is None else f"+{added:,} −{removed:,}"


def short(text: str, width: int) -> str:
    """Return a text as one line of at most `width` narrow characters; `…` says it is cut."""
    line = " ".join(text.split())
    room = width
    for index, character in enumerate(line):
        room -= 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if room < (index < len(line) - 1):
            return f"{line[:index]}…"
    return line
