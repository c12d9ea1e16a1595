"""Where a picture of steps stands in a view: its origin, scrolling, and what is painted anew."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.worker import Worker

from foredeck.widgets.dag.boxes import Level
from foredeck.widgets.dag.picture import Picture, Wish
from foredeck.widgets.line_view import LineView
from foredeck.widgets.painting import width_of

if TYPE_CHECKING:
    from foredeck.widgets.dag.graph import Graph

# Columns and rows that a press of a panning key moves the picture by.
_PAN = (8, 3)


class PictureView(LineView):
    """A list of blocks (steps) that shows a picture of them in its place.

    The bottom of it may be covered, which changes how far it scrolls and moves no box. A large
    layout is made in a thread: until it is there, the picture before stays, if there is one.
    """

    DEFAULT_CSS = "PictureView { overflow-x: auto; scrollbar-size-horizontal: 1; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.picture = Picture()
        self._covered = 0
        self._pulse = False
        self._layouts: Worker[None] | None = None

    @property
    def listing(self) -> bool:
        """Whether the list is shown, not the picture; subclasses say when."""
        return False

    @property
    def pictured(self) -> bool:
        """Whether the picture is what is shown."""
        return self.picture.graph is not None and self._notice is None and not self.listing

    @property
    def is_laid_out(self) -> bool:
        """Whether the picture is that of the steps, the level and the size as they are now."""
        return self._wish() is None

    def lay_out(self) -> None:
        """Lay the picture out if it is shown and not as it should be; a large one in a thread.

        `laid_out` is called when one of those is there.
        """
        wish = self._wish()
        if wish is None:
            return
        if not wish.is_large:
            self._take(wish, wish.build())
        elif self._layouts is None or self._layouts.is_finished:
            self._layouts = self.run_worker(self._lay_out_aside(), group="layout")

    def laid_out(self) -> None:
        """Take note that another layout is there."""

    async def _lay_out_aside(self) -> None:
        """Lay out what is wanted until that is there; what nobody wants any more is dropped."""
        while wish := self._wish():
            graph = await asyncio.to_thread(wish.build)
            if wish == self._wish():
                self._take(wish, graph)
                self.laid_out()

    def _wish(self) -> Wish | None:
        """Return the layout that is missing, if any."""
        if self.listing or not self.size.width:
            return None
        return self.picture.wish(self.size.width, self._room)

    def _take(self, wish: Wish, graph: Graph) -> None:
        self.picture.take(wish, graph)
        self.picture.light(self.cursor_key or self.picture.steps[0].key)

    def step_at(self, x: int, y: int) -> str | None:
        """Return the step whose box is at a cell of the view."""
        if self.picture.graph is None or y < self.header_height:
            return None
        x0, y0 = self._origin
        return self.picture.graph.at(x + self.scroll_offset.x - x0, self._line_at(y) - y0)

    def cover(self, rows: int) -> None:
        """Take note that so many rows at the bottom are covered: scroll what is selected free.

        The boxes stay where they are unless the selected one would be hidden.
        """
        if rows != self._covered:
            self._covered = rows
            self._resize_virtual()
            self._scroll_to_cursor()

    def action_pan(self, dx: int, dy: int) -> None:
        """Move the picture, not the selection."""
        x, y = self.scroll_offset
        self.scroll_to(x + dx * _PAN[0], y + dy * _PAN[1], animate=False, force=True)

    def action_page(self, step: int) -> None:
        """Move the picture by a screen; in the list, the selection."""
        if self.listing:
            super().action_page(step)
        else:
            top = self.scroll_offset.y + step * max(1, self._open_rows - 1)
            self.scroll_to(y=top, animate=False, force=True)

    # Painting -----------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        if y >= self.header_height and self._is_awaited:
            cells = [("Drawing the graph…", "ink--muted")] if y == self.header_height else []
            strip = self.paint_styles.paint(cells, width_of(cells), self.rich_style)
            return strip.adjust_cell_length(self.content_width, self.rich_style)
        if y < self.header_height or not self.pictured:
            return super().render_line(y)
        x0, y0 = self._origin
        left, width = self.scroll_offset.x - x0, self.content_width
        face = self.picture.face(self.now(), pulse=self._pulse, ascii_only=self.ascii_only)
        line = self._line_at(y) - y0
        cells, start = self.picture.row(line, left, left + width, face, self.cursor_key)
        base = self.rich_style
        strip = self.paint_styles.paint(cells, width_of(cells), base)
        strip = strip.crop(left - start, left - start + width)
        return strip.adjust_cell_length(width, base)

    # Geometry -----------------------------------------------------------------------------

    @property
    def _origin(self) -> tuple[int, int]:
        """Where the graph's first cell is: centred where there is room, below a blank row.

        A scrollbar that comes or goes does not move it.
        """
        if self.picture.graph is None:
            return 0, 0
        layout = self.picture.graph.layout
        spare_x, spare_y = self.size.width - layout.width, self._room - layout.height
        return max(0, spare_x // 2), max(0, min(1, spare_y))

    @property
    def _is_awaited(self) -> bool:
        """Whether there is no picture yet of the steps that are to be shown as one."""
        is_there = self.picture.graph is not None or self.listing
        return bool(self.picture.steps) and self._notice is None and not is_there

    @property
    def _open_rows(self) -> int:
        """The rows for the picture that nothing covers."""
        return max(1, self._room - self._covered)

    def _line_at(self, y: int) -> int:
        return y - self.header_height + self.scroll_offset.y

    def _resize_virtual(self) -> None:
        graph = self.picture.graph
        if self.listing or graph is None or self._notice is not None:
            super()._resize_virtual()
            width, height = self.virtual_size
        else:
            width, height = graph.layout.width, graph.layout.height + self.header_height
        self.virtual_size = Size(width, height + self._covered)

    def _anchor(self) -> tuple[str | None, int]:
        return super()._anchor() if self.listing else (None, 0)

    def _scroll_to_cursor(self) -> None:
        box = self.picture.box(self.cursor_key)
        if self.listing or box is None:
            self._scroll_list()
            return
        x = _nearest(self.scroll_offset.x, box.x, box.width, self.content_width)
        y = _nearest(self.scroll_offset.y, box.y, box.height, self._open_rows)
        if (x, y) != tuple(self.scroll_offset):
            self.scroll_to(x, y, animate=False, force=True)

    def _scroll_list(self) -> None:
        if self._keys:
            super()._scroll_to_cursor()
            line = self._starts[self._cursor]
            self._scroll_to_line(_nearest(self.scroll_offset.y, line, 1, self._open_rows))

    def refresh_block(self, index: int) -> None:
        """Repaint one step: its row in the list, its box in the graph."""
        self._refresh_step(index, whole=True)

    def _refresh_step(self, index: int, *, whole: bool) -> None:
        """Repaint a step's row, its box, or only the cells around its glyph."""
        if self.listing or self.picture.graph is None:
            if whole:
                super().refresh_block(index)
            return
        box = self.picture.box(self._keys[index]) if index < len(self._keys) else None
        if box is None:
            return
        x0, y0 = self._origin
        x = box.x + x0 - self.scroll_offset.x
        y = box.y + y0 - self.scroll_offset.y + self.header_height
        inside = int(self.picture.graph.level >= Level.COMPACT)
        area = Region(x, y, box.width, box.height)
        if not whole:
            area = Region(x + 1, y + inside, 2, 1)
        shown = Region(0, self.header_height, self.size.width, self._room)
        if region := area.intersection(shown):
            self.refresh(region)


def _nearest(offset: int, start: int, length: int, room: int) -> int:
    """Return the scroll offset nearest to `offset` that shows start…start+length."""
    if start < offset or length > room:
        return start
    return max(offset, start + length - room)
