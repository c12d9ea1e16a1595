"""What a person does to a project; each with its dialog."""

from __future__ import annotations

from foredeck.app.screens.dialog_actions import DialogActions
from foredeck.services.host.queries import GetProject, GetProjectSettings


class ProjectActions(DialogActions):
    """Every coroutine may raise `ForedeckError`."""

    async def files(self, project_id: str) -> None:
        """Show the files that the project was given; add and delete some."""
        from foredeck.app.screens.modals.files import FilesDialog

        host = self._host
        project = await host.ask(GetProject(project_id))
        await self._screen.app.push_screen_wait(FilesDialog(host, project.id, project.name))

    async def settings(self, project_id: str) -> None:
        """Show what the project decides for its runs; change some of it."""
        from foredeck.app.screens.modals.project_settings import ProjectSettingsDialog

        host = self._host
        view = await host.ask(GetProjectSettings(project_id))
        changed = await self._screen.app.push_screen_wait(ProjectSettingsDialog(host, view))
        if changed is not None:
            name = changed.project.name
            self._say(f"Saved: what begins in {name} from now on follows it.")
