"""Files that are there, are not there, or are not what they should be."""

import os
import re
import sqlite3
import stat
from pathlib import Path

import pytest

from foredeck.services.domain.errors import DatabaseLocked, NewerDatabase, StorageFull, StoreError
from foredeck.services.domain.records import TokenUsage
from foredeck.services.event_bus import EventBus
from foredeck.services.store import faults, tables
from foredeck.services.store.migrations import APPLICATION_ID, MIGRATIONS, VERSION
from foredeck.services.store.store import Store
from tests.support import records as make

VERSIONS = Path(__file__).parent / "versions"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def reopened(data_dir: Path) -> None:
    store = await Store.open(data_dir, EventBus())
    await store.close()


async def read_projects(data_dir: Path) -> None:
    store = await Store.open(data_dir, EventBus())
    try:
        await store.queries.projects()
    finally:
        await store.close()


def schema_of(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        return [(name, re.sub(r"\s+", " ", sql or "")) for name, sql in rows]
    finally:
        connection.close()


async def test_files_are_the_users_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = await Store.open(tmp_path / "a" / "b", EventBus())
    finally:
        os.umask(old)
    try:
        async with store.transaction() as tx:
            await tx.projects.add(make.project())
        modes = {path.name: mode(path) for path in (tmp_path / "a" / "b").iterdir()}
        assert modes == {f"foredeck.db{end}": 0o600 for end in ("", "-wal", "-shm")}
        assert mode(tmp_path / "a" / "b") == 0o700
    finally:
        await store.close()


async def test_modes_are_mended_but_a_shared_directory_is_left_alone(tmp_path: Path) -> None:
    await reopened(tmp_path / "own")
    (tmp_path / "own").chmod(0o755)
    (tmp_path / "own" / "foredeck.db").chmod(0o644)
    await reopened(tmp_path / "own")
    assert mode(tmp_path / "own") == 0o700
    assert mode(tmp_path / "own" / "foredeck.db") == 0o600
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "something else").touch()
    await reopened(shared)
    assert mode(shared) == 0o755


