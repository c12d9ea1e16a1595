"""Which lines of a long file are on screen; pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Viewport:
    """`height` rows from line `top` on, of `total` lines; `follow` keeps the end in sight."""

    top: int = 0
    height: int = 0
    total: int = 0
    follow: bool = True

    @property
    def last_top(self) -> int:
        """The lowest position: the last line on the last row."""
        return max(0, self.total - self.height)

    @property
    def at_end(self) -> bool:
        """Whether the last line is in sight."""
        return self.top >= self.last_top

    @property
    def percent(self) -> int:
        """How much of the file is above the lower edge, 0…100."""
        return 100 if self.at_end else min(99, (self.top + self.height) * 100 // self.total)

    def resize(self, height: int) -> None:
        """The screen has another height."""
        self.height = height
        self._settle()

    def grow(self, total: int, *, from_end: bool = False) -> None:
        """The file has another number of lines; `from_end` keeps the distance to its end."""
        if from_end:
            self.top += total - self.total
        self.total = total
        self._settle()

    def scroll(self, rows: int) -> None:
        """Move by so many rows; away from the end stops following, the end resumes it."""
        self.go(self.top + rows)

    def go(self, top: int) -> None:
        """Put a line on the first row, as far as there are lines below it."""
        self.top = max(0, min(top, self.last_top))
        self.follow = self.at_end

    def show(self, line: int) -> None:
        """Bring a line into sight, a third from the top if it is not; stop following."""
        if not self.top <= line < self.top + self.height:
            self.top = max(0, min(line - self.height // 3, self.last_top))
        self.follow = False

    def _settle(self) -> None:
        self.top = self.last_top if self.follow else max(0, min(self.top, self.last_top))

    def thumb(self) -> range:
        """Return the rows of the scroll bar's thumb; empty if everything is in sight."""
        if self.total <= self.height or self.height <= 0:
            return range(0)
        length = max(1, self.height * self.height // self.total)
        room = self.height - length
        start = room if self.at_end else min(room - 1, self.top * room // self.last_top)
        return range(max(0, start), max(0, start) + length)
