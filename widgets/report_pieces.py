"""What the text of a report is made of: pieces of rows, and how long texts become rows (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from foredeck.services.domain.report_model import Excerpt
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.widgets.formats import wrap
from foredeck.widgets.painting import Cells, spread

INDENT = "   "
# Longer lines are hard to read, however wide the terminal is.
WIDEST = 112
# Rows of a text that are shown of it while it is folded, and more than that of none.
FOLDED, MOST_ROWS = 3, 2000


class Piece(NamedTuple):
    """Rows that belong together, without the first cell of each, which is the cursor's.

    `line` makes the single row of a piece that has no `rows`: there may be thousands, of which
    a few are seen. `foldable` says that there is more to see of it, or less.
    """

    key: str
    rows: tuple[Cells, ...] = ()
    line: Callable[[], Cells] | None = None
    foldable: bool = False

    @property
    def height(self) -> int:
        """How many rows it has."""
        return 1 if self.line is not None else len(self.rows)

    def row(self, offset: int) -> Cells:
        """Return one of its rows."""
        return self.line() if self.line is not None else self.rows[offset]


class Paper(NamedTuple):
    """On what a report is written: its width, what is unfolded, and which glyphs there are.

    `kept` are the folded lines of the long parts by their names: they are the same until the
    report, the width or the glyphs change, whatever else is unfolded.
    """

    width: int
    unfolded: frozenset[str] = frozenset()
    ascii_only: bool = False
    kept: dict[str, list[Piece]] | None = None

    def is_open(self, key: str) -> bool:
        """Whether somebody wants to see all of that piece."""
        return key in self.unfolded

    @property
    def room(self) -> int:
        """The width of a text under its heading."""
        return max(10, min(self.width, WIDEST) - len(INDENT) - 1)


def heading(paper: Paper, key: str, title: str, count: int | None = None) -> Piece:
    """Return the row that begins a section; it says how much is in it, and folds it."""
    is_open = paper.is_open(key)
    mark = ("-" if is_open else "+") if paper.ascii_only else ("▾" if is_open else "▸")
    left: Cells = [(f"{mark} ", "ink--accent"), (title, "ink--accent ink--bold")]
    if count is not None:
        left.append((f"  {count:,}", "ink--muted"))
    right: Cells = [] if is_open else [("space unfolds ", "ink--faint")]
    return Piece(key, ([], spread(left, right, paper.width)), foldable=True)


def words(text: Excerpt | str, paper: Paper, style: str = "", indent: str = INDENT) -> list[Cells]:
    """Return a text as rows, all of it."""
    lines = _lines(text.text if isinstance(text, Excerpt) else text, paper.room)
    return [[(indent + line, style)] for line in lines]


def folded(
    text: Excerpt | str, paper: Paper, key: str, style: str = ""
) -> tuple[list[Cells], bool]:
    """Return the beginning of a text as rows, or all if `key` is unfolded; and if it can fold."""
    rows = words(text, paper, style)
    if len(rows) <= FOLDED + 1:
        return rows, False
    if paper.is_open(key):
        return rows, True
    more: Cells = [(f"{INDENT}… {len(rows) - FOLDED:,} more lines · space unfolds", "ink--faint")]
    return [*rows[:FOLDED], more], True


def field(label: str, text: str, paper: Paper, style: str = "") -> Iterator[Cells]:
    """Yield the rows of a fact with its label."""
    width = 11
    for number, line in enumerate(wrap(text, max(10, paper.room - width))):
        shown = "" if number else label
        yield [(f"{INDENT}{shown:<{width}}", "ink--faint"), (line, style)]


def one_line(text: Excerpt | str, limit: int = 300) -> str:
    """Return a text in one line."""
    return safe_line(text.text if isinstance(text, Excerpt) else text, limit=limit)


@lru_cache(maxsize=256)
def _lines(text: str, width: int) -> tuple[str, ...]:
    return tuple(wrap(safe_text(text, lines=MOST_ROWS).strip("\n"), width)[:MOST_ROWS])
