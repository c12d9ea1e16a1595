"""The graph of a run: boxes and edges, or a compact list where there is no room for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from foredeck.services.domain.states import StepState
from foredeck.services.domain.views import RunDetail, StepRow
from foredeck.widgets.dag.boxes import Face, Level, progress, structure_of
from foredeck.widgets.dag.paint import Scene, graph_row
from foredeck.widgets.formats import bar
from foredeck.widgets.line_view import LineView, differing
from foredeck.widgets.painting import Cells, spread, width_of
from foredeck.widgets.state_style import glyph_of, look_of
from foredeck.widgets.step_cells import TICKING_STATES, step_cells

if TYPE_CHECKING:
    from foredeck.widgets.dag.canvas import Canvas
    from foredeck.widgets.dag.graph import Graph
    from foredeck.widgets.dag.layout import Box

_LIST_BELOW = 80
_TICK = 0.5
_COUNTED = (
    StepState.RUNNING,
    StepState.WAITING,
    StepState.RETRY,
    StepState.FAILED,
    StepState.SKIPPED,
)


class DagView(LineView):
    """The steps of a run as a layered graph with a cursor that moves along the edges.

    The layout is made again only when steps or needs change, or the pane's size; a change
    of state, the pulse and the running times repaint a few cells each.
    """

    class StepSelected(Message):
        """A person chose a step (enter or click)."""

        def __init__(self, view: DagView, step_key: str) -> None:
            super().__init__()
            self.view = view
            self.step_key = step_key

        @property
        def control(self) -> DagView:
            return self.view

    DEFAULT_CSS = "DagView { overflow-x: auto; scrollbar-size-horizontal: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "go(0, -1)", "Up", show=False),
        Binding("down,j", "go(0, 1)", "Down", show=False),
        Binding("left,h", "go(-1, 0)", "Left", show=False),
        Binding("right,l", "go(1, 0)", "Right", show=False),
        Binding("v,L", "toggle_list", "List", tooltip="Show the steps as a list or as a graph"),
        Binding("plus,equals_sign", "zoom(1)", "Larger", show=False),
        Binding("minus", "zoom(-1)", "Smaller", show=False),
        Binding("0", "zoom(0)", "Fit", show=False),
    ]
    header_height = 1
    empty_text = "This run has no steps."
    loading_text = "No run is selected."

    pulse_enabled = True
    """Set to False to keep the glyphs of running steps still (low bandwidth)."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._steps: tuple[StepRow, ...] = ()
        self._run_id: str | None = None
        self._graph: Graph | None = None
        self._built_for: tuple[object, ...] = ()
        self._level: Level | None = None
        self._list_wanted = False
        self._pulse = False
        self._beats = 0
        self._lit: Canvas | None = None

    # What is shown ------------------------------------------------------------------------

    def update_run(self, detail: RunDetail | None) -> None:
        """Show a run; the selection stays unless it is another run's."""
        run_id = detail.run.id if detail else None
        if run_id != self._run_id:
            self._run_id = run_id
            self._cursor = 0
        old, self._steps = self._steps, detail.steps if detail else ()
        graph = self._graph
        self._rebuild()
        changed = differing(old, self._steps) if graph is self._graph else None
        self.set_blocks([step.key for step in self._steps], [1] * len(self._steps), changed)
        if changed:
            self.refresh_header()
        self.set_ticking(any(step.state in TICKING_STATES for step in self._steps), _TICK)

    def select_step(self, step_key: str) -> bool:
        """Put the selection on a step; False when the run has none of that key."""
        return self.cursor_key == step_key or self.move_cursor_to(step_key)

    @property
    def step_key(self) -> str | None:
        """The key of the selected step."""
        return self.cursor_key

    @property
    def listing(self) -> bool:
        """Whether the compact list is shown: on narrow terminals, or by key."""
        return self._list_wanted or self.app.size.width < _LIST_BELOW

    # Actions ------------------------------------------------------------------------------

    def action_activate(self) -> None:
        """Choose the selected step."""
        if self.cursor_key is not None:
            self.post_message(self.StepSelected(self, self.cursor_key))

    def action_go(self, dx: int, dy: int) -> None:
        """Move the selection along an edge or within its layer; in the list, up and down."""
        if self.listing or self._graph is None:
            self.action_cursor_by(dy)
        elif self.cursor_key and (key := self._graph.neighbour(self.cursor_key, dx, dy)):
            self.move_cursor_to(key)

    def action_toggle_list(self) -> None:
        """Switch between graph and list."""
        self._list_wanted = not self._list_wanted
        self._relayout()

    def action_zoom(self, step: int) -> None:
        """Make the boxes say more (1) or less (-1), or as much as fits (0)."""
        if self._graph is None:
            return
        level = self._graph.level + step
        self._level = Level(max(Level.TINY, min(Level.FULL, level))) if step else None
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
        if self.listing or self._graph is None:
            super().on_click(event)
            return
        x0, y0 = self._origin
        key = self._graph.at(event.x + self.scroll_offset.x - x0, self._line_at(event.y) - y0)
        if key is not None:
            self.move_cursor_to(key)
            self.action_activate()

    def cursor_moved(self) -> None:
        if self._graph is not None and self.cursor_key is not None:
            self._lit = self._graph.lines_of(self.cursor_key)
            self.refresh()

    def ticked(self) -> None:
        """Repaint the glyphs that pulse and, once a second, the times that run."""
        self._beats += 1
        self._pulse = self.pulse_enabled and self._beats % 2 == 1
        whole = self._beats % 2 == 0
        for index, step in enumerate(self._steps):
            if step.state in TICKING_STATES and (whole or self.pulse_enabled):
                self._refresh_step(index, whole=whole)

    # Painting -----------------------------------------------------------------------------

    def header_row(self, y: int, width: int) -> Cells:
        del y
        if not self._steps:
            return []
        done, total, longest = progress(self._steps, self.now())
        left: Cells = [(f" {done}/{total} done ", "ink--strong")]
        size = max(0, min(24, width - 40))
        full, rest = bar(done / total, size, ascii_only=self.ascii_only)
        left += [(full, "state--success"), (rest, "ink--rule"), (f" {done * 100 // total}%", "")]
        left += [cell for state in _COUNTED for cell in self._count(state)]
        right: Cells = [("critical path ", "ink--muted"), (longest + " ", "ink--strong")]
        room = width - width_of(left) - 2
        return spread(left, right if longest and width_of(right) <= room else [], width)

    def block_row(self, index: int, offset: int, width: int) -> Cells:
        del offset
        cells = step_cells(self._steps[index], width, self.now(), ascii_only=self.ascii_only)
        return [self.cursor_cell(index), *cells]

    def render_line(self, y: int) -> Strip:
        graph = self._graph
        if y < self.header_height or self.listing or graph is None or self._notice is not None:
            return super().render_line(y)
        x0, y0 = self._origin
        left, width = self.scroll_offset.x - x0, self.content_width
        cells, start = graph_row(self._scene(graph), self._line_at(y) - y0, left, left + width)
        strip = self.paint_styles.paint(cells, width_of(cells), self.rich_style)
        return strip.crop(left - start, left - start + width).adjust_cell_length(
            width, self.rich_style
        )

    def _scene(self, graph: Graph) -> Scene:
        steps = {step.key: step for step in self._steps}
        face = Face(graph.level, graph.box_width, self.now(), self._pulse, self.ascii_only)
        return Scene(graph, steps, face, self.cursor_key, self._lit)

    def _count(self, state: StepState) -> Iterable[tuple[str, str]]:
        """Return `● 2 running` for a state that some step is in."""
        number = sum(step.state is state for step in self._steps)
        look = look_of(state)
        if number:
            yield (
                f"  {glyph_of(state, ascii_only=self.ascii_only)} {number} {look.word}",
                look.style,
            )

    # Geometry -----------------------------------------------------------------------------

    @property
    def _origin(self) -> tuple[int, int]:
        """Where the graph's first cell is: centred where there is room, below a blank row."""
        if self._graph is None:
            return 0, 0
        spare_x = self.content_width - self._graph.layout.width
        spare_y = self._room - self._graph.layout.height
        return max(0, spare_x // 2), max(0, min(1, spare_y))

    def _line_at(self, y: int) -> int:
        return y - self.header_height + self.scroll_offset.y

    def _relayout(self) -> None:
        self._rebuild()
        self._resize_virtual()
        self._scroll_to_cursor()
        self.refresh()

    def _rebuild(self) -> None:
        """Lay the graph out again if structure, level or size have changed."""
        if self._graph is not None and self._graph.structure != structure_of(self._steps):
            self._graph = None
        if not self._steps or not self.size.width or self.listing:
            return
        size = (self.size.width, self._room)
        wanted = (structure_of(self._steps), self._level, size)
        if wanted != self._built_for or self._graph is None:
            # The layout is not needed for the first paint: most often the graph is not shown.
            from foredeck.widgets.dag.graph import build

            self._built_for = wanted
            self._graph = build(self._steps, self._level, *size)
            key = self.cursor_key or self._steps[0].key
            self._lit = self._graph.lines_of(key)

    def _resize_virtual(self) -> None:
        if self.listing or self._graph is None or self._notice is not None:
            super()._resize_virtual()
            return
        layout = self._graph.layout
        self.virtual_size = Size(layout.width, layout.height + self.header_height)

    def _anchor(self) -> tuple[str | None, int]:
        return super()._anchor() if self.listing else (None, 0)

    def _scroll_to_cursor(self) -> None:
        box = self._cursor_box()
        if self.listing or box is None:
            if self._keys:
                super()._scroll_to_cursor()
            return
        room = Size(self.content_width, self._room)
        x = _nearest(self.scroll_offset.x, box.x, box.width, room.width)
        y = _nearest(self.scroll_offset.y, box.y, box.height, room.height)
        if (x, y) != tuple(self.scroll_offset):
            self.scroll_to(x, y, animate=False, force=True)

    def _cursor_box(self) -> Box | None:
        if self._graph is None or self.cursor_key is None:
            return None
        return self._graph.layout.boxes.get(self.cursor_key)

    def refresh_block(self, index: int) -> None:
        """Repaint one step: its row in the list, its box in the graph."""
        if self.listing or self._graph is None:
            super().refresh_block(index)
        else:
            self._refresh_step(index, whole=True)

    def _refresh_step(self, index: int, *, whole: bool) -> None:
        """Repaint a step's box, or only the cells around its glyph."""
        if self.listing or self._graph is None:
            if whole:
                super().refresh_block(index)
            return
        box = self._graph.layout.boxes.get(self._steps[index].key)
        if box is None:
            return
        x0, y0 = self._origin
        x = box.x + x0 - self.scroll_offset.x
        y = box.y + y0 - self.scroll_offset.y + self.header_height
        inside = int(self._graph.level >= Level.COMPACT)
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
