"""Makes backups of the data directory while it is in use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import TypeVar

from foredeck.services.backup import writing
from foredeck.services.backup.manifest import Manifest
from foredeck.services.domain import clock
from foredeck.services.domain.backups import BackupView
from foredeck.services.event_bus import EventBus
from foredeck.services.store.audit import AuditFilter
from foredeck.services.store.migrations import VERSION
from foredeck.services.store.store import Store

T = TypeVar("T")


class BackupService:
    """Lives on the services' loop; what takes long is done in a thread."""

    def __init__(self, store: Store, data_dir: Path) -> None:
        self._store = store
        self._data_dir = data_dir.absolute()
        self._one = asyncio.Lock()

    async def create(self, target: Path, *, output: bool = True) -> BackupView:
        """Write a backup into a new file, and return what it holds.

        First a copy of the database, as it is at one moment, then the files: so whatever the
        database knows of is there. Raises `InvalidInput`, `Conflict`, `StorageFull` and
        `StoreError`; then nothing is left of it.
        """
        async with self._one:
            with writing.workshop(target, self._data_dir) as place:
                database = self._data_dir / place.database.name
                room = (target, database, self._data_dir)
                await asyncio.to_thread(lambda: writing.require_room(*room, output=output))
                await self._store.copy_to(place.database)
                described = await self._described(place.directory, output=output)
                stop = Event()
                whole = await _in_thread(
                    lambda: writing.write(place, self._data_dir, described, stop), stop
                )
            return view_of(target, whole)

    async def _described(self, directory: Path, *, output: bool) -> Manifest:
        """Return what is known of the copy before anything is read."""
        rows, seal = await end_of_trail(directory)
        return Manifest(
            version=version("foredeck"),
            schema=VERSION,
            created_at=clock.now(),
            data_dir=str(self._data_dir),
            output=output,
            audit_rows=rows,
            audit_seal=seal,
            files={},
        )


async def end_of_trail(directory: Path) -> tuple[int, str]:
    """Return number and seal of the last row of the audit trail of the database that lies there."""
    copy = await Store.open(directory, EventBus(), read_only=True)
    try:
        page = await copy.queries.audit(AuditFilter(), limit=1)
    finally:
        await copy.close()
    return (page.items[0].seq, page.items[0].hash) if page.items else (0, "")


def view_of(path: Path, manifest: Manifest) -> BackupView:
    """Return what a person is told of a backup."""
    return BackupView(
        path=str(path),
        size=path.stat().st_size,
        unpacked=sum(entry.size for entry in manifest.files.values()),
        files=len(manifest.files),
        version=manifest.version,
        schema=manifest.schema,
        created_at=manifest.created_at,
        data_dir=manifest.data_dir,
        output=manifest.output,
        audit_rows=manifest.audit_rows,
        audit_seal=manifest.audit_seal,
        skipped=manifest.skipped,
    )


async def _in_thread(work: Callable[[], T], stop: Event) -> T:
    """Do it in a thread; cancelled, break it off and wait until it has let go."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait({task})
        raise
