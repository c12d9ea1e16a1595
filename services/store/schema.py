"""Brings a database file to the schema of this version, or says why it cannot."""

from __future__ import annotations

import asyncio
from pathlib import Path

from foredeck.services.domain.errors import NewerDatabase, OlderDatabase, StoreError
from foredeck.services.store.engine import Database, Link
from foredeck.services.store.migrations import APPLICATION_ID, MIGRATIONS, VERSION

# SQLite does not wait for a lock while it changes the journal mode, so we do, in seconds.
_MODE_TRIES = 100
_MODE_PAUSE = 0.05


async def upgrade(database: Database) -> None:
    """Run the migrations that the file has not seen; raises `NewerDatabase`, `StoreError`."""
    async with database.outside() as link:
        if await _version(link, database.path) == VERSION:
            return
        await _use_wal(link)
    async with database.writing() as link:
        # Another process may have done it while this one waited for the lock.
        done = await _version(link, database.path)
        for migration in MIGRATIONS[done:]:
            await link.call(migration)
        await link.rows(f"PRAGMA application_id = {APPLICATION_ID}")
        await link.rows(f"PRAGMA user_version = {VERSION}")
        await link.commit(lambda: None)


async def require_current(database: Database) -> None:
    """Raise `OlderDatabase` or `NewerDatabase` unless the file has the schema of this version."""
    async with database.reading() as link:
        if await _version(link, database.path) < VERSION:
            raise OlderDatabase(
                f"The database {database.path} was written by an earlier version of Foredeck.",
                "Close the running Foredeck and start this one once to bring it up to date.",
            )


async def _version(link: Link, path: Path) -> int:
    version = int((await link.rows("PRAGMA user_version"))[0][0])
    owner = (await link.rows("PRAGMA application_id"))[0][0]
    blank = not await link.rows("SELECT 1 FROM sqlite_master LIMIT 1")
    if owner != APPLICATION_ID and not (blank and version == 0):
        raise StoreError(f"{path} is a database of another program.", "Choose another --data-dir.")
    if version > VERSION:
        raise NewerDatabase(
            f"The database {path} was written by a later version of Foredeck "
            f"(schema {version}; this one knows {VERSION}).",
            "Upgrade Foredeck, or choose another --data-dir.",
        )
    return version


async def _use_wal(link: Link) -> None:
    for _ in range(_MODE_TRIES):
        try:
            await link.rows("PRAGMA journal_mode=WAL")
        except StoreError:
            await asyncio.sleep(_MODE_PAUSE)
        else:
            return
    await link.rows("PRAGMA journal_mode=WAL")
