"""What stands in the box of a step, at three sizes (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from rich.cells import cell_len

from foredeck.services.domain.states import StepState
from foredeck.services.domain.views import StepRow
from foredeck.widgets.formats import duration, elapsed, pad
from foredeck.widgets.painting import Cells
from foredeck.widgets.state_style import glyph_of, look_of
from foredeck.widgets.step_cells import step_elapsed, step_title, step_tries

_PULSE = "•"


Structure = tuple[tuple[str, tuple[str, ...]], ...]
"""What a layout depends on: each step's key and needs."""


class Level(IntEnum):
    """How much a box says: title, title and time, the same with a frame, or everything."""

    TINY = 0
    SLIM = 1
    COMPACT = 2
    FULL = 3


# Rows of a box, and the least and greatest width between its borders.
_HEIGHT = {Level.TINY: 1, Level.SLIM: 1, Level.COMPACT: 3, Level.FULL: 4}
_WIDTHS = {
    Level.TINY: (6, 24),
    Level.SLIM: (12, 32),
    Level.COMPACT: (14, 32),
    Level.FULL: (21, 32),
}
# Cells that a box needs beside the title: glyph and spaces, and the tries or the time.
_BESIDE = {Level.TINY: 3, Level.SLIM: 10, Level.COMPACT: 12, Level.FULL: 9}


class Frame(NamedTuple):
    """The characters of a box: the corners (two above, two below), then the lines."""

    corners: str
    horizontal: str
    vertical: str


_PLAIN = Frame("╭╮╰╯", "─", "│")
_CHOSEN = Frame("┏┓┗┛", "━", "┃")
_ASCII_PLAIN = Frame("++++", "-", "|")
_ASCII_CHOSEN = Frame("####", "=", "#")


class Face(NamedTuple):
    """How boxes are drawn now: level, width, time, and whether the pulse is on."""

    level: Level
    width: int
    now: datetime
    pulse: bool = False
    ascii_only: bool = False


def box_size(steps: Sequence[StepRow], level: Level) -> tuple[int, int]:
    """Return the width and height of every box: all alike, so that columns line up."""
    longest = max((cell_len(step_title(step)) for step in steps), default=0)
    least, most = _WIDTHS[level]
    inner = max(least, min(most, longest + _BESIDE[level]))
    return inner + 2, _HEIGHT[level]


def box_row(step: StepRow, offset: int, face: Face, *, chosen: bool) -> Cells:
    """Return row `offset` of a step's box in exactly `face.width` cells."""
    style = look_of(step.state).style
    if face.level <= Level.SLIM:
        return _slim_row(step, face, chosen=chosen)
    frame = _frame(face, chosen)
    edge = "ink--accent" if chosen else style
    if offset in (0, _HEIGHT[face.level] - 1):
        first = 0 if offset == 0 else 2
        left, right = frame.corners[first], frame.corners[first + 1]
        return [(left + frame.horizontal * (face.width - 2) + right, edge)]
    inner = _title(step, face) if offset == 1 else _facts(step, face)
    return [(frame.vertical, edge), *inner, (frame.vertical, edge)]


def _frame(face: Face, chosen: bool) -> Frame:
    if face.ascii_only:
        return _ASCII_CHOSEN if chosen else _ASCII_PLAIN
    return _CHOSEN if chosen else _PLAIN


def _slim_row(step: StepRow, face: Face, *, chosen: bool) -> Cells:
    """Return the only row of a small box: glyph, title and time between brackets."""
    before, after = "[", "]"
    if chosen:
        before, after = (">", "<") if face.ascii_only else ("▐", "▌")
    edge = "ink--accent" if chosen else "ink--edge"
    spent = step_elapsed(step, face.now) if face.level is Level.SLIM else ""
    end = f" {spent}" if spent else ""
    title = (pad(step_title(step), face.width - 4 - cell_len(end)), _title_style(step))
    return [
        (before, edge),
        (_glyph(step, face) + " ", look_of(step.state).style),
        title,
        (end, "ink--muted"),
        (after, edge),
    ]


def _title(step: StepRow, face: Face) -> Cells:
    """Return glyph, title, and at the right end the tries or the time, between the borders."""
    aside, aside_style = _aside(step, face)
    end = f" {aside} " if aside else " "
    room = face.width - 2 - 3 - cell_len(end)
    return [
        (f" {_glyph(step, face)} ", look_of(step.state).style),
        (pad(step_title(step), room), _title_style(step)),
        (end, aside_style),
    ]


def _glyph(step: StepRow, face: Face) -> str:
    if face.pulse and step.state is StepState.RUNNING and not face.ascii_only:
        return _PULSE
    return glyph_of(step.state, ascii_only=face.ascii_only)


def _title_style(step: StepRow) -> str:
    faint = step.state in (StepState.PENDING, StepState.SKIPPED)
    return "ink--muted" if faint else "ink--strong"


def _aside(step: StepRow, face: Face) -> tuple[str, str]:
    if face.level is Level.COMPACT:
        return step_elapsed(step, face.now), "ink--muted"
    if face.level is Level.FULL and step.attempt > 1:
        return step_tries(step), "state--retry"
    return "", ""


def _facts(step: StepRow, face: Face) -> Cells:
    """Return the state's word and, at the right end, how long it took."""
    look = look_of(step.state)
    spent = step_elapsed(step, face.now)
    room = face.width - 2 - 3 - 1 - cell_len(spent)
    style = look.style if step.state is StepState.RUNNING else "ink--muted"
    return [("   " + pad(look.word, room), look.style), (spent + " ", style)]


def critical_path(steps: Sequence[StepRow], now: datetime) -> tuple[tuple[str, ...], float]:
    """Return the chain of steps that took longest so far, and its seconds."""
    by_key = {step.key: step for step in steps}
    best: dict[str, tuple[float, str | None]] = {}
    for step in steps:  # needs come first: steps stand in the order of the definition
        before = [(best[need][0], need) for need in step.needs if need in best]
        length, previous = max(before, default=(0.0, None))
        spent = elapsed(step.started_at, step.ended_at, now) or 0.0
        best[step.key] = (length + spent, previous)
    if not best:
        return (), 0.0
    key: str | None = max(best, key=lambda name: best[name][0])
    total = best[key][0] if key else 0.0
    chain: list[str] = []
    while key is not None and key in by_key:
        chain.append(key)
        key = best[key][1]
    return tuple(reversed(chain)), total


def progress(steps: Sequence[StepRow], now: datetime) -> tuple[int, int, str]:
    """Return done and total steps, and the length of the critical path as text."""
    done = sum(step.state is StepState.SUCCESS for step in steps)
    _, seconds = critical_path(steps, now)
    return done, len(steps), duration(seconds) if seconds else ""


def structure_of(steps: Sequence[StepRow]) -> Structure:
    """Return what the layout depends on."""
    return tuple((step.key, step.needs) for step in steps)
