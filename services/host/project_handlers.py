"""What answers and carries out everything about the settings of projects."""

from __future__ import annotations

from foredeck.services import project_settings
from foredeck.services.domain.views import ProjectSettingsView
from foredeck.services.host import commands as c
from foredeck.services.host import queries as q
from foredeck.services.host.service import Handler
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from foredeck.services.workspace.projects import ProjectService


class ProjectSettingsQueries:
    """Reads only."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def table(self) -> dict[type, Handler]:
        """Return the handler of each query type."""
        return {q.GetProjectSettings: self.show}

    async def show(self, query: q.GetProjectSettings) -> ProjectSettingsView:
        """Answer `GetProjectSettings`."""
        row, wishes = await self._store.queries.project_settings(query.ref)
        return project_settings.view(row, wishes, self._settings)


class ProjectSettingsCommands:
    """Returns what holds once the change is durable."""

    def __init__(self, projects: ProjectService, queries: ProjectSettingsQueries) -> None:
        self._projects = projects
        self._queries = queries

    def table(self) -> dict[type, Handler]:
        """Return the handler of each command type."""
        return {c.ChangeProjectSettings: self.change}

    async def change(self, command: c.ChangeProjectSettings) -> ProjectSettingsView:
        """Carry out `ChangeProjectSettings`."""
        project = await self._projects.change(
            command.ref,
            lambda settings: project_settings.with_changes(
                settings, command.settings, command.environment, command.mcp_servers
            ),
        )
        return await self._queries.show(q.GetProjectSettings(project.id))
