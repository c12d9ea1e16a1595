"""What stands in the box of a step, from a mere glyph to everything (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import StepState
from foredeck.services.domain.views import StepRow
from foredeck.widgets.formats import pad, shorten_middle
from foredeck.widgets.state_style import glyph_of, look_of
from foredeck.widgets.step_cells import note_of, step_elapsed, step_title, step_tries

if TYPE_CHECKING:
    from foredeck.widgets.painting import Cells

_PULSE = "•"


Structure = tuple[tuple[str, str, tuple[str, ...]], ...]
"""What a layout depends on: each step's key, title and needs."""


class Level(IntEnum):
    """How much a box says: its glyph, the title too, the time too, all that with a frame …"""

    DOT = 0
    TINY = 1
    SLIM = 2
    COMPACT = 3
    MEDIUM = 4
    FULL = 5


class _Size(NamedTuple):
    """Rows of a box, the least and greatest width between its borders, room beside the title.

    `beside` are the cells that the glyph, the spaces, and the tries or the time take.
    """

    height: int
    least: int
    most: int
    beside: int


_SIZES = {
    Level.DOT: _Size(1, 1, 1, 0),
    Level.TINY: _Size(1, 6, 24, 3),
    Level.SLIM: _Size(1, 12, 32, 10),
    Level.COMPACT: _Size(3, 14, 32, 12),
    Level.MEDIUM: _Size(4, 21, 32, 9),
    Level.FULL: _Size(5, 26, 40, 9),
}


class Frame(NamedTuple):
    """The characters of a box: the corners (two above, two below), then the lines."""

    corners: str
    horizontal: str
    vertical: str


class Marks(NamedTuple):
    """How a box stands out by its lines alone: the selected one, and those on the path."""

    chosen: bool = False
    on_path: bool = False


_PLAIN, _ON_PATH, _CHOSEN = Marks(), Marks(on_path=True), Marks(chosen=True)
_FRAMES = {
    _PLAIN: Frame("╭╮╰╯", "─", "│"),
    _ON_PATH: Frame("┏┓┗┛", "━", "┃"),
    _CHOSEN: Frame("╔╗╚╝", "═", "║"),
}
_ASCII_FRAMES = {
    _PLAIN: Frame("++++", "-", "|"),
    _ON_PATH: Frame("++++", "=", "|"),
    _CHOSEN: Frame("####", "#", "#"),
}
# The ends of a box of one row.
_ENDS = {_PLAIN: "[]", _ON_PATH: "┃┃", _CHOSEN: "▐▌"}
_ASCII_ENDS = {_PLAIN: "[]", _ON_PATH: "##", _CHOSEN: "><"}


class Face(NamedTuple):
    """How boxes are drawn now: level, width, time, and whether the pulse is on.

    A `plan` is not under way: in place of its state a step shows its kind.
    """

    level: Level
    width: int
    now: datetime
    pulse: bool = False
    ascii_only: bool = False
    plan: bool = False


def longest_title(steps: Sequence[StepRow]) -> int:
    """Return how many cells the longest title takes."""
    return max((cell_len(step_title(step)) for step in steps), default=0)


def box_size(longest: int, level: Level) -> tuple[int, int]:
    """Return the width and height of every box: all alike, so that columns line up."""
    size = _SIZES[level]
    inner = max(size.least, min(size.most, longest + size.beside))
    return inner + 2, size.height


def box_row(step: StepRow, offset: int, face: Face, marks: Marks) -> Cells:
    """Return row `offset` of a step's box in exactly `face.width` cells."""
    edge = "ink--accent" if marks.chosen else look_of(step.state).style
    lines = _PLAIN if not any(marks) else _CHOSEN if marks.chosen else _ON_PATH
    if face.level <= Level.SLIM:
        ends = (_ASCII_ENDS if face.ascii_only else _ENDS)[lines]
        style = "ink--edge" if lines == _PLAIN else edge
        return [(ends[:1], style), *_only_row(step, face), (ends[1:], style)]
    frame = (_ASCII_FRAMES if face.ascii_only else _FRAMES)[lines]
    if offset in (0, _SIZES[face.level].height - 1):
        return [(_border(frame, face, marks, top=offset == 0), edge)]
    row = (_title, _facts, _note)[offset - 1]
    return [(frame.vertical, edge), *row(step, face), (frame.vertical, edge)]