async def test_the_file_is_in_wal_mode_with_full_synchronisation(
    store: Store, tmp_path: Path
) -> None:
    async with store._database.reading() as link:
        assert await link.rows("PRAGMA journal_mode") == [("wal",)]
        assert await link.rows("PRAGMA query_only") == [(1,)]
    async with store.transaction() as tx:
        link = tx._unit.link
        for pragma, value in (("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 0)):
            assert await link.rows(f"PRAGMA {pragma}") == [(value,)]


async def test_a_blank_file_gets_every_table(tmp_path: Path) -> None:
    await reopened(tmp_path)
    connection = sqlite3.connect(tmp_path / "foredeck.db")
    try:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        for table in tables.METADATA.sorted_tables:
            info = connection.execute(f'PRAGMA table_info("{table.name}")').fetchall()
            assert [row[1] for row in info] == [column.name for column in table.columns]
            kinds = {"TEXT": "TEXT", "INTEGER": "INTEGER", "REAL": "FLOAT"}
            assert [kinds[row[2]] for row in info] == [str(c.type) for c in table.columns]
    finally:
        connection.close()


def test_every_version_has_an_old_file_to_test_with() -> None:
    found = sorted(path.name for path in VERSIONS.glob("*.sql"))
    assert found == [f"{number:04}.sql" for number in range(1, len(MIGRATIONS) + 1)]


@pytest.mark.parametrize("old", sorted(VERSIONS.glob("*.sql")), ids=lambda path: path.stem)
async def test_the_database_of_an_old_version_is_taken_over(old: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    connection = sqlite3.connect(data / "foredeck.db")
    connection.executescript(old.read_text())
    connection.close()
    store = await Store.open(data, EventBus())
    try:
        detail = await store.queries.run("run100000000")
        assert detail.run.title == "Keep me"
        assert [step.key for step in detail.steps] == ["planner"]
        assert (await store.queries.runs()).total == 1
        assert len(await store.queries.history("run100000000")) == 2
        async with store.transaction() as tx:
            await tx.projects.add(make.project())
    finally:
        await store.close()
    await reopened(tmp_path / "blank")
    assert schema_of(data / "foredeck.db") == schema_of(tmp_path / "blank" / "foredeck.db")


async def test_a_failed_migration_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(connection: object) -> None:
        MIGRATIONS[0](connection)  # type: ignore[arg-type]
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("foredeck.services.store.schema.MIGRATIONS", (broken,))
    with pytest.raises(StoreError):
        await reopened(tmp_path)
    assert schema_of(tmp_path / "foredeck.db") == []
    monkeypatch.undo()
    await reopened(tmp_path)


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_newer_database_is_left_untouched(tmp_path: Path, read_only: bool) -> None:
    await reopened(tmp_path)
    path = tmp_path / "foredeck.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NewerDatabase, match=r"later version.*99") as caught:
        await Store.open(tmp_path, EventBus(), read_only=read_only)
    assert "Upgrade Foredeck" in caught.value.advice
    assert path.read_bytes() == before


async def test_an_older_database_is_not_changed_by_a_reader(tmp_path: Path) -> None:
    (tmp_path / "foredeck.db").touch()
    with pytest.raises(StoreError, match="earlier version"):
        await Store.open(tmp_path, EventBus(), read_only=True)
    assert (tmp_path / "foredeck.db").read_bytes() == b""


async def test_a_reader_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no database"):
        await Store.open(tmp_path / "none", EventBus(), read_only=True)
    assert not (tmp_path / "none").exists()


async def test_files_that_are_no_database_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "foredeck.db"
    path.write_bytes(b"hello " * 1000)
    with pytest.raises(StoreError, match="not a Foredeck database"):
        await reopened(tmp_path)
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE cats (name TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="another program"):
        await reopened(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError):
        await reopened(tmp_path)


async def test_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        await reopened(tmp_path / "data")


async def test_a_damaged_database_is_an_error_of_ours(tmp_path: Path) -> None:
    store = await Store.open(tmp_path, EventBus())
    async with store.transaction() as tx:
        for number in range(200):
            await tx.projects.add(make.project(f"p{number}", description="x" * 500))
    await store.close()
    path = tmp_path / "foredeck.db"
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = b"\xab" * (len(content) - 4096 * 3)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        await read_projects(tmp_path)


async def test_a_locked_database_is_an_error_of_ours(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(tmp_path / "data" / "foredeck.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr("foredeck.services.store.engine.WRITER_WAIT", 0.05)
    monkeypatch.setattr("foredeck.services.store.store.BUSY_TIMEOUT", 0.1)
    second = await Store.open(tmp_path / "data", EventBus())
    try:
        with pytest.raises(DatabaseLocked, match="locked by another program"):
            async with second.transaction("user"):
                pass
        other.execute("ROLLBACK")
        async with second.transaction() as tx:
            await tx.projects.add(make.project())
    finally:
        other.close()
        await second.close()


async def test_a_full_disk_is_told_and_survived(store: Store) -> None:
    project = make.project(description="x" * 1_000_000)
    async with store.transaction() as tx:
        await tx._unit.link.rows("PRAGMA max_page_count = 60")
    with pytest.raises(StorageFull, match="full"):
        async with store.transaction() as tx:
            await tx.projects.add(project)
    assert (await store.queries.projects()).total == 0
    async with store.transaction() as tx:
        await tx._unit.link.rows("PRAGMA max_page_count = 1000000")
        await tx.projects.add(project)
    assert (await store.queries.projects()).total == 1


def test_system_errors_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "foredeck.db"
    assert isinstance(faults.translate(OSError(28, "No space left"), path), StorageFull)
    assert "permission" in str(faults.translate(PermissionError(13, "denied"), path))
    assert isinstance(faults.translate(OverflowError("too large"), path), StoreError)


async def test_a_number_that_does_not_fit_is_an_error_of_ours(store: Store) -> None:
    project = make.project()
    async with store.transaction() as tx:
        await tx.projects.add(project)
        with pytest.raises(StoreError, match="does not fit"):
            await tx.runs.add(make.run(project, usage=TokenUsage(2**70)))
    assert (await store.queries.projects()).total == 1


async def test_a_row_that_makes_no_sense_is_an_error_of_ours(store: Store, tmp_path: Path) -> None:
    project = make.project()
    run = make.run(project)
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
    other = sqlite3.connect(tmp_path / "data" / "foredeck.db")
    other.execute("UPDATE run SET state = 'sleeping'")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="cannot be understood"):
        await store.queries.run(run.id)
    async with store.transaction() as tx:
        with pytest.raises(StoreError, match="cannot be understood"):
            await tx.runs.get(run.id)
