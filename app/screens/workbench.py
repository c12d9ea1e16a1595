"""The one screen a person works in: projects, stages, output, graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from foredeck.app.screens.pane import Pane
from foredeck.app.screens.workbench_offers import WorkbenchOffers
from foredeck.services.domain.errors import ForedeckError
from foredeck.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from foredeck.app.screens.search_bar import SearchBar
    from foredeck.services.domain.views import RunRow
    from foredeck.widgets.dag.view import DagView
    from foredeck.widgets.project_tree import ProjectTree
    from foredeck.widgets.stage_table import StageTable
    from foredeck.widgets.terminal import messages

# Seconds before a run that is slow to come is announced with "Loading…".
_PATIENCE = 0.25
_BREAKPOINTS = [(0, "-narrow"), (80, "-normal"), (110, "-wide"), (160, "-vast")]


class Workbench(WorkbenchOffers):
    """Shows the run that is chosen, and turns what the panes say into selections and reads.

    It is painted as a frame of empty panes first; `furnish` puts the views into them.
    The messages of the views are handled by name, because naming their classes here
    would import them.
    """

    HORIZONTAL_BREAKPOINTS = _BREAKPOINTS
    AUTO_FOCUS = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield Pane(title="Projects", id="pane-projects")
            with Vertical(id="main"):
                yield Pane(title="Stages", id="pane-stages")
                with Horizontal(id="lower"):
                    yield Pane(title="Output", id="pane-output")
                    yield Pane(title="Graph", id="pane-graph")
        yield KeyBar()

    async def furnish(self) -> None:
        """Put the views into the panes; does nothing the second time."""
        from foredeck.app.screens.desk import Desk

        if self._desk is None:
            self._desk = Desk(self, self._frame_rate)
            await self._desk.mount()

    def working(self) -> tuple[RunRow, ...]:
        """Return the runs at work, as far as they are known."""
        if self._desk is None:
            return ()
        from foredeck.app.screens.selection import working_runs

        return working_runs(self._desk.reader.sidebar)

    # --- connection -------------------------------------------------------------------

    def show_opening(self) -> None:
        """Say that the data is being opened."""
        self.failure = None
        self.query_one("#pane-projects", Pane).say("Opening…")
        self.desk.view.clear("Opening…")
        self.refresh_bindings()

    def show_failure(self, error: ForedeckError) -> None:
        """Say why the data could not be opened, and what can be done."""
        self.failure = error
        self.query_one("#pane-projects", Pane).say("Not open.")
        self.desk.view.fail(error)
        self.refresh_bindings()

    def show_host(self) -> None:
        """The host is open: read everything."""
        self.failure = None
        self.show_silence(silent=False)
        self.desk.reader.read_all()
        self.refresh_bindings()

    def show_silence(self, *, silent: bool) -> None:
        """Say whose the host is, if it is another process, or that it does not answer."""
        other = self.shell.attached_to
        link = f"{other} does not answer" if silent else f"attached to {other}" if other else ""
        self.desk.status.update_link(link, fails=silent)

    def show_lost(self, error: ForedeckError) -> None:
        """The host is gone: what was read stays on the screen."""
        self.failure = error
        self.desk.status.update_link("the host is gone: ctrl+r takes over", fails=True)
        self.refresh_bindings()

    # --- selection --------------------------------------------------------------------

    def select_run(self, run_id: str) -> None:
        """Show a run and follow it."""
        from foredeck.app.screens.selection import project_of

        project_id = project_of(self.desk.reader.sidebar, run_id)
        if self.desk.selection.choose_run(run_id, project_id or self.desk.selection.project_id):
            self.desk.reader.mark_run(run_id)
            self.desk.reader.read_run()
            self.set_timer(_PATIENCE, self.desk.reader.show_loading)

    def on_project_tree_run_selected(self, event: ProjectTree.RunSelected) -> None:
        event.stop()
        self.remove_class("-tree")
        self.select_run(event.run_id)

    def on_project_tree_run_highlighted(self, event: ProjectTree.RunHighlighted) -> None:
        event.stop()
        self.select_run(event.run_id)

    def on_project_tree_project_selected(self, event: ProjectTree.ProjectSelected) -> None:
        event.stop()
        self.remove_class("-tree")
        self.desk.selection.choose_project(event.project_id)
        self.desk.tree.show_run(None)
        self.desk.reader.show_project()

    def on_project_tree_older_wanted(self, event: ProjectTree.OlderWanted) -> None:
        event.stop()
        self.desk.reader.read_older()

    def on_stage_table_step_selected(self, event: StageTable.StepSelected) -> None:
        event.stop()
        self._select_step(event.step_key)

    def on_stage_table_step_highlighted(self, event: StageTable.StepHighlighted) -> None:
        event.stop()
        self._select_step(event.step_key)

    def on_dag_view_step_selected(self, event: DagView.StepSelected) -> None:
        event.stop()
        self._select_step(event.step_key)

    def on_dag_view_step_highlighted(self, event: DagView.StepHighlighted) -> None:
        event.stop()
        self.desk.view.mark(event.step_key)
        self._select_step(event.step_key)

    def on_dag_view_unfold_wanted(self, event: DagView.UnfoldWanted) -> None:
        """Who unfolds a stage reads about it: the next one must not take its place."""
        event.stop()
        if event.view.step_key is not None:
            self.desk.selection.hold(event.view.step_key)

    def _select_step(self, step_key: str) -> None:
        view = self.desk.view
        if view.step is None or step_key != view.step.key:
            self.desk.selection.choose_step(step_key)
            view.show_step()
            self.refresh_bindings()

    # --- search and output ------------------------------------------------------------

    def on_search_bar_searched(self, event: SearchBar.Searched) -> None:
        event.stop()
        self.desk.output.search(event.text)

    def on_search_bar_stepped(self, event: SearchBar.Stepped) -> None:
        event.stop()
        if event.forward:
            self.desk.output.next_match()
        else:
            self.desk.output.previous_match()

    def on_output_pane_search_progress(self, event: messages.SearchProgress) -> None:
        event.stop()
        self.desk.search.say(event.summary)

    def on_output_pane_error_shown(self, event: messages.ErrorShown) -> None:
        event.stop()
        if event.line is None:
            self.shell.notice(event.summary)

    def on_output_pane_follow_changed(self, event: messages.FollowChanged) -> None:
        """Who scrolls up is reading: the next stage must not take the output away."""
        event.stop()
        selection, step = self.desk.selection, self.desk.view.step
        if not event.follow and step is not None:
            selection.hold(step.key)
        elif event.follow and selection.held:
            selection.follow()
            self.desk.view.show_step()
        self.desk.view.show_place()

    def on_output_pane_moved(self, event: messages.Moved) -> None:
        event.stop()
        self.desk.view.show_place()

    def on_search_bar_closed(self, event: SearchBar.Closed) -> None:
        event.stop()
        self.desk.output.search("")
        self.desk.output.focus()
