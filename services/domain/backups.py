"""Backups: what one holds, and what was done when it was restored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BackupView:
    """A backup file; sizes are in bytes, `unpacked` is what it takes once restored.

    `schema` numbers the form of its database, `audit_rows` and `audit_seal` are the end of its
    audit trail; without `output` it has only records of what runs and jobs have printed. `skipped`
    names what could not be taken up whole.
    """

    path: str
    size: int
    unpacked: int
    files: int
    version: str
    schema: int
    created_at: datetime
    data_dir: str
    output: bool
    audit_rows: int
    audit_seal: str
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """A data directory that has come from a backup.

    `moved_aside` is where the old one lies now, empty if there was none. `runs` were at work when
    the backup was made, of `steps` nobody knows how they ended, `jobs` were at work and `queued`
    waited for their turn. Of `passed_over` tasks the schedule was due since, which is not made up
    for.
    """

    data_dir: str
    backup: BackupView
    moved_aside: str = ""
    runs: tuple[str, ...] = ()
    steps: int = 0
    jobs: int = 0
    queued: int = 0
    passed_over: int = 0
