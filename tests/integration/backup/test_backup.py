"""Backups of a data directory in use: what is in them, and that nothing else gets out of them."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import json
import os
import shutil
import socket
import sqlite3
import stat
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from foredeck.services.backup import reading, restoring, writing
from foredeck.services.backup.manifest import NAME, Entry, read_manifest
from foredeck.services.backup.service import BackupService
from foredeck.services.domain.audit import AuditEntry
from foredeck.services.domain.backups import BackupView
from foredeck.services.domain.errors import (
    Conflict,
    ForedeckError,
    HostBusy,
    InvalidInput,
    NewerDatabase,
    StorageFull,
)
from foredeck.services.event_bus import EventBus
from foredeck.services.host.lock import HostLock
from foredeck.services.store.store import Store
from tests.support import records as make


def quiet(_count: int) -> None:
    """Nobody wants to know how far it has come."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "data", EventBus())
    async with store.transaction("user") as tx:
        await tx.projects.add(make.project("shop"))
    yield store
    await store.close()


@pytest.fixture
def data(tmp_path: Path, store: Store) -> Path:
    """Return a data directory with some of everything."""
    del store
    data = tmp_path / "data"
    for name, text in {
        "output/0123456789ab/a.1.log": "printed",
        "blobs/ab/cdef": "content",
        "codex-runs/codex-run-0123456789ab.log": "log",
        "codex-runs/codex-run-0123456789ab.meta.json": "{}",
        "job-output/j1.1/log": "job",
        "job-output/j1.1/exit": "{}",
        "reports/r1.html": "report",
        "foredeck.log": "own log",
        "output/ünicode \n name.log": "x",
        "output/empty.log": "",
        "host.lock": "{}",
        "codex/app-server.json": "{}",
    }.items():
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (data / "output" / "link").symlink_to("/etc/passwd")
    os.mkfifo(data / "output" / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(data / "output" / "socket"))
    return data


async def made(store: Store, data: Path, *, output: bool = True) -> Path:
    target = data.parent / "backup.tar.gz"
    await BackupService(store, data).create(target, output=output)
    return target


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {
            member.name: (archive.extractfile(member) or io.BytesIO()).read() for member in archive
        }


async def test_everything_but_what_is_of_this_machine_is_in_it(store: Store, data: Path) -> None:
    path = await made(store, data)
    found = members(path)
    assert list(found) == [
        "foredeck.db",
        "data/blobs/ab/cdef",
        "data/codex-runs/codex-run-0123456789ab.log",
        "data/codex-runs/codex-run-0123456789ab.meta.json",
        "data/foredeck.log",
        "data/job-output/j1.1/exit",
        "data/job-output/j1.1/log",
        "data/output/0123456789ab/a.1.log",
        "data/output/empty.log",
        "data/output/ünicode \n name.log",
        "data/reports/r1.html",
        NAME,
    ]
    assert found["data/output/0123456789ab/a.1.log"] == b"printed"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(entry.name for entry in data.parent.iterdir()) == ["backup.tar.gz", "data"]
    manifest = read_manifest(found[NAME])
    assert manifest.audit_seal == (await store.queries.verify_audit()).tip
    assert (manifest.output, manifest.skipped, manifest.data_dir) == (True, (), str(data))


async def test_without_output_only_what_was_printed_is_left_out(store: Store, data: Path) -> None:
    found = members(await made(store, data, output=False))
    assert not {
        name for name in found if name.endswith((".log", "/log")) and "foredeck" not in name
    }
    assert "data/job-output/j1.1/exit" in found
    assert "data/codex-runs/codex-run-0123456789ab.meta.json" in found
    assert "data/reports/r1.html" in found


