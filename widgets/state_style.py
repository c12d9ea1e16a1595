"""How a state looks: a glyph, a word and a component class, for runs, steps and jobs alike.

The colour is never the only sign: wherever a state is shown, its glyph or its word is too.
The component classes (`state--running`) get their colours from the theme's variables
(`$state-running`), so that no colour is written in Python.
"""

from __future__ import annotations

from typing import NamedTuple

from foredeck.services.domain.states import JobState, RunState, State


class Look(NamedTuple):
    """What stands for a state: one glyph of one cell, its ASCII fallback, a word, a class."""

    glyph: str
    ascii: str
    word: str
    style: str


# Every glyph is one cell wide, has no emoji form, and is in the common monospace fonts.
# Equal words of runs, steps and jobs mean the same and look the same.
_LOOKS = {
    look.word: look
    for look in (
        Look("○", ".", "created", "state--pending"),
        Look("○", ".", "pending", "state--pending"),
        Look("◌", ":", "queued", "state--pending"),
        Look("●", ">", "running", "state--running"),
        Look("◆", "?", "waiting", "state--waiting"),
        Look("↻", "~", "retry", "state--retry"),
        Look("✓", "+", "success", "state--success"),
        Look("✓", "+", "completed", "state--success"),
        Look("✗", "x", "failed", "state--failed"),
        Look("✗", "x", "timeout", "state--failed"),
        Look("◐", "%", "partial", "state--partial"),
        Look("»", "-", "skipped", "state--skipped"),
        Look("■", "/", "cancelled", "state--cancelled"),
        Look("?", "!", "lost", "state--waiting"),
    )
}
_SHORTER = {RunState.PARTIAL_SUCCESS.value: "partial", JobState.IN_PROGRESS.value: "running"}

STATE_CLASSES = frozenset(look.style for look in _LOOKS.values())
WORD_WIDTH = max(len(word) for word in _LOOKS)


def look_of(state: State) -> Look:
    """Return the look of a state of a run, a step or a job."""
    return _LOOKS[_SHORTER.get(state.value, state.value)]


def glyph_of(state: State, *, ascii_only: bool = False) -> str:
    """Return the one-cell glyph of a state."""
    look = look_of(state)
    return look.ascii if ascii_only else look.glyph
