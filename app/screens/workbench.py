"""The one screen a person works in: projects, stages, output, graph."""

from __future__ import annotations

from typing import ClassVar

from foredeck.app.screens.actions import ACTIONS, Situation, why_not
from foredeck.app.screens.pane import Pane
from foredeck.app.screens.run_actions import RunActions
from foredeck.app.screens.run_reader import HostReader
from foredeck.app.screens.run_view import RunView
from foredeck.app.screens.search_bar import SearchBar
from foredeck.app.screens.selection import Selection, project_of, working_runs
from foredeck.app.screens.shell import Shell, shell_of
from foredeck.services.domain.errors import ForedeckError, NotFound
from foredeck.services.domain.views import RunDetail
from foredeck.widgets.dag.view import DagView
from foredeck.widgets.key_bar import KeyBar
from foredeck.widgets.project_tree import ProjectTree
from foredeck.widgets.run_header import RunHeader
from foredeck.widgets.stage_table import StageTable
from foredeck.widgets.status_bar import StatusBar
from foredeck.widgets.terminal import messages
from foredeck.widgets.terminal.file_view import FRAME_RATE
from foredeck.widgets.terminal.output_pane import OutputPane
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget

# Seconds before a run that is slow to come is announced with "Loading…".
_PATIENCE = 0.25
_BREAKPOINTS = [(0, "-narrow"), (80, "-normal"), (110, "-wide"), (160, "-vast")]
_PANES: dict[str, type[Widget]] = {
    "projects": ProjectTree,
    "stages": StageTable,
    "output": OutputPane,
    "graph": DagView,
}


