"""What a step looks like in a row: shared by the stage table and the graph (pure)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from foredeck.services.domain.amounts import duration
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.states import StepState
from foredeck.services.domain.views import StepRow
from foredeck.widgets.formats import elapsed, pad, pad_left, shorten, tokens, wrap
from foredeck.widgets.state_style import WORD_WIDTH, glyph_of, look_of

if TYPE_CHECKING:
    from foredeck.widgets.painting import Cells

# Widths with the gap before each: `10/10`, `59m 59s`, `12.9k`.
_TRIES, _ELAPSED, _TOKENS = 6, 9, 7
_LEAST_TITLE = 14
# A title column wider than this leaves its rest to a remark beside the title.
_MOST_TITLE, _LEAST_REMARK = 24, 16
_DETAIL_ROWS = 200
# Notes that nobody has to act on are shown only where there is room for them.
_OPTIONAL_NOTES = frozenset({"ink--faint"})
# These move by themselves, so their rows are repainted each second.
TICKING_STATES = frozenset({StepState.RUNNING, StepState.RETRY})


class Columns(NamedTuple):
    """Which columns a width has room for, and how wide title and remark are."""

    title: int
    remark: int
    word: bool
    tries: bool
    elapsed: bool
    tokens: bool


def columns_for(width: int) -> Columns:
    """Return the columns that leave the title its least width; tokens give way first."""
    wanted = {
        "elapsed": _ELAPSED,
        "word": WORD_WIDTH + 1,
        "tries": _TRIES,
        "tokens": _TOKENS,
    }
    room = width - 4  # the cursor's bar, the glyph and the spaces around it
    chosen = set()
    for name, cost in wanted.items():
        if room - cost >= _LEAST_TITLE:
            chosen.add(name)
            room -= cost
    title = _MOST_TITLE if room >= _MOST_TITLE + _LEAST_REMARK else max(0, room)
    shown = (name in chosen for name in ("word", "tries", "elapsed", "tokens"))
    return Columns(title, max(0, room - title), *shown)


def heading(width: int) -> Cells:
    """Return the caption row over the columns."""
    columns = columns_for(width)
    text = "   " + (pad("state", WORD_WIDTH + 1) if columns.word else "")
    text += pad("stage", columns.title + columns.remark)
    text += pad_left("tries", _TRIES) if columns.tries else ""
    text += pad_left("elapsed", _ELAPSED) if columns.elapsed else ""
    text += pad_left("tokens", _TOKENS) if columns.tokens else ""
    return [(text, "ink--faint")]


def step_title(step: StepRow) -> str:
    """Return the title; a fresh instance of a step (`builder#2`) says which round it is."""
    title = safe_line(step.title or step.key, limit=120)
    _, hash_mark, number = step.key.partition("#")
    return f"{title} #{number}" if hash_mark and f"#{number}" not in title else title


def step_elapsed(step: StepRow, now: datetime) -> str:
    """Return how long a step has taken so far, empty before it starts."""
    return duration(elapsed(step.started_at, step.ended_at, now))


def step_tries(step: StepRow) -> str:
    """Return `attempt/max`, empty for a step that is never tried again and has not started."""
    if step.attempt == 0 or step.is_gate:
        return ""
    return f"{step.attempt}/{step.max_attempts}"


def step_cells(step: StepRow, width: int, now: datetime, *, ascii_only: bool = False) -> Cells:
    """Return the row of a step (without the cursor's cell) in `width - 1` cells."""
    columns = columns_for(width)
    look = look_of(step.state)
    faint = step.state in (StepState.PENDING, StepState.SKIPPED)
    cells: Cells = [(glyph_of(step.state, ascii_only=ascii_only) + " ", look.style)]
    if columns.word:
        cells.append((pad(look.word, WORD_WIDTH + 1), look.style))
    cells.append((pad(step_title(step), columns.title), "ink--muted" if faint else "ink--strong"))
    cells.append(remark_of(step, columns.remark, now))
    if columns.tries:
        style = "state--retry" if step.attempt > 1 else "ink--muted"
        cells.append((pad_left(step_tries(step), _TRIES), style))
    if columns.elapsed:
        running = step.state is StepState.RUNNING
        text = pad_left(step_elapsed(step, now), _ELAPSED)
        cells.append((text, look.style if running else "ink--muted"))
    if columns.tokens:
        count = tokens(step.usage.total) if step.usage.total else ""
        cells.append((pad_left(count, _TOKENS), "ink--muted"))
    return cells


def remark_of(step: StepRow, width: int, now: datetime) -> tuple[str, str]:
    """Return the cell beside the title: the step's note if it fits, else its summary."""
    if width <= 0:
        return ("", "")
    note = note_of(step, now)
    # Its line breaks, which a line of untrusted text shows as marks, say nothing here.
    summary = " ".join(step.summary.split())
    text, style = note or (safe_line(summary, limit=width * 2), "ink--muted")
    if note and cell_len(text) > width - 1 and style not in _OPTIONAL_NOTES:
        text = ""
    return pad(text, width), style


def needs_note_row(step: StepRow, width: int, now: datetime) -> bool:
    """Say whether a note matters and does not fit beside the title."""
    note = note_of(step, now)
    if note is None or note[1] in _OPTIONAL_NOTES:
        return False
    return cell_len(note[0]) > columns_for(width).remark - 1


def note_of(step: StepRow, now: datetime) -> tuple[str, str] | None:
    """Return the line under a step (text, component class): why it failed, waits or is skipped."""
    if step.state is StepState.RETRY:
        cause = step.failure.message if step.failure else step.reason
        return f"{retry_in(step, now)}{safe_line(cause, limit=300)}", "state--retry"
    if step.state is StepState.FAILED and (step.failure or step.reason):
        message = step.failure.message if step.failure else step.reason
        return safe_line(message, limit=300), "state--failed"
    if step.state in (StepState.WAITING, StepState.PENDING) and step.reason:
        return safe_line(step.reason, limit=300), "state--waiting"
    if step.state in (StepState.SKIPPED, StepState.CANCELLED) and step.reason:
        return safe_line(step.reason, limit=300), "ink--faint"
    return None


def retry_in(step: StepRow, now: datetime) -> str:
    """Return `next try in 4s · ` while a step backs off."""
    if step.retry_at is None:
        return ""
    seconds = max(0.0, (step.retry_at - now).total_seconds())
    return f"next try in {duration(float(int(seconds)))} · "


def explanation(step: StepRow, width: int) -> list[tuple[str, str]]:
    """Return the unfolded rows of a step: failure, advice, evidence; or its summary."""
    rows: list[tuple[str, str]] = []
    width = max(10, width)
    failure = step.failure
    if failure is not None and step.state is not StepState.SUCCESS:
        name = failure.failure_class.value.replace("_", " ")
        rows += _wrapped(f"{name}: {failure.message}", width, "state--failed")
        rows += _wrapped(failure.advice, width, "ink--strong")
        rows += _wrapped(failure.detail, width, "ink--muted")
    elif step.reason:
        rows += _wrapped(step.reason, width, "ink--muted")
    rows += _wrapped(step.summary, width, "")
    return rows[:_DETAIL_ROWS]


def _wrapped(text: str, width: int, style: str) -> list[tuple[str, str]]:
    """Return untrusted text as wrapped rows of one style; nothing for an empty text."""
    if not text.strip():
        return []
    return [(shorten(row, width), style) for row in wrap(safe_text(text).rstrip(), width)]
