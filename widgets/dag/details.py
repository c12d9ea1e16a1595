"""All about the selected step, laid over the lower part of the graph."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message

from foredeck.services.domain.views import StepRow
from foredeck.widgets.dag.messages import GraphMessage
from foredeck.widgets.dag.view import DagView
from foredeck.widgets.painting import Cells, PaintedWidget, app_now
from foredeck.widgets.state_style import look_of
from foredeck.widgets.step_cells import explanation, retry_in

_INDENT = "   "
_LEAST_ROWS = 3


class StepSheet(PaintedWidget):
    """Why a step failed and what to do, the end of its output; or what it came to."""

    step: StepRow | None = None

    def rows(self, width: int) -> list[Cells]:
        if self.step is None:
            return [[(" No step is selected.", "ink--muted")]]
        lines = explanation(self.step, width - len(_INDENT) - 1)
        if waiting := retry_in(self.step, app_now(self)):
            lines.insert(0, (waiting.removesuffix(" · "), "state--retry"))
        lines = lines or [(f"Nothing to say yet: {look_of(self.step.state).word}.", "ink--muted")]
        return [[(_INDENT, ""), line] for line in lines]


class StepDetails(VerticalScroll):
    """The sheet of a step in a frame of its own; scrolls when it has the focus."""

    class FoldWanted(Message):
        """A person has read it."""

    DEFAULT_CSS = """
    StepDetails {
        dock: bottom;
        layer: above;
        background: $background;
        border-top: solid $border-blurred;
        scrollbar-size-vertical: 1;
    }
    StepDetails:focus { border-top: solid $border; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,escape", "fold", "Fold", tooltip="Hide what is said about the step"),
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
    ]

    def compose(self) -> ComposeResult:
        yield StepSheet()

    def show(self, step: StepRow | None) -> None:
        """Show another step, from its beginning, or the same one as it is now."""
        sheet = self.query_one(StepSheet)
        if sheet.step is None or step is None or sheet.step.key != step.key:
            self.scroll_home(animate=False, force=True)
        sheet.step = step
        sheet.refresh(layout=True)

    def rows_for(self, width: int) -> int:
        """Return how many rows it needs with its frame."""
        return len(self.query_one(StepSheet).rows(width - 1)) + 1

    def action_fold(self) -> None:
        """Ask to be hidden."""
        self.post_message(self.FoldWanted())


class GraphDesk(Vertical):
    """The graph, and over its lower half what the selected step has to say, if unfolded.

    It covers boxes and moves none: the graph keeps its size and scrolls the selected box
    into what is left.
    """

    DEFAULT_CSS = "GraphDesk { layers: below above; } GraphDesk > DagView { layer: below; }"

    def __init__(self, graph: DagView) -> None:
        super().__init__()
        self.graph = graph
        self.details = StepDetails()
        self.details.display = False

    def compose(self) -> ComposeResult:
        yield self.graph
        yield self.details

    @property
    def unfolded(self) -> bool:
        """Whether the details are shown."""
        return self.details.display

    def on_resize(self) -> None:
        self._fill()

    def on_dag_view_step_shown(self, event: GraphMessage) -> None:
        event.stop()
        self._fill()

    def on_dag_view_unfold_wanted(self) -> None:
        self.details.display = not self.unfolded
        self._fill()

    def on_step_details_fold_wanted(self, event: StepDetails.FoldWanted) -> None:
        event.stop()
        self.graph.focus()
        self.details.display = False
        self._fill()

    def _fill(self) -> None:
        """Show the selected step in as many rows as it needs, at most half of the pane."""
        if not self.unfolded:
            self.graph.cover(0)
            return
        self.details.show(self.graph.step)
        wanted = self.details.rows_for(self.size.width)
        rows = max(_LEAST_ROWS, min(wanted, self.size.height // 2))
        self.details.styles.height = rows
        self.graph.cover(rows)
