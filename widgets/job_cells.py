"""What a job and a batch look like in a row: pure functions from view models to cells."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from foredeck.services.domain.amounts import duration
from foredeck.services.domain.job_views import BatchCounts, JobRow, whole_percent
from foredeck.services.domain.jobs import CODEX, SHELL_COMMAND, Priority
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.widgets.formats import bar, elapsed, pad, pad_left, shorten
from foredeck.widgets.painting import Cells, fit, width_of
from foredeck.widgets.state_style import WORD_WIDTH, glyph_of, look_of

# Widths with the gap before each: `100%`, `59m 59s`, `255`.
_PERCENT, _ELAPSED, _EXIT = 5, 9, 5
_PRIORITY, _PROJECT, _TYPE, _BAR = 9, 15, 13, 9
_LEAST_NAME, _LEAST_BAR, _MOST_BAR = 16, 6, 20
_NAME_LENGTH = 200
# These move by themselves, so their rows are repainted each second.
TICKING_STATES = frozenset({JobState.IN_PROGRESS})


class JobColumns(NamedTuple):
    """Which columns a width has room for, and how wide the name is."""

    name: int
    word: bool
    elapsed: bool
    percent: bool
    exit: bool
    project: bool
    priority: bool
    bar: bool
    type: bool


def columns_for(width: int) -> JobColumns:
    """Return the columns that leave the name its least width; the last ones give way first."""
    wanted = {
        "elapsed": _ELAPSED,
        "word": WORD_WIDTH + 1,
        "percent": _PERCENT,
        "exit": _EXIT,
        "priority": _PRIORITY,
        "project": _PROJECT,
        "bar": _BAR,
        "type": _TYPE,
    }
    room, chosen = width - 3, set()  # the cursor's bar, the glyph and the space behind it
    for name, cost in wanted.items():
        if room - cost >= _LEAST_NAME:
            chosen.add(name)
            room -= cost
    names = ("word", "elapsed", "percent", "exit", "project", "priority", "bar", "type")
    return JobColumns(max(0, room), *(name in chosen for name in names))


def job_heading(width: int) -> Cells:
    """Return the caption row over the columns."""
    columns = columns_for(width)
    text = "   " + (pad("state", WORD_WIDTH + 1) if columns.word else "")
    text += pad("job", columns.name)
    text += f" {pad('type', _TYPE - 1)}" if columns.type else ""
    text += f" {pad('project', _PROJECT - 1)}" if columns.project else ""
    text += f" {pad('priority', _PRIORITY - 1)}" if columns.priority else ""
    text += " " * _BAR if columns.bar else ""
    text += pad_left("done", _PERCENT) if columns.percent else ""
    text += pad_left("elapsed", _ELAPSED) if columns.elapsed else ""
    text += pad_left("exit", _EXIT) if columns.exit else ""
    return [(text, "ink--faint")]


def job_title(row: JobRow) -> str:
    """Return the name of a job; that of a run's says which step it is, and of which run."""
    if row.run_id is None:
        return safe_line(row.name, limit=_NAME_LENGTH)
    return safe_line(f"{row.step_key or row.name} · {row.run_title}", limit=_NAME_LENGTH)


def _cut(row: JobRow, width: int) -> str:
    """Return the name in so many cells; of a job of a batch its number stays whole."""
    head, mark, number = job_title(row).rpartition(" (")
    if row.batch_index is None or not mark:
        return shorten(job_title(row), width)
    return shorten(head, max(1, width - len(mark) - len(number))) + mark + number


def job_type(row: JobRow) -> str:
    """Return the type in words."""
    plain = {SHELL_COMMAND: "command", CODEX: "codex"}
    return safe_line(plain.get(row.type, row.type.replace("_", " ")), limit=40)


def job_elapsed(row: JobRow, now: datetime) -> str:
    """Return how long a job has worked so far, empty before it starts."""
    return duration(elapsed(row.started_at, row.ended_at, now))


