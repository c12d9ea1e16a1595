"""Puts a backup in the place of a data directory: all of it, or nothing is changed."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from foredeck.services.backup import reading
from foredeck.services.backup.manifest import Manifest
from foredeck.services.backup.reading import Progress
from foredeck.services.backup.service import end_of_trail, view_of
from foredeck.services.backup.settling import Settled, settle_down
from foredeck.services.domain import clock
from foredeck.services.domain.amounts import size
from foredeck.services.domain.audit import AuditEntry, AuditVerdict, Severity
from foredeck.services.domain.backups import BackupView, Restored
from foredeck.services.domain.errors import (
    Conflict,
    HostBusy,
    InvalidInput,
    NewerDatabase,
    StorageFull,
    StoreError,
)
from foredeck.services.durable import sync_directory
from foredeck.services.event_bus import EventBus
from foredeck.services.host.lock import HostLock, busy, is_held
from foredeck.services.jobs.run_dir import RunDir
from foredeck.services.store.migrations import VERSION
from foredeck.services.store.store import Store

# What has to be free besides the files themselves, in bytes.
_SPARE = 64 << 20
_ANOTHER = "Use another backup: nothing was restored."


async def verify(path: Path, progress: Progress) -> tuple[BackupView, AuditVerdict]:
    """Check every file of a backup, and the audit trail in it.

    Raises `InvalidInput`, `NewerDatabase` and `StoreError`.
    """
    with _translated(f"The backup {path} cannot be checked"):
        manifest = await asyncio.to_thread(reading.inspect, path, progress)
        _require_known(manifest)
        return view_of(path, manifest), await _trail_in(path)


async def _trail_in(path: Path) -> AuditVerdict:
    """Compute the seals of the audit trail in a backup."""
    directory = Path(mkdtemp(prefix="foredeck-verify."))
    try:
        await asyncio.to_thread(reading.database_only, path, directory)
        with _damaged_if_unreadable():
            store = await Store.open(directory, EventBus())
            try:
                return await store.queries.verify_audit()
            finally:
                await store.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def restore(path: Path, data_dir: Path, progress: Progress, *, force: bool) -> Restored:
    """Let a backup be the data directory; an old one is moved aside if `force` says so.

    Everything is read and checked before anything is changed. Raises `HostBusy`, `Conflict`,
    `InvalidInput`, `NewerDatabase`, `StorageFull` and `StoreError`.
    """
    reading.require_file(path)
    data_dir = data_dir.resolve()
    with _translated(f"The backup cannot be restored to {data_dir}"):
        _require_free(data_dir, force=force)
        manifest = await asyncio.to_thread(reading.inspect, path, progress)
        _require_known(manifest)
        view = view_of(path, manifest)
        with _staging(data_dir) as staging:
            await _unpack(path, manifest, staging, progress)
            with _damaged_if_unreadable():
                settled = await _make_honest(staging, data_dir, view)
            aside = _swap(staging, data_dir, force=force)
    return Restored(
        data_dir=str(data_dir),
        backup=view,
        moved_aside=str(aside or ""),
        runs=tuple(settled.runs),
        steps=settled.steps,
        jobs=settled.jobs,
        queued=settled.queued,
        passed_over=settled.passed_over,
    )


async def _unpack(path: Path, manifest: Manifest, staging: Path, progress: Progress) -> None:
    """Put what is in a backup into the staging directory, and hold its trail to the manifest."""
    _require_room(staging, view_of(path, manifest))
    await asyncio.to_thread(reading.unpack, path, manifest, staging, progress)
    with _damaged_if_unreadable():
        end = await end_of_trail_of(staging)
    if end != (manifest.audit_rows, manifest.audit_seal):
        raise InvalidInput(
            "The audit trail in the backup is not the one that its manifest tells of.", _ANOTHER
        )


async def end_of_trail_of(staging: Path) -> tuple[int, str]:
    """Return the end of the audit trail as it came; an older database is brought up to date."""
    store = await Store.open(staging, EventBus())
    await store.close()
    return await end_of_trail(staging)


async def _make_honest(staging: Path, data_dir: Path, backup: BackupView) -> Settled:
    """Let the copy say where it lies, what it lacks, that nothing works, and whence it comes."""
    store = await Store.open(staging, EventBus())
    try:
        async with store.transaction("restore") as tx:
            await tx.moving.to(Path(backup.data_dir), data_dir)
            if not backup.output:
                await tx.moving.without_output(backup.created_at)
        settled = await settle_down(store, staging)
        async with store.transaction("restore") as tx:
            tx.audit(_entry(backup, data_dir, settled))
    finally:
        await store.close()
    return settled


def _entry(backup: BackupView, data_dir: Path, settled: Settled) -> AuditEntry:
    return AuditEntry(
        action="backup.restore",
        resource="backup",
        resource_id="",
        description=f"restored the backup of {backup.created_at:%Y-%m-%d %H:%M:%S} UTC",
        severity=Severity.WARNING,
        after=json.dumps(
            {
                "file": backup.path,
                "data_dir": str(data_dir),
                "taken_of": backup.data_dir,
                "paused_runs": settled.runs,
                "jobs_at_work": settled.jobs,
            }
        ),
    )


# --- what has to be so before ---------------------------------------------------------


def _require_free(data_dir: Path, *, force: bool) -> None:
    if is_held(data_dir):
        raise HostBusy(
            busy(data_dir).message, "End it first, or restore elsewhere: --data-dir DIR."
        )
    if data_dir.exists() and not data_dir.is_dir():
        raise InvalidInput(f"{data_dir} is no directory.", "Choose another one with --data-dir.")
    if data_dir.is_dir() and any(data_dir.iterdir()) and not force:
        raise Conflict(
            f"{data_dir} is not empty.",
            "Restore into another directory with --data-dir, or say --force: "
            "then it is moved aside, and nothing is deleted.",
        )
    if working := sum(RunDir(path).is_locked for path in _started_in(data_dir)):
        noun = "a program is" if working == 1 else f"{working} programs are"
        raise Conflict(
            f"There is no host, but {noun} still at work in {data_dir}.",
            "Open foredeck there and cancel what works, or wait for its end.",
        )


def _started_in(data_dir: Path) -> Iterator[Path]:
    """Yield the directory of everything that was started: commands, and codex's server."""
    for pattern in ("jobs/*", "job-output/*", "codex/*-runs/*"):
        yield from (path for path in data_dir.glob(pattern) if path.is_dir())


