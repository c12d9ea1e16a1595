"""A snapshot of a workspace that outlives the process that took it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from foredeck.services.workspace.changes import FileState, Snapshot, snapshot


class KeptSnapshot:
    """What a workspace looked like before a job, in a file until the job has ended.

    The file is a help, not a record: where it cannot be written or read, only the changes
    since the restart of Foredeck are known.
    """

    def __init__(self, workspace: Path, file: Path) -> None:
        self._workspace = workspace
        self._file = file

    async def take(self) -> Snapshot:
        """Look now, and keep what is seen; raises `Conflict` without a workspace."""
        seen = await snapshot(self._workspace)
        await asyncio.to_thread(self._keep, seen)
        return seen

    async def taken(self) -> Snapshot:
        """Return what was kept, else look now; raises `Conflict` without a workspace."""
        kept = await asyncio.to_thread(self._read)
        return kept if kept is not None else await self.take()

    async def forget(self) -> None:
        """Remove the file."""
        await asyncio.to_thread(self._file.unlink, missing_ok=True)

    def _keep(self, seen: Snapshot) -> None:
        files = {
            path: (state.size, state.modified_ns, state.inode, state.mode)
            for path, state in seen.files.items()
        }
        text = json.dumps({"complete": seen.complete, "files": files})
        scratch = self._file.with_suffix(".new")
        try:
            handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            scratch.replace(self._file)
        except OSError:
            scratch.unlink(missing_ok=True)

    def _read(self) -> Snapshot | None:
        try:
            fields = json.loads(self._file.read_text(encoding="utf-8"))
            files = {path: FileState(*values) for path, values in fields["files"].items()}
            return Snapshot(self._workspace, files, complete=bool(fields["complete"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
