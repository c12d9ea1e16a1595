"""How answers look: a table for people, one flat JSON object for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
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
    "skipped": "–",
    "cancelled": "■",
}


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
    """Tell the person something, on stderr."""
    click.echo(safe_text(text), err=True)


def put_json(answer: Any) -> None:
    """Write an answer to stdout as JSON."""
    click.echo(json.dumps(plain(answer), ensure_ascii=False, indent=2))


def put_table(header: Sequence[str], rows: Sequence[Sequence[object]], width: int = 48) -> None:
    """Write rows to stdout as an aligned table; long cells are cut at `width` columns."""
    cells = [[_cell(value, width) for value in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]
    for line in [list(header), *cells]:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def put_pairs(pairs: Mapping[str, object]) -> None:
    """Write names and values to stdout, one pair a line."""
    width = max(len(name) for name in pairs)
    for name, value in pairs.items():
        lines = safe_text(str(value)).splitlines() or [""]
        click.echo(f"{name.ljust(width)}  {lines[0]}".rstrip())
        for line in lines[1:]:
            click.echo(f"{' ' * width}  {line}".rstrip())


def state_word(state: Enum) -> str:
    """Return a state with its glyph, so that no meaning hangs on colour."""
    return f"{GLYPHS.get(state.value, ' ')} {state.value}"


def local_time(moment: datetime | None) -> str:
    """Return a time in the local zone, to the minute."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else "–"


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


def _cell(value: object, width: int) -> str:
    text = safe_line(str(value))
    return text if len(text) <= width else text[: width - 1] + "…"
