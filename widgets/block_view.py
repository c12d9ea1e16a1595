"""A view of blocks that may be taller than the screen: they are read through, then left."""

from __future__ import annotations

from collections.abc import Sequence

from foredeck.widgets.line_view import LineView


class BlockView(LineView):
    """Its cursor goes from block to block, and to those that begin a part."""

    def action_cursor_by(self, step: int) -> None:
        """Go to the next block; one that is taller than the view is read through first."""
        if not self._keys:
            return
        top, start = self.scroll_offset.y, self._starts[self.cursor_index]
        end = self._starts[self.cursor_index + 1]
        if step > 0 and start <= top + self._room < end:
            self._scroll_to_line(top + 1)
        elif step < 0 and start < top <= end:
            self._scroll_to_line(top - 1)
        else:
            super().action_cursor_by(step)

    def go_to_next_of(self, starts: Sequence[int], step: int) -> None:
        """Go to the next (1) or the previous (-1) of these blocks, and have it on top."""
        ahead = [index for index in starts if (index - self.cursor_index) * step > 0]
        if ahead:
            self.move_cursor(ahead[0] if step > 0 else ahead[-1], scroll=False)
            self._scroll_to_line(self._starts[self.cursor_index])