class Workbench(Screen[None]):
    """Turns keys and messages of the panes into selections, reads and actions."""

    HORIZONTAL_BREAKPOINTS = _BREAKPOINTS
    AUTO_FOCUS = "ProjectTree"
    BINDINGS: ClassVar[list[BindingType]] = [action.to_binding() for action in ACTIONS]

    def __init__(self, frame_rate: float = FRAME_RATE) -> None:
        """`frame_rate` bounds how often the output is repainted, in frames a second."""
        super().__init__()
        self._frame_rate = frame_rate
        self.failure: ForedeckError | None = None
        self.selection = Selection()
        self.view = RunView(self, self.selection, self._broken)
        self.run_actions = RunActions(self, self.refresh_bindings)
        self.reader = HostReader(
            self,
            self.selection,
            self.view,
            refreshed=self.refresh_bindings,
            broken=self._broken,
        )

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield Pane(ProjectTree(), title="Projects", id="pane-projects")
            with Vertical(id="main"):
                yield Pane(RunHeader(), StageTable(), title="Stages", id="pane-stages")
                with Horizontal(id="lower"):
                    output = OutputPane(frame_rate=self._frame_rate)
                    yield Pane(output, title="Output", id="pane-output", below=SearchBar())
                    yield Pane(DagView(), title="Graph", id="pane-graph")
        yield StatusBar()
        yield KeyBar()

    def on_mount(self) -> None:
        self.shell.changed.subscribe(self, self.reader.apply)

    @property
    def shell(self) -> Shell:
        """The application."""
        return shell_of(self)

    # --- connection -------------------------------------------------------------------

    def show_opening(self) -> None:
        """Say that the data is being opened."""
        self.failure = None
        self.query_one("#pane-projects", Pane).say("Opening…")
        self.view.clear("Opening…")
        self.refresh_bindings()

    def show_failure(self, error: ForedeckError) -> None:
        """Say why the data could not be opened, and what can be done."""
        self.failure = error
        self.query_one("#pane-projects", Pane).say("Not open.")
        self.view.fail(error)
        self.refresh_bindings()

    def show_host(self) -> None:
        """The host is open: read everything."""
        self.reader.read_all()
        self.refresh_bindings()

    def _broken(self, error: Exception) -> None:
        if not isinstance(error, ForedeckError):
            self.shell.show_error(error)

    # --- which actions apply ----------------------------------------------------------

    @property
    def situation(self) -> Situation:
        """What decides which actions apply."""
        return Situation(
            connected=self.shell.host is not None,
            failed=self.failure is not None,
            run=self.view.detail,
            step=self.view.step,
            cancelling=self.selection.run_id in self.run_actions.cancelling,
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        del parameters
        return not why_not(action, self.situation)

    def on_key(self, event: events.Key) -> None:
        """Say why a key does nothing now."""
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            reason = why_not(binding.action.partition("(")[0], self.situation)
            if reason:
                self.shell.notice(f"{binding.description}: {reason}", "warning")
                event.stop()

    # --- selection --------------------------------------------------------------------

    def select_run(self, run_id: str) -> None:
        """Show a run and follow it."""
        project_id = project_of(self.reader.sidebar, run_id)
        if self.selection.choose_run(run_id, project_id or self.selection.project_id):
            with self.prevent(ProjectTree.RunHighlighted):
                self.query_one(ProjectTree).show_run(run_id)
            self.reader.read_run()
            self.set_timer(_PATIENCE, self.reader.show_loading)

    @on(ProjectTree.RunSelected)
    def _run_selected(self, event: ProjectTree.RunSelected) -> None:
        event.stop()
        if not isinstance(event, ProjectTree.RunHighlighted):
            self.remove_class("-tree")
        self.select_run(event.run_id)

    @on(ProjectTree.ProjectSelected)
    def _project_selected(self, event: ProjectTree.ProjectSelected) -> None:
        event.stop()
        self.remove_class("-tree")
        self.selection.choose_project(event.project_id)
        self.query_one(ProjectTree).show_run(None)
        self.reader.show_project()

    @on(StageTable.StepSelected)
    @on(DagView.StepSelected)
    def _step_selected(self, event: StageTable.StepSelected | DagView.StepSelected) -> None:
        event.stop()
        if self.view.step is None or event.step_key != self.view.step.key:
            self.selection.step_key = event.step_key
            self.view.show_step()
            self.refresh_bindings()

    # --- actions ----------------------------------------------------------------------

    def action_new_run(self) -> None:
        self.shell.start(self._new_run(), group="dialog")

    async def _new_run(self) -> None:
        run = await self.run_actions.new_run(self.selection.project_id)
        if run is not None:
            self.selection.choose_run(run.id, run.project_id)
            self.reader.read_all()

    def action_retry(self) -> None:
        detail = self._detail()
        self.shell.start(self.run_actions.retry(detail), group="dialog")

    def action_cancel(self) -> None:
        detail = self._detail()
        self.shell.start(self.run_actions.cancel(detail), group="dialog")

    def action_transcript(self) -> None:
        from foredeck.app.screens.transcript import TranscriptScreen

        step = self.view.step
        self.app.push_screen(TranscriptScreen(self._detail(), step.key if step else None))

    def action_graph(self) -> None:
        self.toggle_class("-graph")
        self.query_one(_PANES["graph" if self.graph_shown else "output"]).focus()

    @property
    def graph_shown(self) -> bool:
        """Whether the graph is on screen; on a very wide one it is, unless it was hidden."""
        return self.has_class("-vast") != self.has_class("-graph")

    def action_follow(self) -> None:
        """Follow the running stage and the end of its output, or stop following."""
        output = self.view.output
        follow = self.selection.step_key is not None or not output.follow
        self.selection.step_key = None
        output.follow = follow
        self.view.show_step()

    def action_search(self) -> None:
        self._show_output()
        self.query_one(SearchBar).open()

    def action_next_error(self) -> None:
        self._show_output()
        self.view.output.next_error()

    def action_previous_error(self) -> None:
        self._show_output()
        self.view.output.previous_error()

    def action_toggle_tree(self) -> None:
        """On a narrow screen the projects take the place of the run."""
        self.toggle_class("-tree" if self.has_class("-narrow") else "-no-tree")
        self.query_one(_PANES["projects" if self.tree_shown else "stages"]).focus()

    @property
    def tree_shown(self) -> bool:
        """Whether the projects are on screen."""
        return (
            self.has_class("-tree") if self.has_class("-narrow") else not self.has_class("-no-tree")
        )

    def action_focus_pane(self, name: str) -> None:
        if name == "projects" and not self.tree_shown:
            self.action_toggle_tree()
        elif name == "graph" and not self.graph_shown:
            self.action_graph()
        elif name == "output":
            self._show_output()
        self.query_one(_PANES[name]).focus()

    def action_reload(self) -> None:
        if self.failure is not None:
            self.shell.connect()
        else:
            self.reader.read_all()

    def action_help(self) -> None:
        from foredeck.app.screens.modals.help import HelpDialog

        keys = [(action.key_text, action.description) for action in ACTIONS]
        self.app.push_screen(HelpDialog(self.focused_pane(), keys))

    def action_ask_quit(self) -> None:
        self.shell.start(self._quit(), group="dialog")

    async def _quit(self) -> None:
        if await self.run_actions.may_quit(working_runs(self.reader.sidebar)):
            self.shell.leave(self.failure.exit_code if self.failure else 0)

    @on(SearchBar.Searched)
    def _searched(self, event: SearchBar.Searched) -> None:
        event.stop()
        self.view.output.search(event.text)

    @on(SearchBar.Stepped)
    def _search_stepped(self, event: SearchBar.Stepped) -> None:
        event.stop()
        if event.forward:
            self.view.output.next_match()
        else:
            self.view.output.previous_match()

    @on(messages.SearchProgress)
    def _search_went(self, event: messages.SearchProgress) -> None:
        event.stop()
        self.query_one(SearchBar).say(event.summary)

    @on(messages.ErrorShown)
    def _error_shown(self, event: messages.ErrorShown) -> None:
        event.stop()
        if event.line is None:
            self.shell.notice(event.summary)

    @on(messages.FollowChanged)
    @on(messages.Moved)
    def _output_moved(self, event: messages.FollowChanged | messages.Moved) -> None:
        event.stop()
        self.view.show_place()

    @on(SearchBar.Closed)
    def _search_closed(self, event: SearchBar.Closed) -> None:
        event.stop()
        self.view.output.search("")
        self.view.output.focus()

    def _detail(self) -> RunDetail:
        """Return the run on display; `check_action` has seen to it that there is one."""
        if self.view.detail is None:
            raise NotFound("No run is selected.")
        return self.view.detail

    def _show_output(self) -> None:
        if self.graph_shown and not self.has_class("-vast"):
            self.toggle_class("-graph")

    def focused_pane(self) -> str:
        focused = self.focused
        names = (name for name, kind in _PANES.items() if isinstance(focused, kind))
        return next(names, "output")
