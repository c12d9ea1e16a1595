"""A scrolling list of blocks of painted rows with a cursor: what most views are made of.

Only the visible rows are ever made. An update keeps the cursor on the same block (by its
key) and that block on the same row of the screen, so nothing jumps under the cursor (U6).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from foredeck.services.domain.safe_text import safe_text
from foredeck.widgets.formats import wrap
from foredeck.widgets.painting import (
    COMPONENT_CLASSES,
    CURSOR_BLURRED_CLASS,
    CURSOR_CLASS,
    Cell,
    Cells,
    PaintStyles,
    app_now,
    component_css,
)


class LineView(ScrollView, can_focus=True):
    """Blocks of rows, one of them under the cursor.

    Subclasses call `set_blocks` with a key and a height for each block and answer
    `block_row`; `header_row` answers the `header_height` rows that do not scroll.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENT_CLASSES)
    DEFAULT_CSS = (
        component_css("LineView")
        + """
LineView {
    width: 1fr;
    height: 1fr;
    overflow-x: hidden;
    overflow-y: auto;
    scrollbar-size-vertical: 1;
}
"""
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_by(-1)", "Up", show=False),
        Binding("down,j", "cursor_by(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("home", "cursor_end(-1)", "First", show=False),
        Binding("end,G", "cursor_end(1)", "Last", show=False),
        Binding("enter", "activate", "Open", show=False),
    ]

    header_height = 0
    empty_text = ""
    loading_text = "Loading…"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.paint_styles = PaintStyles(self)
        self._keys: list[str] = []
        self._starts: list[int] = [0]
        self._cursor = 0
        self._scroll_pending = False
        self._room_before = 0
        self._notice: list[Cell] | None = [(self.loading_text, "ink--muted")]
        self._ticker: Timer | None = None

    def now(self) -> datetime:
        """Return the app's time."""
        return app_now(self)

    # What subclasses say ------------------------------------------------------------------

    def block_row(self, index: int, offset: int, width: int) -> Cells:
        """Return row `offset` of block `index` in at most `width` cells."""
        raise NotImplementedError

    def header_row(self, y: int, width: int) -> Cells:
        """Return row `y` of the header."""
        del y, width
        return []

    def cursor_moved(self) -> None:
        """Take note that another block is under the cursor."""

    def action_activate(self) -> None:
        """Act on the block under the cursor (enter, click)."""

    def ticked(self) -> None:
        """Refresh the rows that show a running time; called each second while ticking."""

    # Blocks and the cursor ----------------------------------------------------------------

    def set_blocks(
        self, keys: Sequence[str], heights: Sequence[int], changed: Sequence[int] | None = None
    ) -> None:
        """Show these blocks; cursor and scroll position stay with the blocks they were on.

        When the same blocks stand in the same rows, only those whose indexes are in
        `changed` are painted again.
        """
        starts = [0, *accumulate(heights)]
        same = list(keys) == self._keys and starts == self._starts and self._notice is None
        if same and changed is not None:
            for index in changed:
                self.refresh_block(index)
            return
        anchor, screen_row = self._anchor()
        old_cursor = self.cursor_key
        self._keys = list(keys)
        self._starts = starts
        self._notice = None if keys else self._empty_notice()
        self._cursor = self._index_of(old_cursor, self._cursor)
        self._resize_virtual()
        if anchor in self._keys:
            start = self._starts[self._keys.index(anchor)]
            self._scroll_to_line(start - screen_row)
        if self.cursor_key != old_cursor:
            self.cursor_moved()
        self.refresh()

    def show_notice(self, *lines: tuple[str, str]) -> None:
        """Show lines (text, component classes) in place of the blocks until the next update."""
        self._notice = list(lines)
        self._resize_virtual()
        self.refresh()

    def show_error(self, message: str, advice: str = "") -> None:
        """Show that this view failed and what to do; the other panes go on."""
        self.show_notice((f"✗ {message}", "state--failed"), (advice, "ink--muted"))

    @property
    def cursor_key(self) -> str | None:
        """The key of the block under the cursor, None without blocks."""
        return self._keys[self._cursor] if self._keys else None

    @property
    def cursor_index(self) -> int:
        """The index of the block under the cursor."""
        return self._cursor

    @property
    def ascii_only(self) -> bool:
        """Whether the app asks for ASCII glyphs (class `-ascii` on the app)."""
        return self.app.has_class("-ascii")

    @property
    def content_width(self) -> int:
        """The cells of a row: the width without the scrollbar."""
        return self.scrollable_content_region.width

    def move_cursor(self, index: int, *, scroll: bool = True) -> None:
        """Put the cursor on a block; repaints only the two blocks concerned."""
        if not self._keys:
            return
        index = max(0, min(index, len(self._keys) - 1))
        old, self._cursor = self._cursor, index
        self.refresh_block(old)
        self.refresh_block(index)
        if scroll:
            self._scroll_to_cursor()
        if old != index:
            self.cursor_moved()

    def move_cursor_to(self, key: str) -> bool:
        """Put the cursor on the block with this key; False when there is none."""
        if key not in self._keys:
            return False
        self.move_cursor(self._keys.index(key))
        return True

    def refresh_block(self, index: int) -> None:
        """Repaint the visible rows of one block."""
        if 0 <= index < len(self._keys):
            start = self._starts[index]
            self.refresh_rows(start, self._starts[index + 1] - start)

    def refresh_header(self) -> None:
        """Repaint the rows that do not scroll."""
        self.refresh(Region(0, 0, self.size.width, self.header_height))

    def refresh_rows(self, line: int, count: int = 1) -> None:
        """Repaint rows of the blocks, without a layout; rows out of sight cost nothing."""
        top = line - self.scroll_offset.y + self.header_height
        shown = Region(0, self.header_height, self.size.width, self._room)
        region = Region(0, top, self.size.width, count).intersection(shown)
        if region:
            self.refresh(region)

    # Actions ------------------------------------------------------------------------------

    def action_cursor_by(self, step: int) -> None:
        """Move the cursor by blocks."""
        self.move_cursor(self._cursor + step)

    def action_page(self, step: int) -> None:
        """Move the cursor by about a screen of rows."""
        if self._keys:
            line = self._starts[self._cursor] + step * max(1, self._room - 1)
            self.move_cursor(self._block_at(max(0, min(line, self._starts[-1] - 1))))

    def action_cursor_end(self, direction: int) -> None:
        """Move the cursor to the first (-1) or the last (1) block."""
        self.move_cursor(0 if direction < 0 else len(self._keys) - 1)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is and act."""
        line = event.y - self.header_height + self.scroll_offset.y
        if event.y >= self.header_height and 0 <= line < self._starts[-1] and self._keys:
            self.move_cursor(self._block_at(line), scroll=False)
            self.action_activate()

    # Ticking ------------------------------------------------------------------------------

    def set_ticking(self, on: bool, interval: float = 1.0) -> None:
        """Call `ticked` at an interval while `on`; no timer exists before it is needed."""
        if on and self._ticker is None:
            self._ticker = self.set_interval(interval, self._tick)
        elif self._ticker is not None and on:
            self._ticker.resume()
        elif self._ticker is not None:
            self._ticker.pause()

    def _tick(self) -> None:
        """Tick only when somebody may be looking."""
        if self.is_attached and self.screen.is_active and self.display and self.app.app_focus:
            self.ticked()

    # Painting -----------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.content_width
        if y < self.header_height:
            return self._paint(self.header_row(y, width), "")
        line = y - self.header_height + self.scroll_offset.y
        if self._notice is not None:
            return self._paint_notice(line, width)
        if line >= self._starts[-1]:
            return self._paint([], "")
        index = self._block_at(line)
        offset = line - self._starts[index]
        at_cursor = index == self._cursor and offset == self.cursor_offset(index)
        row = self.cursor_class() if at_cursor else ""
        return self._paint(self.block_row(index, offset, width), row)

    def cursor_class(self) -> str:
        """Return the component class of the cursor's row."""
        return CURSOR_CLASS if self.has_focus else CURSOR_BLURRED_CLASS

    def cursor_offset(self, index: int) -> int:
        """Return which row of a block shows the cursor: the first one, unless overridden."""
        del index
        return 0

    def cursor_cell(self, index: int) -> Cell:
        """Return the first cell of a row: a bar on the cursor's row, so that it needs no colour."""
        if index != self._cursor:
            return (" ", "")
        if self.ascii_only:
            return (">" if self.has_focus else "-", "ink--accent")
        return ("▌", "ink--accent" if self.has_focus else "ink--edge")

    def notify_style_update(self) -> None:
        self.paint_styles.clear()
        super().notify_style_update()

    def _paint(self, cells: Cells, row: str) -> Strip:
        return self.paint_styles.paint(cells, self.content_width, self.rich_style, row)

    def _paint_notice(self, line: int, width: int) -> Strip:
        rows: Cells = []
        for text, style in self._notice or []:
            rows.extend((part, style) for part in wrap(safe_text(text), max(8, width - 2)))
        return self._paint([(" ", ""), rows[line]] if line < len(rows) else [], "")

    def _empty_notice(self) -> list[Cell]:
        return [(self.empty_text, "ink--muted")]

    # Scrolling ----------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Keep the cursor in sight, or bring it there if there was no room when that was asked."""
        del event
        room, self._room_before = self._room_before, self._room
        if not self._room:
            return
        if self._scroll_pending:
            self._scroll_pending = False
            self._scroll_to_cursor()
        elif self._is_cursor_within(room):
            LineView._scroll_to_cursor(self)  # what a view is in stays where it is

    def _is_cursor_within(self, room: int) -> bool:
        """Whether so many rows show the whole block under the cursor."""
        if not self._keys:
            return False
        start, end = self._starts[self._cursor], self._starts[self._cursor + 1]
        top = self.scroll_offset.y
        return top <= start and end <= top + room

    @property
    def _room(self) -> int:
        """The rows for blocks: the height without the header."""
        return max(0, self.size.height - self.header_height)

    def _block_at(self, line: int) -> int:
        """Return the index of the block that row `line` belongs to."""
        return max(0, min(bisect_right(self._starts, line) - 1, len(self._keys) - 1))

    def _index_of(self, key: str | None, fallback: int) -> int:
        """Return where `key` is now, else the nearest place to `fallback`."""
        if key is not None and key in self._keys:
            return self._keys.index(key)
        return max(0, min(fallback, len(self._keys) - 1))

    def _anchor(self) -> tuple[str | None, int]:
        """Return the block to hold still (the cursor's, else the first visible), and its row."""
        if not self._keys:
            return None, 0
        top = self.scroll_offset.y
        row = self._starts[self._cursor] - top
        if 0 <= row < self._room:
            return self._keys[self._cursor], row
        index = self._block_at(top)
        return self._keys[index], self._starts[index] - top

    def _resize_virtual(self) -> None:
        rows = len(self._notice) + 2 if self._notice is not None else self._starts[-1]
        self.virtual_size = Size(1, rows + self.header_height)

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """A bar that comes back stands where its view is now, not where that was."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    def _scroll_to_line(self, line: int) -> None:
        """Scroll so that row `line` is the first one, without animation."""
        if line != self.scroll_offset.y:
            self.scroll_to(y=max(0, line), animate=False, force=True)

    def _scroll_to_cursor(self) -> None:
        """Scroll as little as shows the cursor's block, or its beginning when it is taller."""
        if not self._room:
            # Not laid out yet: whatever is done now would hide the rows above for good.
            self._scroll_pending = True
            return
        start, end = self._starts[self._cursor], self._starts[self._cursor + 1]
        top = self.scroll_offset.y
        if start < top or end - start > self._room:
            self._scroll_to_line(start)
        elif end > top + self._room:
            self._scroll_to_line(end - self._room)


def differing(old: Sequence[object], new: Sequence[object]) -> list[int]:
    """Return the indexes at which `new` is not what `old` was."""
    return [i for i, item in enumerate(new) if i >= len(old) or old[i] != item]
