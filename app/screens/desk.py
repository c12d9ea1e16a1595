"""What is put on the workbench after its first paint: the views and who fills them.

This module, and not the workbench, imports the views: a first paint with them would take
half as long again.
"""

from __future__ import annotations

from collections.abc import Callable

from textual.screen import Screen

from foredeck.app.screens.intervening import InterventionActions
from foredeck.app.screens.pane import Pane
from foredeck.app.screens.project_actions import ProjectActions
from foredeck.app.screens.question_actions import QuestionActions
from foredeck.app.screens.run_actions import RunActions
from foredeck.app.screens.run_reader import HostReader
from foredeck.app.screens.run_view import RunView
from foredeck.app.screens.search_bar import SearchBar
from foredeck.app.screens.selection import Selection, asked_in, project_of
from foredeck.app.screens.shell import shell_of
from foredeck.app.screens.workflow_actions import WorkflowActions
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.views import StepRow
from foredeck.widgets.dag.details import GraphDesk
from foredeck.widgets.dag.view import DagView
from foredeck.widgets.project_tree import ProjectTree
from foredeck.widgets.run_header import RunHeader
from foredeck.widgets.stage_table import StageTable
from foredeck.widgets.status_bar import StatusBar
from foredeck.widgets.terminal.output_pane import OutputPane


class Desk:
    """The views of the workbench, the reader that fills them, the actions on runs."""

    def __init__(self, screen: Screen[None], frame_rate: float) -> None:
        self._screen = screen
        self.selection = Selection()
        self.tree, self.stages = ProjectTree(), StageTable()
        self.output, self.graph = OutputPane(frame_rate=frame_rate), DagView()
        self.search, self.status = SearchBar(), StatusBar()
        self.view = RunView(screen, self.selection, self._broken)
        self.run_actions = RunActions(screen, screen.refresh_bindings)
        self.question_actions = QuestionActions(screen)
        self.interventions = InterventionActions(screen)
        self.project_actions = ProjectActions(screen)
        self.workflow_actions = WorkflowActions(screen)
        self.reader = HostReader(
            screen,
            self.selection,
            self.view,
            refreshed=screen.refresh_bindings,
            broken=self._broken,
        )
        self.panes = {
            "projects": self.tree,
            "stages": self.stages,
            "output": self.output,
            "graph": self.graph,
        }

    def go_to(self, run_id: str, step_key: str) -> None:
        """Select a stage of a run, also of one that is too old for the tree."""
        self.selection.choose_run(run_id, project_of(self.reader.sidebar, run_id))
        if step_key:
            self.selection.choose_step(step_key)
        self.reader.mark_run(run_id)
        self.reader.read_run()

    @property
    def asked(self) -> int:
        """How many questions wait for the person, as far as is known."""
        shown = self.view.detail.run.questions if self.view.detail else 0
        return max(shown, asked_in(self.reader.sidebar))

    @property
    def focused_pane(self) -> str:
        """The pane with the focus; what is laid over the graph belongs to it."""
        focused = self._screen.focused
        found = next((name for name, view in self.panes.items() if view is focused), "")
        over = focused is not None and self._pane("graph") in focused.ancestors
        return found or ("graph" if over else "projects")

    def aimed(self, can: Callable[[StepRow], bool]) -> StepRow | None:
        """Return the stage that a key is for: in the graph the selected one, whatever it is.

        In the table it is for that if it `can`; else, and anywhere else, for the whole run.
        """
        step, pane = self.view.step, self.focused_pane
        aims = pane == "graph" or (pane == "stages" and step is not None and can(step))
        return step if aims else None

    async def mount(self) -> None:
        """Put the views into the panes of the screen."""
        with self._screen.app.batch_update():
            await self._pane("projects").fill(self.tree)
            await self._pane("stages").fill(RunHeader(), self.stages)
            await self._pane("output").fill(self.output, below=self.search)
            await self._pane("graph").fill(GraphDesk(self.graph))
            await self._screen.mount(self.status, before="KeyBar")
        shell_of(self._screen).changed.subscribe(self._screen, self.reader.apply)

    def _pane(self, name: str) -> Pane:
        return self._screen.query_one(f"#pane-{name}", Pane)

    def _broken(self, error: Exception) -> None:
        if not isinstance(error, ForedeckError):
            shell_of(self._screen).show_error(error)
