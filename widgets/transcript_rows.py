"""The rows of one entry of a conversation: head line, text, tool arguments and result (pure)."""

from __future__ import annotations

import json
from typing import NamedTuple

from rich.cells import cell_len

from foredeck.services.domain.amounts import duration, plural
from foredeck.services.domain.records import Role
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import TranscriptEntry
from foredeck.widgets.formats import clock, tokens, wrap
from foredeck.widgets.painting import Cells, fit, spread

_INDENT = 4
# Longer lines are hard to read, however wide the terminal is.
_WIDEST = 112
# JSON beyond this many characters is shown as it is: taking it apart would hold up a frame.
_JSON_LIMIT = 200_000
# Rows shown of a long part while it is folded.
_FOLD_AFTER = {Role.SYSTEM: 3, Role.USER: 12, Role.ASSISTANT: 80, Role.TOOL: 8}
_ARGUMENT_ROWS = 6
# Two rows more than the fold keeps are shown whole: the fold's own row would save nothing.
_SLACK = 2
_NAMES = {Role.SYSTEM: "foredeck", Role.USER: "prompt", Role.ASSISTANT: "assistant"}
_STYLES = {
    Role.SYSTEM: "ink--faint",
    Role.USER: "ink--muted",
    Role.ASSISTANT: "",
    Role.TOOL: "ink--muted",
}


class Rows(NamedTuple):
    """The rows of an entry, and whether something of it is folded away or could be."""

    rows: tuple[Cells, ...]
    foldable: bool


def stage_row(title: str, attempt: int, width: int, *, ascii_only: bool = False) -> Cells:
    """Return the rule that begins the part of another stage or attempt."""
    line = "-" if ascii_only else "─"
    name = safe_line(title, limit=60) or "run"
    tries = f" · attempt {attempt}" if attempt > 1 else ""
    head: Cells = [(line * 2 + " ", "ink--rule"), (name, "ink--accent ink--bold"), (tries, "")]
    rest = max(0, width - 5 - cell_len(name) - len(tries))
    return fit([*head, (" " + line * rest, "ink--rule")], width)


def entry_rows(
    entry: TranscriptEntry, width: int, *, unfolded: bool, ascii_only: bool = False
) -> Rows:
    """Return an entry's rows in `width` cells; a blank one ends them."""
    body_width = max(10, min(width, _WIDEST) - _INDENT - 1)
    rows = [_head(entry, width, ascii_only=ascii_only)]
    hidden = foldable = 0
    for text, limit, style in _parts(entry):
        lines = _lines(text, body_width, structured=entry.role is Role.TOOL)
        shown = lines if unfolded or len(lines) <= limit + _SLACK else lines[:limit]
        hidden += len(lines) - len(shown)
        foldable += len(lines) > limit + _SLACK
        answer = entry.role is Role.TOOL and text is entry.content
        rows += _body(shown, style, ("`-" if ascii_only else "╰ ") if answer else "")
    if hidden:
        more = f"… {plural(hidden, 'more line')} · space unfolds"
        rows.append([(" " * _INDENT, ""), (more, "ink--faint")])
    rows.append([])
    return Rows(tuple(rows), foldable > 0)


def _parts(entry: TranscriptEntry) -> list[tuple[str, int, str]]:
    """Return the texts of an entry, with the rows each shows when folded, and its style."""
    parts = [(entry.content, _FOLD_AFTER[entry.role], _STYLES[entry.role])]
    if entry.role is Role.TOOL:
        parts.insert(0, (entry.arguments, _ARGUMENT_ROWS, "ink--strong"))
    return [part for part in parts if part[0].strip()]


def _lines(text: str, width: int, *, structured: bool) -> list[str]:
    """Return untrusted text as wrapped lines; a JSON object as `name: value` lines."""
    value = _parsed(text) if structured else None
    if not isinstance(value, dict):
        return wrap(safe_text(text).strip("\n"), width)
    return [line for name, item in value.items() for line in _field(str(name), item, width)]


def _head(entry: TranscriptEntry, width: int, *, ascii_only: bool) -> Cells:
    """Return the first row, without the cursor's cell: who or which tool, and the figures."""
    if entry.role is Role.TOOL:
        mark = ">" if ascii_only else "▸"
        tool = safe_line(entry.tool, limit=60) or "tool"
        left: Cells = [(f" {mark} ", "ink--accent"), (tool, "ink--strong ink--bold")]
    else:
        style = "ink--strong ink--bold" if entry.role is Role.ASSISTANT else "ink--muted ink--bold"
        left = [(" ", ""), (_NAMES[entry.role], style)]
    if not entry.complete:
        left.append(("  running…" if entry.role is Role.TOOL else "  writing…", "state--running"))
    facts = [safe_line(entry.model, limit=40)]
    facts.append(f"{tokens(entry.usage.total)} tokens" if entry.usage.total else "")
    facts.append(duration(entry.duration))
    right: Cells = [("  ".join(filter(None, facts)), "ink--muted")] if width >= 60 else []
    right.append((f"  {clock(entry.at)} ", "ink--faint"))
    return spread(left, right, width - 1)


def _body(lines: list[str], style: str, mark: str) -> list[Cells]:
    """Return indented rows; `mark` stands before the first one of a tool's answer."""
    first = " " * (_INDENT - len(mark)) + mark
    return [
        [(" " * _INDENT if number else first, "ink--faint"), (line, style)]
        for number, line in enumerate(lines)
    ]


def _field(name: str, item: object, width: int) -> list[str]:
    shown = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
    label = safe_line(name, limit=60)
    if "\n" not in shown.strip("\n"):
        return wrap(f"{label}: {safe_line(shown)}", width)
    inner = wrap(safe_text(shown).strip("\n"), max(8, width - 2))
    return [f"{label}:", *("  " + line for line in inner)]


def _parsed(text: str) -> object:
    if len(text) > _JSON_LIMIT or not text.lstrip().startswith("{"):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