class _Late(io.BufferedReader):
    """A file to which something happens after it was opened."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        super().__init__(io.FileIO(os.dup(file.fileno())))
        self._path = path

    def read(self, size: int | None = -1) -> bytes:
        if self._path.name == "grows.log":
            with self._path.open("ab") as file:
                file.write(b"more")
        elif self._path.name == "shrinks.log":
            os.truncate(self._path, 10)
        return super().read(size)


async def test_what_is_written_meanwhile_does_not_spoil_it(
    store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes on, an output grows, another becomes shorter, a third is taken away."""
    (data / "output" / "grows.log").write_bytes(b"x" * 3000)
    (data / "output" / "shrinks.log").write_bytes(b"x" * 3000)
    (data / "output" / "goes.log").write_bytes(b"x")
    real = writing._add

    def add(archive: tarfile.TarFile, name: str, file: IO[bytes], skipped: list[str]) -> Entry:
        if name.endswith("foredeck.log"):
            (data / "output" / "goes.log").unlink()
        with _Late(file, data / name.removeprefix("data/")) as late:
            return real(archive, name, late, skipped)

    monkeypatch.setattr(writing, "_add", add)
    path = await made(store, data)
    async with store.transaction("user") as tx:
        await tx.projects.add(make.project("later"))
    found = members(path)
    assert found["data/output/grows.log"] == b"x" * 3000
    assert len(found["data/output/shrinks.log"]) == 3000
    assert "data/output/goes.log" not in found
    manifest = reading.inspect(path)
    assert [name.partition(":")[0] for name in manifest.skipped] == ["data/output/shrinks.log"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("backup.tar.gz", Conflict),
        ("data/inside.tar.gz", InvalidInput),
        ("nowhere/backup.tar.gz", InvalidInput),
    ],
)
async def test_a_place_that_will_not_do_is_refused(
    store: Store, data: Path, name: str, error: type[ForedeckError]
) -> None:
    (data.parent / "backup.tar.gz").write_text("kept")
    before = sorted(data.rglob("*"))
    with pytest.raises(error):
        await BackupService(store, data).create(data.parent / name)
    with pytest.raises(InvalidInput):
        await BackupService(store, data).create(Path("relative.tar.gz"))
    assert (data.parent / "backup.tar.gz").read_text() == "kept"
    assert sorted(data.rglob("*")) == before


async def test_a_full_disk_leaves_nothing(
    store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = data.parent / "backup.tar.gz"
    usage = shutil.disk_usage(data)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(StorageFull, match="needs about"):
            await BackupService(store, data).create(target)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "_add_bytes", full)
    with pytest.raises(StorageFull, match="No space left"):
        await BackupService(store, data).create(target)
    assert sorted(entry.name for entry in data.parent.iterdir()) == ["data"]


# --- restoring ------------------------------------------------------------------------


async def restored(path: Path, where: Path, *, force: bool = False) -> BackupView:
    done = await restoring.restore(path, where, quiet, force=force)
    return done.backup


async def test_it_comes_back_as_it_was(store: Store, data: Path, tmp_path: Path) -> None:
    path = await made(store, data)
    seal = (await store.queries.verify_audit()).tip
    where = tmp_path / "elsewhere" / "data"
    done = await restoring.restore(path, where, quiet, force=False)
    assert (done.data_dir, done.moved_aside, done.runs) == (str(where), "", ())
    assert stat.S_IMODE(where.stat().st_mode) == 0o700
    for name in ("output/0123456789ab/a.1.log", "blobs/ab/cdef", "output/ünicode \n name.log"):
        assert (where / name).read_bytes() == (data / name).read_bytes()
        assert stat.S_IMODE((where / name).stat().st_mode) == 0o600
    modes = {stat.S_IMODE(path.stat().st_mode) for path in where.rglob("*") if path.is_dir()}
    assert modes == {0o700}
    copy = await Store.open(where, EventBus())
    try:
        assert [row.name for row in (await copy.queries.projects()).items] == ["shop"]
        rows = await copy.queries.audit_after(0, 100)
        assert [row.action for row in rows] == ["project.create", "backup.restore"]
        assert rows[0].hash == seal
        assert (await copy.queries.verify_audit()).broken is None
    finally:
        await copy.close()
    assert [entry.name for entry in where.parent.iterdir()] == ["data"]


