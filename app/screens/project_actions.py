"""What a person does to a project; each with its dialog."""

from __future__ import annotations

from textual.screen import Screen

from foredeck.app.screens.shell import shell_of
from foredeck.services.domain.errors import Conflict
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetProject, GetProjectSettings


class ProjectActions:
    """Every coroutine may raise `ForedeckError`."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen

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
            shell_of(self._screen).notice(f"Saved: what begins in {name} from now on follows it.")

    @property
    def _host(self) -> Host:
        host = shell_of(self._screen).host
        if host is None:
            raise Conflict("The data is not open.")
        return host
