"""What a task looks like in a row: pure functions from view models to cells."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from rich.cells import cell_len

from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import RunState
from foredeck.services.domain.tasks import TaskLine
from foredeck.widgets.formats import pad, pad_left, until
from foredeck.widgets.painting import Cells
from foredeck.widgets.state_style import WORD_WIDTH, glyph_of, look_of

# Widths with the gap before each: `in 59 min`, the glyph of a state, `12345/678`.
_WORD, _NEXT, _LAST, _COUNTS, _TAGS, _PROJECT = 5, 10, 2, 10, 17, 15
_LEAST_NAME = 16
_NAME_LENGTH = 200
PAUSED = "paused"
PUBLIC = "public"


class TaskColumns(NamedTuple):
    """Which columns a width has room for, and how wide the name is."""

    name: int
    next: bool
    last: bool
    word: bool
    counts: bool
    last_word: bool
    tags: bool
    project: bool


def columns_for(width: int) -> TaskColumns:
    """Return the columns that leave the name its least width; the last ones give way first."""
    costs = (_NEXT, _LAST, _WORD, _COUNTS, WORD_WIDTH + 1, _TAGS, _PROJECT)
    room, chosen = width - 3, []  # the cursor's bar, the glyph and the space behind it
    for cost in costs:
        fits = room - cost >= _LEAST_NAME
        chosen.append(fits)
        room -= cost if fits else 0
    return TaskColumns(max(0, room), *chosen)


def task_heading(width: int) -> Cells:
    """Return the caption row over the columns."""
    columns = columns_for(width)
    text = "   " + (pad("", _WORD) if columns.word else "")
    text += pad("task", columns.name)
    text += f" {pad('project', _PROJECT - 1)}" if columns.project else ""
    text += f" {pad('tags', _TAGS - 1)}" if columns.tags else ""
    text += f" {pad('next', _NEXT - 1)}" if columns.next else ""
    if columns.last:
        word = columns.last_word
        text += " " + pad("last" if word else "", 1 + (WORD_WIDTH + 1) * word)
    text += pad_left("ok/bad", _COUNTS) if columns.counts else ""
    return [(text, "ink--faint")]


def task_cells(
    row: TaskLine, width: int, now: datetime, *, paused: bool = False, ascii_only: bool = False
) -> Cells:
    """Return the row of a task (without the cursor's cell) in `width - 1` cells.

    `paused` says that all schedules are.
    """
    columns = columns_for(width)
    glyph, word, style = on_off(row, ascii_only=ascii_only)
    cells: Cells = [(glyph + " ", style)]
    if columns.word:
        cells.append((pad(word, _WORD), style))
    cells += _name(row, columns)
    if columns.project:
        cells.append((f" {pad(safe_line(row.project_name, limit=60), _PROJECT - 1)}", "ink--muted"))
    if columns.tags:
        cells += _tags(row)
    if columns.next:
        says = next_words(row, now, paused=paused, ascii_only=ascii_only)
        counted = says.startswith(("in ", "due"))
        cells.append((f" {pad(says, _NEXT - 1)}", "ink--strong" if counted else "ink--muted"))
    if columns.last:
        cells += _last(row, word=columns.last_word, ascii_only=ascii_only)
    if columns.counts:
        cells += _counts(row)
    return cells


def on_off(row: TaskLine, *, ascii_only: bool = False) -> tuple[str, str, str]:
    """Return the glyph, the word and the style that say whether a task may be executed."""
    task = row.task
    if task.deleted_at is not None:
        return ("/" if ascii_only else "■"), "gone", "state--cancelled"
    if task.active:
        return ("*" if ascii_only else "◉"), "on", "ink--accent"
    return ("." if ascii_only else "○"), "off", "ink--muted"


def next_words(
    row: TaskLine, now: datetime, *, paused: bool = False, ascii_only: bool = False
) -> str:
    """Return when the schedule is due next: `in 3 h`, `paused`, or a dash."""
    task, none = row.task, "-" if ascii_only else "–"
    if task.schedule is None or task.deleted_at is not None:
        return none
    if not task.active or not task.schedule.enabled:
        return "off"
    if paused:
        return PAUSED
    return until(task.next_at, now) if task.next_at is not None else none


def last_state(row: TaskLine) -> RunState | None:
    """Return how the last execution stands; one that works comes before one that has ended."""
    if row.running and row.last_state is None:
        return RunState.RUNNING
    return row.last_state


def tag_words(row: TaskLine) -> str:
    """Return the tags in one line, each with its mark."""
    return " ".join(f"#{safe_line(tag, limit=60)}" for tag in row.task.tags)


def _name(row: TaskLine, columns: TaskColumns) -> Cells:
    """Return the name; without a column of tags also that the task is public, if that fits."""
    task, width = row.task, columns.name
    name = safe_line(task.name, limit=_NAME_LENGTH)
    style = "ink--strong" if task.active else "ink--muted"
    mark = f"  {PUBLIC}" if task.public and not columns.tags else ""
    if not mark or cell_len(name) + len(mark) > width:
        return [(pad(name, width), style)]
    return [(name, style), (pad(mark, width - cell_len(name)), "ink--accent")]


def _tags(row: TaskLine) -> Cells:
    room = _TAGS - 1
    cells: Cells = [(" ", "")]
    if row.task.public:
        cells.append((pad(PUBLIC, len(PUBLIC) + 1), "ink--accent"))
        room -= len(PUBLIC) + 1
    return [*cells, (pad(tag_words(row), room), "ink--muted")]


def _last(row: TaskLine, *, word: bool, ascii_only: bool) -> Cells:
    state = last_state(row)
    if state is None:
        return [(" " * (_LAST + (WORD_WIDTH + 1) * word), "")]
    look = look_of(state)
    says = f" {pad(look.word, WORD_WIDTH)}" if word else ""
    return [(f" {glyph_of(state, ascii_only=ascii_only)}{says}", look.style)]


def _counts(row: TaskLine) -> Cells:
    task = row.task
    if not task.executions:
        return [(" " * _COUNTS, "")]
    good, bad = str(task.successes), str(task.failures)
    return [
        (pad_left(good, _COUNTS - len(bad) - 1), "ink--muted"),
        ("/", "ink--faint"),
        (bad, "state--failed" if task.failures else "ink--muted"),
    ]
