"""The two rows over the graph: how the run stands, and the selected step in words (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import StepRow
from foredeck.widgets.dag.critical import CriticalPath
from foredeck.widgets.formats import bar, duration, plural
from foredeck.widgets.painting import Cells, fit, spread, width_of
from foredeck.widgets.state_style import glyph_of, look_of
from foredeck.widgets.step_cells import step_elapsed, step_title, step_tries

_COUNTED = (
    StepState.RUNNING,
    StepState.WAITING,
    StepState.RETRY,
    StepState.FAILED,
    StepState.SKIPPED,
)
_MOST_BAR, _LEAST_BAR = 24, 6


class Standing(NamedTuple):
    """What the upper row says: the run's state, its steps, and their critical path."""

    state: RunState
    steps: Sequence[StepRow]
    path: CriticalPath


def standing_row(standing: Standing, width: int, *, ascii_only: bool = False) -> Cells:
    """Return the run's state, done of total with a bar, the counts, and the path's length.

    What has no room is left out, the bar first; that the path is drawn with heavy lines is
    shown beside its length.
    """
    total = len(standing.steps)
    done = sum(step.state is StepState.SUCCESS for step in standing.steps)
    look = look_of(standing.state)
    glyph = look.ascii if ascii_only else look.glyph
    left: Cells = [
        (f" {glyph} {look.word}  ", look.style),
        (f"{done}/{total} done ", "ink--strong"),
    ]
    counts: Cells = [cell for state in _COUNTED for cell in _count(standing, state, ascii_only)]
    right = _length(standing.path, total, ascii_only)
    share = f" {done * 100 // total}%"
    taken = width_of(left) + len(share) + width_of(counts)
    if taken + width_of(right) + 2 > width:
        right = right[-1:] if taken + width_of(right[-1:]) + 2 <= width else []
    size = min(_MOST_BAR, width - taken - width_of(right) - 2)
    if size >= _LEAST_BAR:
        full, rest = bar(done / total, size, ascii_only=ascii_only)
        left += [(full, look.style), (rest, "ink--rule"), (share, "")]
    return spread([*left, *counts], right, width)


def step_row(step: StepRow | None, now: datetime, width: int, *, ascii_only: bool = False) -> Cells:
    """Return the selected step in words: whole title, state, tries, time, what it needs."""
    if step is None:
        return []
    look, dot = look_of(step.state), " - " if ascii_only else " · "
    tries = step_tries(step)
    facts = (f"try {tries}" if tries else "", step_elapsed(step, now), _needs(step))
    cells: Cells = [
        (f" {glyph_of(step.state, ascii_only=ascii_only)} ", look.style),
        (step_title(step), "ink--strong"),
        (dot + look.word, look.style),
        ("".join(dot + fact for fact in facts if fact), "ink--muted"),
    ]
    return fit(cells, width)


def _needs(step: StepRow) -> str:
    return f"after {safe_line(', '.join(step.needs), limit=200)}" if step.needs else ""


def _length(path: CriticalPath, total: int, ascii_only: bool) -> Cells:
    """Return `━━ critical path 4 steps, 1m 04s`; the sample of its line only if it is drawn."""
    if not path.steps:
        return []
    sample = ("==" if ascii_only else "━━") if path.marked_in(total) else ""
    length = plural(len(path.steps), "step")
    length += f", {duration(path.seconds)}" if path.seconds else ""
    return [(f"{sample} " if sample else "", "ink--strong"), (f"critical path {length} ", "")]


def _count(standing: Standing, state: StepState, ascii_only: bool) -> Iterable[tuple[str, str]]:
    """Return `● 2 running` for a state that some step is in."""
    number = sum(step.state is state for step in standing.steps)
    look = look_of(state)
    if number:
        yield f"  {glyph_of(state, ascii_only=ascii_only)} {number} {look.word}", look.style
