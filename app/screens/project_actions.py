"""What a person does to a project; each with its dialog."""

from __future__ import annotations

from textual.screen import Screen

from foredeck.app.screens.shell import shell_of
from foredeck.services.domain.errors import Conflict
from foredeck.services.host.queries import GetProject


class ProjectActions:
    """Every coroutine may raise `ForedeckError`."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen

    async def files(self, project_id: str) -> None:
        """Show the files that the project was given; add and delete some."""
        from foredeck.app.screens.modals.files import FilesDialog

        host = shell_of(self._screen).host
        if host is None:
            raise Conflict("The data is not open.")
        project = await host.ask(GetProject(project_id))
        await self._screen.app.push_screen_wait(FilesDialog(host, project.id, project.name))
