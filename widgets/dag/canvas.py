"""A sparse sheet of line characters: strokes that meet become the right junction (pure).

Each cell holds which of its four sides a line leaves through, as a bit mask; the character
follows from the mask, so a stroke drawn over another one turns `─` and `│` into `┼`.
"""

from __future__ import annotations

from collections.abc import Iterable

NORTH, EAST, SOUTH, WEST = 1, 2, 4, 8

Point = tuple[int, int]
"""A cell: column, row."""

_LINES = " ╵╶╰╷│╭├╴╯─┴╮┤┬┼"
_ASCII = " |-+||++-+-+++++"


class Canvas:
    """Cells that are not blank, by row and column."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[int, int]] = {}

    def add(self, x: int, y: int, mask: int) -> None:
        """Let lines leave the cell through the sides in `mask`, too."""
        row = self._rows.setdefault(y, {})
        row[x] = row.get(x, 0) | mask

    def stroke(self, start: Point, end: Point) -> None:
        """Draw a straight line between the middles of two cells.

        Raises:
            ValueError: The line is neither horizontal nor vertical.
        """
        (x0, y0), (x1, y1) = min(start, end), max(start, end)
        if x0 == x1:
            self._vertical(x0, y0, y1)
        elif y0 == y1:
            self._horizontal(y0, x0, x1)
        else:
            raise ValueError(f"A line from {start} to {end} is not straight.")

    def path(self, points: Iterable[Point]) -> None:
        """Draw straight lines from point to point."""
        previous: Point | None = None
        for point in points:
            if previous is not None:
                self.stroke(previous, point)
            previous = point

    def mask(self, x: int, y: int) -> int:
        """Return through which sides lines leave a cell; 0 for a blank one."""
        return self._rows.get(y, {}).get(x, 0)

    def text(self, y: int, start: int, end: int, *, ascii_only: bool = False) -> str:
        """Return the characters of row `y` from column `start` up to `end`."""
        row = self._rows.get(y)
        if row is None:
            return " " * max(0, end - start)
        characters = _ASCII if ascii_only else _LINES
        return "".join(characters[row.get(x, 0)] for x in range(start, end))

    def _vertical(self, x: int, top: int, bottom: int) -> None:
        for y in range(top, bottom + 1):
            mask = (NORTH if y > top else 0) | (SOUTH if y < bottom else 0)
            self.add(x, y, mask)

    def _horizontal(self, y: int, left: int, right: int) -> None:
        row = self._rows.setdefault(y, {})
        for x in range(left, right + 1):
            mask = (WEST if x > left else 0) | (EAST if x < right else 0)
            row[x] = row.get(x, 0) | mask
