"""What carries out the commands about the files of projects."""

from __future__ import annotations

from foredeck.services.domain.records import ProjectFile
from foredeck.services.domain.views import RemovedFile
from foredeck.services.host import commands as c
from foredeck.services.host.service import Handler
from foredeck.services.workspace.project_files import ProjectFiles


class FileCommands:
    """Returns the file as it stands once the change is durable."""

    def __init__(self, files: ProjectFiles) -> None:
        self._files = files

    def table(self) -> dict[type, Handler]:
        """Return the handler of each command type."""
        return {c.AddProjectFile: self.add, c.DeleteProjectFile: self.delete}

    async def add(self, command: c.AddProjectFile) -> ProjectFile:
        """Carry out `AddProjectFile`."""
        return await self._files.add(
            command.project,
            command.source,
            command.name,
            dict(command.metadata),
            replace_it=command.replace,
        )

    async def delete(self, command: c.DeleteProjectFile) -> RemovedFile:
        """Carry out `DeleteProjectFile`."""
        return await self._files.delete(command.project, command.file)
