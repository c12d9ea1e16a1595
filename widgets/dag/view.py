"""The graph of a run: boxes and edges, or a compact list where there is no room for them."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from foredeck.services.domain.states import RunState
from foredeck.services.domain.views import RunDetail, StepRow
from foredeck.widgets.dag.header import Standing, standing_row, step_row
from foredeck.widgets.dag.messages import GraphMessage, StepMessage
from foredeck.widgets.dag.picture_view import PictureView
from foredeck.widgets.line_view import differing
from foredeck.widgets.painting import Cell, Cells
from foredeck.widgets.step_cells import TICKING_STATES, step_cells

_LIST_BELOW = 80
_TICK = 0.5


class DagView(PictureView):
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
        self._run_id: str | None = None
        self._run_state = RunState.CREATED
        self._list_wanted = False
        self._beats = 0

    # What is shown ------------------------------------------------------------------------

    def update_run(self, detail: RunDetail | None) -> None:
        """Show a run; the selection stays unless it is another run's."""
        run_id = detail.run.id if detail else None
        if another := run_id != self._run_id:
            self._run_id = run_id
            self._cursor = 0
        self._run_state = detail.run.state if detail else RunState.CREATED
        graph, old, shown = self.picture.graph, self.picture.steps, self.step
        self.picture.put(detail.steps if detail else ())
        self._rebuild()
        steps = self.picture.steps
        changed = differing(old, steps) if graph is self.picture.graph else None
        self.set_blocks([step.key for step in steps], [1] * len(steps), changed)
        if another:
            self.picture.light(self.cursor_key)
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
        if not self.pictured:
            super().on_click(event)
        elif key := self.step_at(event.x, event.y):
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

    # Geometry -----------------------------------------------------------------------------

    def _relayout(self) -> None:
        self._rebuild()
        self._show_layout()

    def _rebuild(self) -> None:
        """Lay the graph out if steps, level or size have changed, and mark what stands out."""
        self.header_height = 1 if self.listing else 2
        self.lay_out()
        self._find_path()

    def laid_out(self) -> None:
        self._find_path()
        self._show_layout()

    def _show_layout(self) -> None:
        self._resize_virtual()
        self._scroll_to_cursor()
        self.refresh()

    def _find_path(self) -> None:
        if self.picture.find_path(self.now()):
            self.refresh()
