"""What carries out the commands about backups."""

from __future__ import annotations

from pathlib import Path

from foredeck.services.backup.service import BackupService
from foredeck.services.domain.backups import BackupView
from foredeck.services.host.backup_requests import CreateBackup
from foredeck.services.host.service import Handler


class BackupCommands:
    """Returns what the backup holds once it is on the disk."""

    def __init__(self, backups: BackupService) -> None:
        self._backups = backups

    def table(self) -> dict[type, Handler]:
        """Return the handler of each command type."""
        return {CreateBackup: self.create}

    async def create(self, command: CreateBackup) -> BackupView:
        """Carry out `CreateBackup`."""
        return await self._backups.create(Path(command.path), output=command.output)
