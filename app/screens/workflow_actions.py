"""How a person starts a workflow: choose one, fill it in, say that it may be run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen

from foredeck.app.screens.dialog_actions import DialogActions
from foredeck.services.domain.views import RunRow
from foredeck.services.domain.workflow_views import WorkflowView
from foredeck.services.host.queries import GetProject

if TYPE_CHECKING:
    from foredeck.app.screens.modals.workflow import WorkflowDraft


class WorkflowActions(DialogActions):
    """Every coroutine may raise `ForedeckError`."""

    def __init__(self, screen: Screen[None]) -> None:
        super().__init__(screen)
        self._drafts: dict[tuple[str, str], WorkflowDraft] = {}
        self._last: dict[str, str] = {}

    async def start(self, project_id: str) -> RunRow | None:
        """Ask for a workflow and start it; what was typed is kept until a run came of it.

        Who goes back from the inputs chooses again; None if the person left it.
        """
        from foredeck.app.screens.modals.workflow import WorkflowDialog, WorkflowDraft
        from foredeck.app.screens.modals.workflows import WorkflowsDialog

        host, app = self._host, self._screen.app
        project = await host.ask(GetProject(project_id))
        while True:
            last = self._last.get(project_id, "")
            view: WorkflowView | None = await app.push_screen_wait(
                WorkflowsDialog(host, project, last)
            )
            if view is None:
                return None
            self._last[project_id] = view.row.name
            place = (project_id, view.row.name)
            draft = self._drafts.setdefault(place, WorkflowDraft())
            run: RunRow | None = await app.push_screen_wait(
                WorkflowDialog(host, project, view, draft)
            )
            if run is not None:
                del self._drafts[place]
                return run
