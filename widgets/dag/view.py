"""The graph of a run: boxes and edges, or a compact list where there is no room for them."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.strip import Strip

from foredeck.services.domain.states import RunState
from foredeck.services.domain.views import RunDetail, StepRow
from foredeck.widgets.dag.boxes import Level
from foredeck.widgets.dag.header import Standing, standing_row, step_row
from foredeck.widgets.dag.messages import GraphMessage, StepMessage
from foredeck.widgets.dag.picture import Picture
from foredeck.widgets.line_view import LineView, differing
from foredeck.widgets.painting import Cell, Cells, width_of
from foredeck.widgets.step_cells import TICKING_STATES, step_cells

_LIST_BELOW = 80
_TICK = 0.5
# Columns and rows that a press of a panning key moves the picture by.
_PAN = (8, 3)


class DagView(LineView):
    """The steps of a run as a layered graph with a cursor that moves along the edges.

    The layout is made again only when steps or needs change, or the pane's size; a change
    of state, the pulse and the running times repaint a few cells each.
    """

    class StepHighlighted(StepMessage):
        """The selection came to a step."""

    class StepSelected(StepMessage):
        """A person chose a step (enter or click)."""

    class StepShown(GraphMessage):
        """The selected step is another one, or is not as it was."""

    class UnfoldWanted(GraphMessage):
        """A person wants to read, or no longer to read, all about the selected step."""

    DEFAULT_CSS = "DagView { overflow-x: auto; scrollbar-size-horizontal: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "go(0, -1)", "Up", show=False),
        Binding("down,j", "go(0, 1)", "Down", show=False),
        Binding("left,h", "go(-1, 0)", "Left", show=False),
        Binding("right,l", "go(1, 0)", "Right", show=False),
        Binding("space", "unfold", "Explain", tooltip="Show all about the step: error, advice"),
        Binding("v,L", "toggle_list", "List", tooltip="Show the steps as a list or as a graph"),
        Binding("plus,equals_sign", "zoom(1)", "Larger", show=False),
        Binding("minus", "zoom(-1)", "Smaller", show=False),
        Binding("0", "zoom(0)", "Fit", show=False),
        Binding("shift+left", "pan(-1, 0)", "Pan left", show=False),
        Binding("shift+right", "pan(1, 0)", "Pan right", show=False),
        Binding("shift+up", "pan(0, -1)", "Pan up", show=False),
        Binding("shift+down", "pan(0, 1)", "Pan down", show=False),
    ]
    header_height = 2
    empty_text = "This run has no steps."
    loading_text = "No run is selected."

    pulse_enabled = True
    """Set to False to keep the glyphs of running steps still (low bandwidth)."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.picture = Picture()
        self._run_id: str | None = None
        self._run_state = RunState.CREATED
        self._list_wanted = False
        self._covered = 0
        self._pulse = False
        self._beats = 0

    # What is shown ------------------------------------------------------------------------

    def update_run(self, detail: RunDetail | None) -> None:
        """Show a run; the selection stays unless it is another run's."""
        run_id = detail.run.id if detail else None
        if run_id != self._run_id:
            self._run_id = run_id
            self._cursor = 0
        self._run_state = detail.run.state if detail else RunState.CREATED
        graph, old, shown = self.picture.graph, self.picture.steps, self.step
        self.picture.put(detail.steps if detail else ())
        self._rebuild()
        steps = self.picture.steps
        changed = differing(old, steps) if graph is self.picture.graph else None
        self.set_blocks([step.key for step in steps], [1] * len(steps), changed)
        self.refresh_header()
        self.set_ticking(any(step.state in TICKING_STATES for step in steps), _TICK)
        if self.step != shown:
            self.post_message(self.StepShown(self))

    def select_step(self, step_key: str) -> bool:
        """Put the selection on a step; False when the run has none of that key."""
        return self.cursor_key == step_key or self.move_cursor_to(step_key)

    @property
    def step_key(self) -> str | None:
        """The key of the selected step."""
        return self.cursor_key

    @property
    def step(self) -> StepRow | None:
        """The selected step as it is now."""
        return self.picture.by_key.get(self.cursor_key or "")

    @property
    def listing(self) -> bool:
        """Whether the compact list is shown: on narrow terminals, or by key."""
        return self._list_wanted or self.app.size.width < _LIST_BELOW

    def cover(self, rows: int) -> None:
        """Take note that so many rows at the bottom are covered: scroll what is selected free.

        The boxes stay where they are unless the selected one would be hidden.
        """
        if rows != self._covered:
            self._covered = rows
            self._resize_virtual()
            self._scroll_to_cursor()

    # Actions ------------------------------------------------------------------------------

    def action_activate(self) -> None:
        """Choose the selected step."""
        if self.cursor_key is not None:
            self.post_message(self.StepSelected(self, self.cursor_key))

    def action_unfold(self) -> None:
        """Show or hide all about the selected step."""
        self.post_message(self.UnfoldWanted(self))

    def action_go(self, dx: int, dy: int) -> None:
        """Move the selection along an edge or within its layer; in the list, up and down."""
        graph = self.picture.graph
        if self.listing or graph is None:
            self.action_cursor_by(dy)
        elif self.cursor_key and (key := graph.neighbour(self.cursor_key, dx, dy)):
            self.move_cursor_to(key)

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

    def action_toggle_list(self) -> None:
        """Switch between graph and list."""
        self._list_wanted = not self._list_wanted
        self._relayout()

    def action_zoom(self, step: int) -> None:
        """Make the boxes say more (1) or less (-1), or as much as fits (0)."""
        self.picture.zoom(step)
        self._relayout()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to switch to where only the list has room."""
        del parameters
        if action == "toggle_list" and self.app.size.width < _LIST_BELOW:
            return None
        return True

    def on_resize(self, event: events.Resize) -> None:
        """Lay the graph out again where the pane's size asks for it."""
        del event
        self._relayout()

    def on_click(self, event: events.Click) -> None:
        """Select the step under the mouse."""
        graph = self.picture.graph
        if self.listing or graph is None:
            super().on_click(event)
            return
        x0, y0 = self._origin
        key = graph.at(event.x + self.scroll_offset.x - x0, self._line_at(event.y) - y0)
        if key is not None:
            self.move_cursor_to(key)
            self.action_activate()

    def cursor_moved(self) -> None:
        self.picture.light(self.cursor_key)
        self.refresh()
        self.post_message(self.StepShown(self))
        if self.cursor_key is not None:
            self.post_message(self.StepHighlighted(self, self.cursor_key))

    def ticked(self) -> None:
        """Repaint the glyphs that pulse and, once a second, the times that run."""
        self._beats += 1
        self._pulse = self.pulse_enabled and self._beats % 2 == 1
        whole = self._beats % 2 == 0
        if whole:
            self._find_path()
            self.refresh_header()
        for index, step in enumerate(self.picture.steps):
            if step.state in TICKING_STATES and (whole or self.pulse_enabled):
                self._refresh_step(index, whole=whole)

    # Painting -----------------------------------------------------------------------------

    def header_row(self, y: int, width: int) -> Cells:
        if not self.picture.steps:
            return []
        if y == 0:
            picture = self.picture
            standing = Standing(self._run_state, picture.steps, picture.path, self.listing)
            return standing_row(standing, width, ascii_only=self.ascii_only)
        return step_row(self.step, self.now(), width, ascii_only=self.ascii_only)

    def block_row(self, index: int, offset: int, width: int) -> Cells:
        del offset
        step = self.picture.steps[index]
        cells = step_cells(step, width, self.now(), ascii_only=self.ascii_only)
        return [self.cursor_cell(index), *cells]

    def cursor_cell(self, index: int) -> Cell:
        """Return the first cell of a row of the list: the selection, else the critical path."""
        if index != self._cursor and self.picture.steps[index].key in self.picture.marked:
            return ("#" if self.ascii_only else "┃", "ink--strong")
        return super().cursor_cell(index)

    def render_line(self, y: int) -> Strip:
        pictured = self.picture.graph is not None and self._notice is None and not self.listing
        if y < self.header_height or not pictured:
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
    def _open_rows(self) -> int:
        """The rows for the picture that nothing covers."""
        return max(1, self._room - self._covered)

    def _line_at(self, y: int) -> int:
        return y - self.header_height + self.scroll_offset.y

    def _relayout(self) -> None:
        self._rebuild()
        self._resize_virtual()
        self._scroll_to_cursor()
        self.refresh()

    def _rebuild(self) -> None:
        """Lay the graph out if steps, level or size have changed, and mark what stands out."""
        self.header_height = 1 if self.listing else 2
        if self.size.width and not self.listing:
            graph = self.picture.graph
            self.picture.fit(self.size.width, self._room)
            if graph is not self.picture.graph:
                first = self.picture.steps[0].key
                self.picture.light(self.cursor_key or first)
        self._find_path()

    def _find_path(self) -> None:
        if self.picture.find_path(self.now()):
            self.refresh()

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
