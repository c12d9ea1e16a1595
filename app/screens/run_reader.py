"""Keeps the workbench equal to what is stored: reads after every change, one read at a time."""

from __future__ import annotations

from collections.abc import Callable

from textual.screen import Screen

from foredeck.app.bridge import HostChanged
from foredeck.app.screens.pane import Pane
from foredeck.app.screens.refresher import Refresher
from foredeck.app.screens.run_view import RunView
from foredeck.app.screens.selection import Selection, first_run, project_of, working_runs
from foredeck.app.screens.shell import host_of, shell_of
from foredeck.services.domain.errors import ForedeckError, HostGone
from foredeck.services.domain.states import ACTIVE_RUNS
from foredeck.services.domain.views import RunRow, Sidebar
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetJobQueue, GetRun, GetSidebar, GetStatus, ListRuns
from foredeck.services.host.task_requests import GetScheduleBoard
from foredeck.widgets.project_tree import ProjectTree
from foredeck.widgets.status_bar import StatusBar

_EMPTY = "-empty"
# How many times as many runs a project shows when older ones are asked for.
_MORE_RUNS = 5


class HostReader:
    """Reads the tree, the selected run and the figures, and puts them into the panes.

    `refreshed` is called after each change of what is shown; `broken` gets what was not
    expected.
    """

    def __init__(
        self,
        screen: Screen[None],
        selection: Selection,
        view: RunView,
        *,
        refreshed: Callable[[], None],
        broken: Callable[[Exception], None],
    ) -> None:
        self._screen = screen
        self._selection = selection
        self._view = view
        self._refreshed = refreshed
        self._broken = broken
        self._sidebar_reads = Refresher(screen, self._read_sidebar, self._sidebar_failed)
        self._run_reads = Refresher(screen, self._read_run, self._run_failed)
        self._status_reads = Refresher(screen, self._read_status, broken)
        self._board_reads = Refresher(screen, self._read_board, broken)
        self._runs = GetSidebar().runs
        self._new_run: str | None = None
        self.sidebar: Sidebar | None = None

    def read_all(self) -> None:
        """Read everything again."""
        self._sidebar_reads.request()
        self._status_reads.request()
        self._board_reads.request()
        self.read_run()

    def read_new(self, run_id: str) -> None:
        """Read everything again, and put the tree's cursor on a run that has just been made."""
        self._new_run = run_id
        self.read_all()

    def read_older(self) -> None:
        """Read more runs of each project."""
        self._runs *= _MORE_RUNS
        self._sidebar_reads.request()

    def read_run(self) -> None:
        """Read the selected run."""
        if self._selection.run_id is not None:
            self._run_reads.request()

    def apply(self, change: HostChanged) -> None:
        """Read what a change touches."""
        if change.resync or change.runs or change.projects:
            self._sidebar_reads.request()
            self._status_reads.request()
        if change.resync or change.tasks or change.schedules:
            self._board_reads.request()
        if change.touches(self._selection.run_id):
            self.read_run()

    async def active_runs(self) -> tuple[RunRow, ...]:
        """Return the runs at work; where the tree shows none, some may be too old for it.

        Or the tree has not been read yet: whoever leaves in that moment must not end them.
        """
        host = shell_of(self._screen).host
        if (shown := working_runs(self.sidebar)) or host is None:
            return shown
        pages = [await host.ask(ListRuns(state=state.value)) for state in sorted(ACTIVE_RUNS)]
        return tuple(run for page in pages for run in page.items)

    async def working_jobs(self) -> int:
        """Return how many jobs of their own work just now, 0 where nobody can say."""
        host = shell_of(self._screen).host
        if host is None:
            return 0
        try:
            return (await host.ask(GetJobQueue())).working
        except ForedeckError:
            return 0  # they go on in any case, and nobody is to be kept from leaving

    @property
    def _host(self) -> Host:
        return host_of(self._screen)

    async def _read_sidebar(self) -> None:
        sidebar = await self._host.ask(GetSidebar(self._runs))
        first_time, self.sidebar = self.sidebar is None, sidebar
        self._screen.set_class(not sidebar.projects, _EMPTY)
        with self._screen.prevent(ProjectTree.RunHighlighted):
            self._screen.query_one(ProjectTree).update_sidebar(sidebar)
        if self._new_run is not None and project_of(sidebar, self._new_run):
            if self._new_run == self._selection.run_id:
                self.mark_run(self._new_run)
            self._new_run = None
        pane = self._screen.query_one("#pane-projects", Pane)
        if sidebar.projects:
            pane.show_content()
            if first_time or self._screen.focused is None:
                self._screen.query_one(ProjectTree).focus()
        else:
            pane.say("No projects yet.", "n makes the first one.")
        if self._selection.run_id is None and (first_time or not self._selection.project_id):
            self._select_first(sidebar)
        self._refreshed()
        if first_time:
            self._screen.call_after_refresh(shell_of(self._screen).data_shown)

    def _select_first(self, sidebar: Sidebar) -> None:
        run = first_run(sidebar)
        if run is not None:
            self._selection.choose_run(run.id, run.project_id)
            self.mark_run(run.id)
            self.read_run()
        elif sidebar.projects:
            self._selection.choose_project(sidebar.projects[0].project.id)
            self.show_project()
        else:
            self._view.clear(
                "Nothing here yet.",
                "Press n: name a project and write what you want. Four agents plan it, "
                "build it, test it and judge it while you watch.",
            )

    def mark_run(self, run_id: str) -> None:
        """Mark the run on display in the tree; that is not the person's choice."""
        with self._screen.prevent(ProjectTree.RunHighlighted):
            self._screen.query_one(ProjectTree).show_run(run_id)

    def show_loading(self) -> None:
        """Say that the selected run is still being read, if it is."""
        detail = self._view.detail
        run_id = self._selection.run_id
        if (
            run_id is not None
            and self._run_reads.running
            and (detail is None or detail.run.id != run_id)
        ):
            self._view.loading()

    def show_project(self) -> None:
        """Say what can be done with the selected project."""
        project_id = self._selection.project_id
        nodes = self.sidebar.projects if self.sidebar else ()
        for node in nodes:
            if node.project.id == project_id:
                project = node.project
                hint = "n starts a run here, w a workflow." + (
                    " Choose a run to see it." if node.runs else ""
                )
                about = f"{project.description}\n" if project.description else ""
                self._view.clear(project.name, f"{about}{project.workspace}\n\n{hint}")
        self._refreshed()

    async def _read_run(self) -> None:
        run_id = self._selection.run_id
        if run_id is None:
            return
        detail = await self._host.ask(GetRun(run_id))
        if run_id == self._selection.run_id:
            self._view.show(detail)
            self._refreshed()

    async def _read_status(self) -> None:
        status = await self._host.ask(GetStatus())
        self._screen.query_one(StatusBar).update_status(status)

    async def _read_board(self) -> None:
        board = await self._host.ask(GetScheduleBoard())
        self._screen.query_one(StatusBar).update_board(board)

    def _sidebar_failed(self, error: Exception) -> None:
        if isinstance(error, HostGone):
            return  # what was read stays; the application says what has happened
        self._screen.query_one("#pane-projects", Pane).fail(error)
        self._broken(error)

    def _run_failed(self, error: Exception) -> None:
        if isinstance(error, HostGone):
            return
        self._view.fail(error)
        self._refreshed()
        self._broken(error)