def _require_known(manifest: Manifest) -> None:
    if manifest.schema > VERSION:
        raise NewerDatabase(
            f"The backup was made by Foredeck {manifest.version}, a later version "
            f"(schema {manifest.schema}; this one knows {VERSION}).",
            "Upgrade Foredeck, then restore it.",
        )


def _require_room(staging: Path, backup: BackupView) -> None:
    free, needed = shutil.disk_usage(staging).free, backup.unpacked + _SPARE
    if free < needed:
        raise StorageFull(
            f"The backup needs about {size(needed)} in {staging.parent}, where {size(free)} are "
            "free.",
            "Free some space, or restore into another directory with --data-dir.",
        )


# --- the exchange ---------------------------------------------------------------------


@contextmanager
def _staging(data_dir: Path) -> Iterator[Path]:
    """Make a private directory beside the data directory; what is left of it goes."""
    data_dir.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = Path(mkdtemp(prefix=f".{data_dir.name}.restoring.", dir=data_dir.parent))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _swap(staging: Path, data_dir: Path, *, force: bool) -> Path | None:
    """Put the new directory in the place of the old one; return where that is now."""
    _require_free(data_dir, force=force)
    if not data_dir.exists() or not any(data_dir.iterdir()):
        staging.rename(data_dir)  # also onto an empty directory
        sync_directory(data_dir.parent)
        return None
    lock = HostLock.acquire(data_dir, "foredeck backup restore")  # nobody begins in it now
    try:
        aside = _aside(data_dir)
        data_dir.rename(aside)
        try:
            staging.rename(data_dir)
        except OSError:
            aside.rename(data_dir)
            raise
        sync_directory(data_dir.parent)
    finally:
        lock.release()
    return aside


def _aside(data_dir: Path) -> Path:
    stamp = clock.now().astimezone().strftime("%Y%m%d-%H%M%S")
    names = (f"{data_dir.name}.before-{stamp}{end}" for end in ("", *(f"-{n}" for n in range(99))))
    return next(path for name in names if not (path := data_dir.with_name(name)).exists())


@contextmanager
def _damaged_if_unreadable() -> Iterator[None]:
    """Say of a database that is damaged that the backup is: where it lies now is soon gone."""
    try:
        yield
    except StoreError as error:
        if type(error) is not StoreError:  # the disk, or a later version
            raise
        raise InvalidInput("The database in the backup is damaged.", _ANOTHER) from error


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Let what the disk refuses be a `StoreError` that begins with `what`."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{what}: {error.strerror or error}.", "What was there is as it was."
        ) from error
