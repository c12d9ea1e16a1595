"""Token counts, times and shortened words: pure functions from values to text.

Widths are terminal cells, so a wide character counts two.
"""

from __future__ import annotations

from datetime import datetime

from rich.cells import cell_len, set_cell_size

ELLIPSIS = "…"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def elapsed(started: datetime | None, ended: datetime | None, now: datetime) -> float | None:
    """Return the seconds between start and end (or `now`), None before the start."""
    if started is None:
        return None
    return max(0.0, ((ended or now) - started).total_seconds())


def age(then: datetime, now: datetime) -> str:
    """Return how long ago something was in one unit of at most three cells, `now` to `99y`."""
    seconds = int((now - then).total_seconds())
    if seconds < _MINUTE:
        return "now"
    for size, unit, limit in ((_MINUTE, "m", 60), (_HOUR, "h", 24), (_DAY, "d", 100)):
        if seconds < size * limit:
            return f"{seconds // size}{unit}"
    weeks = seconds // (7 * _DAY)
    return f"{weeks}w" if weeks < 100 else f"{seconds // (365 * _DAY)}y"


def until(then: datetime, now: datetime) -> str:
    """Return how far off something is, to the nearest: `due`, `in 5 min`, `in 3 h`, `in 12 d`."""
    seconds = (then - now).total_seconds()
    if seconds <= 0:
        return "due"
    if seconds < 90 * _MINUTE:
        return f"in {-int(-seconds // _MINUTE)} min"
    if seconds < 36 * _HOUR:
        return f"in {round(seconds / _HOUR)} h"
    return f"in {round(seconds / _DAY):,} d"


def clock(at: datetime) -> str:
    """Return the local time of day, `14:03:09`."""
    return at.astimezone().strftime("%H:%M:%S")


def moment(at: datetime) -> str:
    """Return a local day and time without seconds, `2026-03-14 09:26`."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def tokens(count: int) -> str:
    """Return a count in at most five cells: `0`, `999`, `12.3k`, `123k`, `1.2M`, `45M`."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        # 999_950 rounds to 1000.0k, so the larger unit begins half a step earlier.
        if count >= size * 0.99995 and count >= 1_000:
            value = count / size
            return f"{value:.1f}{unit}" if value < 99.95 else f"{value:.0f}{unit}"
    return str(count)


def shorten(text: str, width: int) -> str:
    """Return `text` cut at its end to `width` cells; an ellipsis shows the cut."""
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    return set_cell_size(text, width - 1).rstrip() + ELLIPSIS


def shorten_middle(text: str, width: int) -> str:
    """Return `text` cut in its middle to `width` cells: both ends of a path stay readable."""
    if cell_len(text) <= width:
        return text
    if width <= 2:
        return shorten(text, width)
    tail_width = (width - 1) // 2
    tail = text
    while cell_len(tail) > tail_width:
        tail = tail[max(1, (cell_len(tail) - tail_width) // 2) :]
    return set_cell_size(text, width - 1 - cell_len(tail)) + ELLIPSIS + tail


def pad(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells, flush left."""
    return set_cell_size(shorten(text, width), width)


def pad_left(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells, flush right."""
    text = shorten(text, width)
    return " " * (width - cell_len(text)) + text


def bar(fraction: float, width: int, *, ascii_only: bool = False) -> tuple[str, str]:
    """Return the filled and the empty part of a bar of `width` cells; full means all of it."""
    filled = round(max(0.0, min(1.0, fraction)) * width)
    if fraction < 1:
        filled = min(filled, max(0, width - 1))
    full, empty = ("#", ".") if ascii_only else ("━", "─")
    return full * filled, empty * (width - filled)


def wrap(text: str, width: int) -> list[str]:
    """Return the lines of `text` broken at spaces to `width` cells, at least one line.

    Leading spaces of a line are kept (code stays indented); a word longer than the width is cut.
    """
    width = max(1, width)
    lines: list[str] = []
    for line in text.expandtabs(4).split("\n"):
        lines.extend(
            [line] if len(line) * 2 <= width or cell_len(line) <= width else _fold(line, width)
        )
    return lines


def _fold(line: str, width: int) -> list[str]:
    """Break one line that is wider than `width`."""
    parts: list[str] = []
    while cell_len(line) > width:
        cut = _cells_to_index(line, width)
        space = line.rfind(" ", 1, cut + 1)
        if space > 0 and line[:space].strip():
            parts.append(line[:space].rstrip())
            line = line[space + 1 :]
        else:
            parts.append(line[:cut])
            line = line[cut:]
    parts.append(line)
    return parts


def _cells_to_index(line: str, width: int) -> int:
    """Return how many characters of `line` fit into `width` cells, at least one."""
    index = min(len(line), width)
    if cell_len(line[:index]) <= width:
        return max(1, index)
    low, high = 1, index
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if cell_len(line[:middle]) <= width else (low, middle - 1)
    return low
