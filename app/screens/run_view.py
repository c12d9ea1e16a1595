"""The right side of the workbench: one run's header, stages, output and graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.screen import Screen

from foredeck.app.screens.pane import Pane
from foredeck.app.screens.selection import Selection
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.states import FINAL_STEPS
from foredeck.services.domain.views import RunDetail, StepRow
from foredeck.widgets.dag.view import DagView
from foredeck.widgets.formats import shorten
from foredeck.widgets.run_header import RunHeader
from foredeck.widgets.stage_table import StageTable
from foredeck.widgets.state_style import look_of
from foredeck.widgets.step_cells import step_title
from foredeck.widgets.terminal.output_pane import OutputPane

_TITLE_WIDTH = 40
_UNEXPECTED = ForedeckError("This pane could not be drawn.", "Details are in the log.")


class RunView:
    """Puts a run into the panes; a pane that breaks shows its error, the others go on."""

    def __init__(
        self, screen: Screen[None], selection: Selection, broken: Callable[[Exception], None]
    ) -> None:
        self._screen = screen
        self._selection = selection
        self._broken = broken
        self._shown: tuple[str, str] | None = None
        self._marked: tuple[str, str] | None = None
        self.detail: RunDetail | None = None
        self.step: StepRow | None = None

    @property
    def output(self) -> OutputPane:
        """The output pane."""
        return self._screen.query_one(OutputPane)

    def pane(self, name: str) -> Pane:
        """Return one of the panes `stages`, `output`, `graph`."""
        return self._screen.query_one(f"#pane-{name}", Pane)

    def show(self, detail: RunDetail) -> None:
        """Show a run, or its newer state; the cursor and the scroll position stay."""
        self.detail = detail
        self.step = self._selection.step_of(detail)
        self._fill("stages", self._fill_stages)
        self._fill("graph", self._fill_graph)
        self._fill("output", self._fill_output)

    def mark(self, step_key: str) -> None:
        """Take note that the graph's selection is on a step already: it may be ahead of us."""
        if self.detail is not None:
            self._marked = (self.detail.run.id, step_key)

    def show_step(self) -> None:
        """Show the stage that is selected or followed now."""
        if self.detail is not None:
            self.show(self.detail)

    def clear(self, text: str, hint: str = "") -> None:
        """Show a notice where a run would be."""
        self.detail = self.step = self._shown = None
        self.pane("stages").say("No run is selected.")
        self.pane("graph").say("No run is selected.")
        self.pane("output").say(text, hint)
        self.pane("output").set_title("Output")

    def loading(self) -> None:
        """Say that the run is being read."""
        self.clear("Loading…")
        self.pane("stages").say("Loading…")

    def fail(self, error: Exception) -> None:
        """Say why the run could not be read."""
        self.detail = self.step = self._shown = None
        for name in ("stages", "output", "graph"):
            self.pane(name).fail(error)

    def _fill(self, name: str, fill: Callable[[Pane, RunDetail], None]) -> None:
        pane = self.pane(name)
        try:
            if self.detail is not None:
                fill(pane, self.detail)
        except Exception as error:
            pane.fail(error if isinstance(error, ForedeckError) else _UNEXPECTED)
            self._broken(error)

    def _fill_stages(self, pane: Pane, detail: RunDetail) -> None:
        self._screen.query_one(RunHeader).update_run(detail)
        table = self._screen.query_one(StageTable)
        # Moving the cursor here is not the person's choice.
        with self._screen.prevent(StageTable.StepHighlighted):
            table.update_run(detail)
            if self.step is not None:
                table.select_step(self.step.key)
        pane.show_content()

    def _fill_graph(self, pane: Pane, detail: RunDetail) -> None:
        graph = self._screen.query_one(DagView)
        # Moving the selection here is not the person's choice.
        with self._screen.prevent(DagView.StepHighlighted):
            graph.update_run(detail)
            # Only when the stage changes: a person may be walking over the boxes.
            if self.step is not None and self._marked != (detail.run.id, self.step.key):
                self._marked = (detail.run.id, self.step.key)
                graph.select_step(self.step.key)
        pane.show_content()

    def _fill_output(self, pane: Pane, detail: RunDetail) -> None:
        step = self.step
        if step is None or step.output_path is None:
            self._shown = None
            self.output.show_file(None)
            pane.say(*_no_output(step))
        elif _was_removed(detail, step.output_path):
            self._shown = None
            self.output.show_file(None)
            pane.say(*_removed(detail, step))
        else:
            if self._shown != (detail.run.id, step.output_path):
                self._shown = (detail.run.id, step.output_path)
                self.output.show_file(Path(step.output_path), step_title(step))
            pane.show_content()
        self.show_place()

    def show_place(self) -> None:
        """Say in the pane's title whose output it is, and which part is in sight."""
        step = self.step
        place = ""
        if step is not None and self._shown is not None:
            view = self.output.view
            following = "" if step.state in FINAL_STEPS else " · following"
            place = following if view.follow else f" · {view.percent} %"
        name = f" · {shorten(step_title(step), _TITLE_WIDTH)}" if step else ""
        self.pane("output").set_title(f"Output{name}{place}")


def _was_removed(detail: RunDetail, path: str) -> bool:
    return detail.output_removed_at is not None and not Path(path).exists()


def _removed(detail: RunDetail, step: StepRow) -> tuple[str, str]:
    day = f"{detail.output_removed_at:%Y-%m-%d}"
    hint = "The run was not to be kept longer (run_retention_days). What is stored of it stays."
    return f"What {step_title(step)} printed was removed on {day}.", hint


def _no_output(step: StepRow | None) -> tuple[str, str]:
    if step is None:
        return "The run has no stages.", ""
    if step.reason:
        return f"{step_title(step)}: {look_of(step.state).word}.", step.reason
    return f"{step_title(step)} has no output yet.", "It appears here as soon as the stage begins."