def _border(frame: Frame, face: Face, marks: Marks, *, top: bool) -> str:
    """Return the upper or lower line; selected, a box on the path still shows the path's line."""
    corners = frame.corners[:2] if top else frame.corners[2:]
    line = frame.horizontal
    if marks.chosen and marks.on_path:
        line = (_ASCII_FRAMES if face.ascii_only else _FRAMES)[_ON_PATH].horizontal
    return corners[0] + line * (face.width - 2) + corners[1]


def _only_row(step: StepRow, face: Face) -> Cells:
    """Return what stands between the ends of a box of one row: glyph, title, time."""
    glyph = (_glyph(step, face), look_of(step.state).style)
    if face.level is Level.DOT:
        return [glyph]
    spent = step_elapsed(step, face.now) if face.level is Level.SLIM else ""
    end = f" {spent}" if spent else ""
    title = _fitted(step_title(step), face.width - 4 - cell_len(end))
    return [glyph, (" " + title, _title_style(step, face)), (end, "ink--muted")]


def _title(step: StepRow, face: Face) -> Cells:
    """Return glyph, title, and at the right end the tries or the time, between the borders."""
    aside, aside_style = _aside(step, face)
    end = f" {aside} " if aside else " "
    room = face.width - 2 - 3 - cell_len(end)
    return [
        (f" {_glyph(step, face)} ", look_of(step.state).style),
        (_fitted(step_title(step), room), _title_style(step, face)),
        (end, aside_style),
    ]


def _fitted(title: str, width: int) -> str:
    """Return a title in exactly `width` cells; the instances of a step differ at the end."""
    return pad(shorten_middle(title, width), width)


def _glyph(step: StepRow, face: Face) -> str:
    if face.pulse and step.state is StepState.RUNNING and not face.ascii_only:
        return _PULSE
    return glyph_of(step.state, ascii_only=face.ascii_only)


def _title_style(step: StepRow, face: Face) -> str:
    faint = step.state in (StepState.PENDING, StepState.SKIPPED) and not face.plan
    return "ink--muted" if faint else "ink--strong"


def _aside(step: StepRow, face: Face) -> tuple[str, str]:
    if face.level is Level.COMPACT:
        return step_elapsed(step, face.now), "ink--muted"
    return step_tries(step), "state--retry" if step.attempt > 1 else "ink--muted"


def _facts(step: StepRow, face: Face) -> Cells:
    """Return the state's word and, at the right end, how long it took.

    Where the box has no row for it, what is wrong takes the place of the word: the glyph
    says already that it failed.
    """
    look = look_of(step.state)
    spent = step_elapsed(step, face.now)
    room = face.width - 2 - 3 - 2 - cell_len(spent)
    text = step.kind.value if face.plan else look.word
    if step.state is StepState.FAILED and face.level < Level.FULL:
        text = _remark(step, face)[0] or text
    style = look.style if step.state is StepState.RUNNING else "ink--muted"
    return [("   " + pad(text, room), look.style), (f" {spent} ", style)]


def _note(step: StepRow, face: Face) -> Cells:
    """Return the row for what is to be said: what is wrong or awaited, else the summary."""
    text, style = _remark(step, face)
    return [("   " + pad(text, face.width - 2 - 4) + " ", style)]


def _remark(step: StepRow, face: Face) -> tuple[str, str]:
    note = note_of(step, face.now)
    text, style = note or (safe_line(step.summary, limit=300), "ink--muted")
    return " ".join(text.split()), style


def structure_of(steps: Sequence[StepRow]) -> Structure:
    """Return what the layout depends on; a state is not part of it."""
    return tuple((step.key, step.title, step.needs) for step in steps)
