"""How answers look: a table for people, one flat JSON object for programs."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from itertools import chain, repeat
from pathlib import Path
from typing import Any, TypeVar

import click

from foredeck.services.domain.safe_text import safe_line, safe_text

FC = TypeVar("FC", bound=Callable[..., Any] | click.Command)

GLYPHS = {
    "created": "·",
    "pending": "·",
    "queued": "·",
    "running": "▶",
    "in_progress": "▶",
    "waiting": "?",
    "retry": "↻",
    "success": "✓",
    "completed": "✓",
    "partial_success": "◐",
    "failed": "✗",
    "timeout": "✗",
    "lost": "✗",
    "missed": "✗",
    "started": "▶",
    "skipped": "–",
    "cancelled": "■",
}

_GAP = "  "
# A column of a table, and wrapped text, are at least this wide.
_LEAST = 8
# Under these headings stand ids, of this length. One that is cut could not be copied.
_IDS = frozenset({"Job", "Run", "Project", "Conversation", "Report"})
_ID_LENGTH = 12
_UNLIMITED = 10_000


def format_option(command: FC) -> FC:
    """Add `--format table|json` to a command."""
    option = click.option(
        "--format",
        "format_",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="A table for people, or JSON on stdout alone.",
    )
    return option(command)


def say(text: str) -> None:
    """Tell the person something, on stderr; a terminal that is gone hears nothing."""
    lines = _wrapped(safe_text(text), columns(sys.stderr))
    try:
        click.echo("\n".join(lines), err=True)
    except OSError:
        return


def put_json(answer: Any) -> None:
    """Write an answer to stdout as JSON."""
    click.echo(json.dumps(plain(answer), ensure_ascii=False, indent=2))


def put_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write rows to stdout as an aligned table; on a terminal it is no wider than that.

    The widest columns give way first: their cells are cut, and end with `…`. Ids are not cut.
    """
    lines = [list(header), *([safe_line(str(value)) for value in row] for row in rows)]
    widths = [max(map(width_of, column)) for column in zip(*lines, strict=True)]
    least = [_ID_LENGTH if name in _IDS else _LEAST for name in header]
    _narrow(widths, least, columns(sys.stdout) - len(_GAP) * (len(widths) - 1))
    for line in lines:
        cells = (_cell(text, width) for text, width in zip(line, widths, strict=True))
        click.echo(_GAP.join(cells).rstrip())


def put_pairs(pairs: Mapping[str, object]) -> None:
    """Write names and values to stdout, one pair a line; long values go on below."""
    width = max(map(width_of, pairs))
    room = max(_LEAST, columns(sys.stdout) - width - len(_GAP))
    for name, value in pairs.items():
        lines = _wrapped(safe_text(str(value)), room) or [""]
        names = chain([_cell(name, width)], repeat(" " * width))
        for start, line in zip(names, lines, strict=False):
            click.echo(f"{start}{_GAP}{line}".rstrip())


def columns(stream: Any) -> int:
    """Return the width of the terminal behind `stream`; without one, there is no limit."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or _UNLIMITED
    except (OSError, ValueError, AttributeError):
        return _UNLIMITED


def width_of(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    from rich.cells import cell_len

    return len(text) if text.isascii() else cell_len(text)


def state_word(state: Enum) -> str:
    """Return a state with its glyph, so that no meaning hangs on colour."""
    return f"{GLYPHS.get(state.value, ' ')} {state.value}"


def local_time(moment: datetime | None) -> str:
    """Return a time in the local zone, to the minute."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else "–"


def short_time(moment: datetime | None) -> str:
    """Return a time for a table: without its year while that is this one."""
    if moment is None:
        return "–"
    local = moment.astimezone()
    this_year = local.year == datetime.now().astimezone().year
    return local.strftime("%b %d %H:%M" if this_year else "%Y-%m-%d")


def plain(value: Any) -> Any:
    """Return records as what JSON can say; times are ISO 8601 in UTC."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value


def _narrow(widths: list[int], least: Sequence[int], room: int) -> None:
    """Make the widest columns narrower until they fit into `room`, none more than to its least."""
    while sum(widths) > room:
        wide = [index for index, width in enumerate(widths) if width > least[index]]
        if not wide:
            return
        widths[max(wide, key=widths.__getitem__)] -= 1


def _cell(text: str, width: int) -> str:
    """Return `text` as exactly `width` columns."""
    from rich.cells import set_cell_size

    if width_of(text) > width:
        return set_cell_size(text, width - 1) + "…"
    return text + " " * (width - width_of(text))


def _wrapped(text: str, width: int) -> list[str]:
    """Return the lines of `text` broken between words; what is indented stays so."""
    lines: list[str] = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip(" •-"))]
        lines += textwrap.wrap(
            line,
            max(width, _LEAST),
            subsequent_indent=" " * len(indent),
            drop_whitespace=True,
            break_on_hyphens=False,
            break_long_words=False,
            replace_whitespace=False,
        ) or [""]
    return lines
