"""The two rows over the graph: how the run stands, and the selected step in words (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from foredeck.services.domain.amounts import duration, plural
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import StepRow
from foredeck.widgets.dag.critical import CriticalPath
from foredeck.widgets.formats import bar
from foredeck.widgets.painting import Cells, fit, spread, width_of
from foredeck.widgets.state_style import glyph_of, look_of
from foredeck.widgets.step_cells import note_of, step_elapsed, step_title, step_tries

_COUNTED = (
    StepState.RUNNING,
    StepState.WAITING,
    StepState.RETRY,
    StepState.FAILED,
    StepState.SKIPPED,
)
_MOST_BAR, _LEAST_BAR = 24, 6


class Standing(NamedTuple):
    """What the upper row says: the run's state, its steps, and their critical path.

    In a `listing` the path has a bar at the left of its rows, in the graph heavy lines.
    """

    state: RunState
    steps: Sequence[StepRow]
    path: CriticalPath
    listing: bool = False


def standing_row(standing: Standing, width: int, *, ascii_only: bool = False) -> Cells:
    """Return the run's state, done of total with a bar, the counts, and the path's length.

    Where there is no room for it all, the bar is shorter or left out, then the counts lose
    their words, then the path; beside its length is a sample of how it is drawn.
    """
    total = len(standing.steps)
    done = sum(step.state is StepState.SUCCESS for step in standing.steps)
    look = look_of(standing.state)
    glyph = look.ascii if ascii_only else look.glyph
    left: Cells = [(f" {glyph} {look.word}  ", look.style), (f"{done}/{total} done", "ink--strong")]
    share = f" {done * 100 // total}%"
    counts, right = _fitting(standing, width - width_of(left), ascii_only)
    size = min(_MOST_BAR, width - sum(map(width_of, (left, counts, right))) - len(share) - 2)
    if size >= _LEAST_BAR:
        full, rest = bar(done / total, size, ascii_only=ascii_only)
        left += [(" ", ""), (full, look.style), (rest, "ink--rule"), (share, "")]
    return spread([*left, *counts], right, width)


def _fitting(standing: Standing, room: int, ascii_only: bool) -> tuple[Cells, Cells]:
    """Return the counts and the path's length, in as many words as there is room for."""
    for worded, brief in ((True, False), (False, False), (False, True)):
        counts = _counts(standing, ascii_only, worded=worded)
        right = _length(standing, ascii_only, brief=brief)
        if width_of(counts) + width_of(right) + 1 <= room:
            return counts, right
    return counts, []


def step_row(step: StepRow | None, now: datetime, width: int, *, ascii_only: bool = False) -> Cells:
    """Return the selected step in words: title, state, tries, time, what is wrong, its needs."""
    if step is None:
        return []
    look, dot = look_of(step.state), " - " if ascii_only else " · "
    tries = step_tries(step)
    facts = (f"try {tries}" if tries else "", step_elapsed(step, now))
    note, needs = note_of(step, now), _needs(step)
    cells: Cells = [
        (f" {glyph_of(step.state, ascii_only=ascii_only)} ", look.style),
        (step_title(step), "ink--strong"),
        (dot + look.word, look.style),
        ("".join(dot + fact for fact in facts if fact), "ink--muted"),
        (dot + " ".join(note[0].split()), note[1]) if note else ("", ""),
        (dot + needs if needs else "", "ink--muted"),
    ]
    return fit(cells, width)


def _needs(step: StepRow) -> str:
    return f"after {safe_line(', '.join(step.needs), limit=200)}" if step.needs else ""


def _length(standing: Standing, ascii_only: bool, *, brief: bool) -> Cells:
    """Return `━━ critical path 4 steps, 1m 04s`; the sample only if the path is marked."""
    path = standing.path
    if not path.steps:
        return []
    sample = "" if not path.marked_in(len(standing.steps)) else _sample(standing, ascii_only)
    words = [plural(len(path.steps), "step"), duration(path.seconds) if path.seconds else ""]
    if brief:
        return [(sample, "ink--strong"), (f"path {words[1] or words[0]} ", "")]
    return [(sample, "ink--strong"), (f"critical path {', '.join(filter(None, words))} ", "")]


def _sample(standing: Standing, ascii_only: bool) -> str:
    if standing.listing:
        return "# " if ascii_only else "┃ "
    return "== " if ascii_only else "━━ "


def _counts(standing: Standing, ascii_only: bool, *, worded: bool) -> Cells:
    """Return `● 2 running` for each state that some step is in, or `●2` without its word."""
    cells: Cells = []
    for state in _COUNTED:
        look, glyph = look_of(state), glyph_of(state, ascii_only=ascii_only)
        if number := sum(step.state is state for step in standing.steps):
            text = f"  {glyph} {number} {look.word}" if worded else f"  {glyph}{number}"
            cells.append((text, look.style))
    return cells