async def test_data_that_is_there_is_only_ever_moved_aside(
    store: Store, data: Path, tmp_path: Path
) -> None:
    path = await made(store, data)
    where = tmp_path / "other"
    where.mkdir()
    (where / "precious").write_text("kept")
    with pytest.raises(Conflict, match="is not empty"):
        await restored(path, where)
    assert (where / "precious").read_text() == "kept"
    done = await restoring.restore(path, where, quiet, force=True)
    assert Path(done.moved_aside).name.startswith("other.before-")
    assert (Path(done.moved_aside) / "precious").read_text() == "kept"
    assert (where / "foredeck.db").exists()
    lock = HostLock.acquire(where, "a host")
    try:
        with pytest.raises(HostBusy):
            await restored(path, where, force=True)
    finally:
        lock.release()


async def test_a_directory_in_which_something_works_stays_where_it_is(
    store: Store, data: Path, tmp_path: Path
) -> None:
    """A command outlives its host: it is not to lose the ground that it writes on."""
    path = await made(store, data)
    where = tmp_path / "other"
    job = where / "jobs" / "j1.1"
    job.mkdir(parents=True)
    lock = os.open(job, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(Conflict, match="a program is still at work in"):
        await restored(path, where, force=True)
    assert job.is_dir()
    os.close(lock)
    await restored(path, where, force=True)


def rewritten(path: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> Path:
    """Return another backup, whose members somebody has changed."""
    content = [(named(name, len(data)), data) for name, data in members(path).items()]
    change(content)
    other = path.with_name("changed.tar.gz")
    with tarfile.open(other, "w:gz") as archive:
        for member, data in content:
            archive.addfile(member, io.BytesIO(data))
    return other


def named(
    name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = size, kind, link
    return member


def with_manifest(content: list[tuple[tarfile.TarInfo, bytes]], **changes: object) -> None:
    member, data = content.pop()
    new = json.dumps({**json.loads(data), **changes}).encode()
    member.size = len(new)
    content.append((member, new))


def smuggled(member: tarfile.TarInfo, data: bytes = b"") -> Callable[..., None]:
    member.size = len(data)

    def change(content: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        files = json.loads(content[-1][1])["files"]
        files[member.name] = {"size": len(data), "sha256": "0" * 64}
        content.insert(1, (member, data))
        with_manifest(content, files=files)

    return change


@pytest.mark.parametrize(
    "change",
    [
        smuggled(named("data/../../escaped"), b"x"),
        smuggled(named("/escaped"), b"x"),
        smuggled(named("data//x"), b"x"),
        smuggled(named("escaped"), b"x"),
        smuggled(named("data/foredeck.db-wal"), b"x"),
        smuggled(named("data/host/socket"), b"x"),
        smuggled(named("data/link", kind=tarfile.SYMTYPE, link="/etc/passwd")),
        smuggled(named("data/hard", kind=tarfile.LNKTYPE, link="/etc/passwd")),
        smuggled(named("data/hard", kind=tarfile.LNKTYPE, link="data/foredeck.log")),
        smuggled(named("data/device", kind=tarfile.CHRTYPE)),
        smuggled(named("data/pipe", kind=tarfile.FIFOTYPE)),
        smuggled(named("data/directory", kind=tarfile.DIRTYPE)),
        smuggled(named("data/x"), b"a wrong sum"),
        lambda content: content.pop(),
        lambda content: content.pop(3),
        lambda content: content.insert(2, content[1]),
        lambda content: content.append((named("data/behind"), b"")),
        lambda content: content.__setitem__(1, (content[1][0], b"CONTENT")),
        lambda content: with_manifest(content, format="other"),
        lambda content: with_manifest(content, format_version=99),
        lambda content: with_manifest(content, files=[]),
        lambda content: with_manifest(content, files={}),
        lambda content: with_manifest(content, created_at="yesterday"),
        lambda content: with_manifest(content, audit_seal="0" * 64),
        lambda content: with_manifest(content, schema=-1),
    ],
)
async def test_a_backup_that_was_changed_changes_nothing(
    store: Store, data: Path, tmp_path: Path, change: Callable[..., None]
) -> None:
    path = rewritten(await made(store, data), change)
    where = tmp_path / "where"
    with pytest.raises(InvalidInput):
        await restored(path, where)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        *("backup.tar.gz", "changed.tar.gz", "data"),
    ]


async def test_a_database_that_is_damaged_is_told_as_the_backups(
    store: Store, data: Path, tmp_path: Path
) -> None:
    def damage(content: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        files = json.loads(content[-1][1])["files"]
        member, _ = content[0]
        garbage = b"SQLite format 3\0" + b"x" * 5000
        member.size = len(garbage)
        content[0] = (member, garbage)
        digest = hashlib.sha256(garbage).hexdigest()
        files[member.name] = {"size": len(garbage), "sha256": digest}
        with_manifest(content, files=files)

    path = rewritten(await made(store, data), damage)
    with pytest.raises(InvalidInput, match="The database in the backup is damaged"):
        await restored(path, tmp_path / "where")
    with pytest.raises(InvalidInput, match="The database in the backup is damaged"):
        await restoring.verify(path, quiet)
    assert not (tmp_path / "where").exists()


async def test_one_of_a_later_version_is_refused(store: Store, data: Path, tmp_path: Path) -> None:
    path = rewritten(await made(store, data), lambda content: with_manifest(content, schema=999))
    with pytest.raises(NewerDatabase, match="later version"):
        await restored(path, tmp_path / "where")
    with pytest.raises(NewerDatabase):
        await restoring.verify(path, quiet)
    assert not (tmp_path / "where").exists()


async def test_a_file_that_was_cut_anywhere_is_refused(
    store: Store, data: Path, tmp_path: Path
) -> None:
    whole = (await made(store, data)).read_bytes()
    cut = tmp_path / "cut.tar.gz"
    for length in (0, 1, 20, len(whole) // 3, len(whole) // 2, len(whole) - 30, len(whole) - 9):
        cut.write_bytes(whole[:length])
        with pytest.raises(InvalidInput):
            reading.inspect(cut)
    for place in (50, len(whole) // 2, len(whole) - 12):
        cut.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        with pytest.raises(InvalidInput):
            reading.inspect(cut)
    cut.write_bytes(gzip.compress(b"no archive" * 100))
    with pytest.raises(InvalidInput):
        reading.inspect(cut)
    with pytest.raises(InvalidInput, match="There is no file"):
        reading.inspect(tmp_path / "none")
    with pytest.raises(InvalidInput, match="is a directory"):
        reading.inspect(tmp_path)


async def test_it_is_verified_with_the_audit_trail_in_it(
    store: Store, data: Path, tmp_path: Path
) -> None:
    async with store.transaction("user") as tx:
        tx.audit(AuditEntry("a.b", "a", "1", "one"))
    path = await made(store, data)
    view, verdict = await restoring.verify(path, quiet)
    assert (view.audit_rows, verdict.rows, verdict.broken) == (2, 2, None)
    with closing(sqlite3.connect(data / "foredeck.db")) as database, database:
        database.execute("DROP TRIGGER audit_unchanged")
        database.execute("UPDATE audit SET actor = 'eve' WHERE seq = 1")
    path.unlink()
    _, verdict = await restoring.verify(await made(store, data), quiet)
    assert verdict.broken == 1
    # What was changed before the backup was made is no reason to be without data.
    await restored(path, tmp_path / "where")


async def test_paths_are_those_of_the_new_place(store: Store, data: Path, tmp_path: Path) -> None:
    project = replace(make.project("toys"), id="p2p2p2p2p2p2", workspace="/w2")
    run = make.run(project)
    step = make.step(run)
    attempt = make.attempt(step)
    inside = replace(attempt, output_path=str(data / "output" / run.id / "a.1.log"))
    outside = replace(
        attempt, id="x2x2x2x2x2x2", number=2, output_path=f"{data}-other/output/a.2.log"
    )
    async with store.transaction("user") as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
        await tx.steps.add(step)
        await tx.attempts.add(inside)
        await tx.attempts.add(outside)
    where = tmp_path / "where"
    await restored(await made(store, data), where)
    copy = await Store.open(where, EventBus())
    try:
        async with copy.transaction() as tx:
            paths = [found.output_path for found in await tx.attempts.of_step(step.id)]
    finally:
        await copy.close()
    assert paths == [str(where / "output" / run.id / "a.1.log"), outside.output_path]