def job_cells(row: JobRow, width: int, now: datetime, *, ascii_only: bool = False) -> Cells:
    """Return the row of a job (without the cursor's cell) in `width - 1` cells."""
    columns, look = columns_for(width), look_of(row.state)
    ended = row.state in FINAL_JOBS
    cells: Cells = [(glyph_of(row.state, ascii_only=ascii_only) + " ", look.style)]
    if columns.word:
        cells.append((pad(look.word, WORD_WIDTH + 1), look.style))
    name = pad(_cut(row, columns.name), columns.name)
    cells.append((name, "ink--muted" if ended else "ink--strong"))
    if columns.type:
        cells.append((f" {pad(job_type(row), _TYPE - 1)}", "ink--muted"))
    if columns.project:
        project = safe_line(row.project_name, limit=60)
        cells.append((f" {pad(project, _PROJECT - 1)}", "ink--muted"))
    if columns.priority:
        cells.append(_priority(row))
    cells += _progress(row, columns, now, ascii_only)
    if columns.elapsed:
        style = look.style if row.state in TICKING_STATES else "ink--muted"
        cells.append((pad_left(job_elapsed(row, now), _ELAPSED), style))
    if columns.exit:
        code = "" if row.exit_code is None else str(row.exit_code)
        cells.append((pad_left(code, _EXIT), "state--failed" if row.exit_code else "ink--muted"))
    return cells


def _priority(row: JobRow) -> tuple[str, str]:
    word = row.priority.value if row.priority else ""
    raised = row.priority in {Priority.HIGH, Priority.CRITICAL} and row.state not in FINAL_JOBS
    return f" {pad(word, _PRIORITY - 1)}", "ink--strong" if raised else "ink--muted"


def _progress(row: JobRow, columns: JobColumns, now: datetime, ascii_only: bool) -> Cells:
    """Return the bar and the figure; both only while it works and something is known."""
    percent, words = job_progress(row, now)
    cells: Cells = []
    if columns.bar:
        full, rest = bar(percent / 100, _BAR - 1, ascii_only=ascii_only)
        drawn: Cells = [(" ", ""), (full, "state--running"), (rest, "ink--rule")]
        cells += drawn if words else [(" " * _BAR, "")]
    if columns.percent:
        cells.append((pad_left(words, _PERCENT), "ink--strong"))
    return cells


def job_progress(row: JobRow, now: datetime) -> tuple[float, str]:
    """Return how far a job at work is, and that as a word: `42%`, of an estimate `~42%`.

    The word is empty where nobody knows.
    """
    if row.state is not JobState.IN_PROGRESS:
        return 0.0, ""
    if row.progress:
        return row.progress, f"{whole_percent(row.progress)}%"
    estimate = row.estimate(now)
    return (0.0, "") if estimate is None else (estimate, f"~{estimate:.0f}%")


def batch_cells(
    row: JobRow, batch: BatchCounts, width: int, now: datetime, *, ascii_only: bool = False
) -> Cells:
    """Return the row of a batch: its name, how many of how many have ended, what went wrong."""
    look = look_of(row.state)
    cells: Cells = [(glyph_of(row.state, ascii_only=ascii_only) + " ", look.style)]
    if columns_for(width).word:
        cells.append((pad(look.word, WORD_WIDTH + 1), look.style))
    right: Cells = [(pad_left(job_elapsed(row, now), _ELAPSED), "ink--muted"), (" " * _EXIT, "")]
    counts = batch_counts(batch)
    figure = f" {batch.final}/{batch.total} "
    room = width - 1 - width_of([*cells, *right]) - len(figure)
    name = safe_line(row.name, limit=_NAME_LENGTH)
    name_width = min(width_of([(name, "")]), max(_LEAST_NAME, room - _MOST_BAR - width_of(counts)))
    cells += [(pad(name, min(name_width, room)), "ink--strong"), (figure, "ink--strong")]
    room = width - 1 - width_of([*cells, *right])
    size = min(_MOST_BAR, room - width_of(counts))
    if size >= _LEAST_BAR:
        full, rest = bar(batch.progress / 100, size, ascii_only=ascii_only)
        cells += [(full, look.style), (rest, "ink--rule")]
    cells = fit([*cells, *counts], width - 1 - width_of(right))
    return [*cells, (" " * (width - 1 - width_of([*cells, *right])), ""), *right]


def batch_counts(batch: BatchCounts) -> Cells:
    """Return how many of a batch ended otherwise than well, each count with its word."""
    counts = (
        (batch.failed, "failed", JobState.FAILED),
        (batch.timeout, "timeout", JobState.TIMEOUT),
        (batch.lost, "lost", JobState.LOST),
        (batch.cancelled, "cancelled", JobState.CANCELLED),
    )
    return [(f" {count} {word}", look_of(state).style) for count, word, state in counts if count]
