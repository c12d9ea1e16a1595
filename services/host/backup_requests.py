"""What a client may want of backups; it belongs to `commands`."""

from dataclasses import dataclass

from foredeck.services.domain.backups import BackupView
from foredeck.services.host.interface import Command


@dataclass(frozen=True)
class CreateBackup(Command[BackupView]):
    """Write a backup of the data directory into a new file, named by an absolute path.

    Without `output`, what runs and jobs have printed is left out.
    """

    path: str
    output: bool = True
