"""A sparse sheet of line characters: strokes that meet become the right junction (pure).

Each cell holds which of its four sides a line leaves through, as a bit mask; the character
follows from the mask, so a stroke drawn over another one turns `─` and `│` into `┼`. Laid
over a second sheet of heavy lines, the sides that are heavy there are drawn heavy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

NORTH, EAST, SOUTH, WEST = 1, 2, 4, 8

Point = tuple[int, int]
"""A cell: column, row."""

# By the weights of the four sides as a number of base three (north first): none, light, heavy.
_LINES = " ╵╹╶╰┖╺┕┗╷│╿╭├┞┍┝┡╻╽┃┎┟┠┏┢┣╴╯┚─┴┸╼┶┺╮┤┦┬┼╀┮┾╄┒┧┨┰╁╂┲╆╊╸┙┛╾┵┹━┷┻┑┥┩┭┽╃┯┿╇┓┪┫┱╅╉┳╈╋"
_ASCII = " |-+||++-+-+++++"
_ASCII_HEAVY = " #=#####=#=#####"
_BASE_THREE = tuple(sum(3**side for side in range(4) if mask >> side & 1) for mask in range(16))


class Canvas:
    """Cells that are not blank, by row and column."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[int, int]] = {}

    def add(self, x: int, y: int, mask: int) -> None:
        """Let lines leave the cell through the sides in `mask`, too."""
        row = self._rows.setdefault(y, {})
        row[x] = row.get(x, 0) | mask

    def paths(self, paths: Iterable[Sequence[Point]]) -> None:
        """Draw each path's straight lines from point to point.

        What lies on the same line of cells is joined before it is drawn: of five hundred
        edges that share a line, each cell is touched once.

        Raises:
            ValueError: A line is neither horizontal nor vertical.
        """
        across: dict[int, list[Point]] = defaultdict(list)
        down: dict[int, list[Point]] = defaultdict(list)
        for start, end in {stroke for path in paths for stroke in pairwise(path)}:
            (x0, y0), (x1, y1) = min(start, end), max(start, end)
            if x0 == x1:
                down[x0].append((y0, y1))
            elif y0 == y1:
                across[y0].append((x0, x1))
            else:
                raise ValueError(f"A line from {start} to {end} is not straight.")
        for y, spans in across.items():
            for left, right in _joined(spans):
                self._horizontal(y, left, right)
        for x, spans in down.items():
            for top, bottom in _joined(spans):
                self._vertical(x, top, bottom)

    def row(self, y: int) -> Mapping[int, int]:
        """Return the mask of each cell of row `y` that is not blank, by its column."""
        return self._rows.get(y, {})

    def mask(self, x: int, y: int) -> int:
        """Return through which sides lines leave a cell; 0 for a blank one."""
        return self.row(y).get(x, 0)

    def text(
        self, y: int, start: int, end: int, heavy: Canvas | None = None, *, ascii_only: bool = False
    ) -> str:
        """Return the characters of row `y` from column `start` up to `end`.

        The sides that lines leave through in `heavy` are drawn heavy.
        """
        row = self.row(y)
        if not row:
            return " " * max(0, end - start)
        over = heavy.row(y) if heavy else {}
        draw = _ascii if ascii_only else _line
        masks = ((row.get(x, 0), x) for x in range(start, end))
        return "".join(draw(mask, over.get(x, 0)) if mask else " " for mask, x in masks)

    def _vertical(self, x: int, top: int, bottom: int) -> None:
        for y in range(top, bottom + 1):
            mask = (NORTH if y > top else 0) | (SOUTH if y < bottom else 0)
            self.add(x, y, mask)

    def _horizontal(self, y: int, left: int, right: int) -> None:
        row = self._rows.setdefault(y, {})
        for x in range(left, right + 1):
            mask = (WEST if x > left else 0) | (EAST if x < right else 0)
            row[x] = row.get(x, 0) | mask


def _line(light: int, heavy: int) -> str:
    return _LINES[_BASE_THREE[light | heavy] + _BASE_THREE[heavy]]


def _ascii(light: int, heavy: int) -> str:
    return _ASCII_HEAVY[heavy] if heavy else _ASCII[light]


def _joined(spans: Iterable[Point]) -> list[Point]:
    """Return the spans with those that share a cell made one."""
    joined: list[Point] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined
