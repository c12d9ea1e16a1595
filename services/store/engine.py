"""The SQLite file: how it is made, opened, locked and talked to.

The rules and the measurements behind them: `isolation_level=None`, so that neither the
driver nor SQLAlchemy (AUTOCOMMIT) begins anything by itself: with the driver's idea of a
transaction, concurrent read-modify-write updates were lost silently. `BEGIN IMMEDIATE` for
every write transaction; WAL; `synchronous=FULL`, because WAL with NORMAL loses acknowledged
commits at a power cut. WAL needs shared memory: the data directory must not be on a network
file system.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from foredeck.services.domain.errors import DatabaseLocked
from foredeck.services.patience import to_the_end
from foredeck.services.store.driver import Driver, opener
from foredeck.services.store.faults import translated

# How long a reader waits for a lock, in seconds.
BUSY_TIMEOUT = 30.0
# How long a writer waits before it looks whether to go on waiting, in seconds.
WRITER_WAIT = 2.0
_READERS = 4

T = TypeVar("T")
Wait = Callable[[DatabaseLocked], None]
_BEGIN = "BEGIN IMMEDIATE"
# In milliseconds; what is run directly never waits, for nothing else would go on meanwhile.
_WAITING = "PRAGMA busy_timeout = {:.0f}"
_PATIENTLY = _WAITING.format(WRITER_WAIT * 1000)


class Link:
    """One open connection; raises only errors of `domain.errors`.

    No call is broken off by a cancellation: a statement cut in the middle would leave the
    connection in an unknown state, and a commit might or might not have happened.
    """

    def __init__(self, connection: AsyncConnection, driver: Driver, path: Path) -> None:
        self._connection = connection
        self._driver = driver
        self._path = path

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return the tuples that SQL text yields.

        This goes to the driver in one hop to its thread where SQLAlchemy takes four:
        0.1 ms against 0.4 ms for a list of 50. What is asked often comes this way.
        """
        with translated(self._path):
            return list(await to_the_end(self._fetched(sql, parameters)))

    async def call(self, work: Callable[[Connection], None]) -> None:
        """Let `work` use SQLAlchemy's connection as if there were no event loop."""
        with translated(self._path):
            await to_the_end(self._connection.run_sync(work))

    async def rollback(self) -> None:
        """Undo the transaction, if there is still one."""
        if self._driver.in_transaction:
            with translated(self._path):
                await to_the_end(self._driver.rollback())

    async def _fetched(self, sql: str, parameters: Sequence[Any] = ()) -> Iterable[Any]:
        return await self._driver.execute_fetchall(sql, parameters)


class WritingLink(Link):
    """The connection that writes, within a transaction: whoever has it is alone with the file.

    So its statements cannot be kept waiting, and are run where they are called (see `Driver`).
    What can be kept waiting is its beginning, by another program, and its commit, by the disk.
    """

    def __init__(self, connection: AsyncConnection, driver: Driver, path: Path) -> None:
        super().__init__(connection, driver, path)
        self._changes_before = driver.total_changes

    async def begin(self, wait: Wait) -> None:
        """Begin; `wait` is asked whether to wait on, every `WRITER_WAIT` seconds."""
        try:
            with translated(self._path):
                self._driver.direct(_WAITING.format(0))
                self._driver.direct(_BEGIN)
        except DatabaseLocked as error:
            await self._begin_patiently(wait, error)

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return the tuples that SQL text yields."""
        with translated(self._path):
            return self._driver.direct(sql, parameters)

    def version(self) -> int:
        """Return a number that is another one as soon as another connection has written."""
        with translated(self._path):
            return int(self._driver.direct("PRAGMA data_version")[0][0])

    async def commit(self, then: Callable[[], None]) -> None:
        """Commit and call `then`: both, or neither."""
        with translated(self._path):
            await to_the_end(self._commit(then))

    async def _commit(self, then: Callable[[], None]) -> None:
        if self._driver.total_changes == self._changes_before:
            self._driver.direct("COMMIT")  # of what was only read: the disk has no part in it
        else:
            await self._driver.commit()
        then()

    async def _begin_patiently(self, wait: Wait, error: DatabaseLocked) -> None:
        self._driver.direct(_PATIENTLY)
        while True:
            wait(error)
            try:
                await super().rows(_BEGIN)
            except DatabaseLocked as again:
                error = again
            else:
                return


class Database:
    """The file and its connections: one that writes, a few that only read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = _engine(path, size=1, wait=WRITER_WAIT, pragmas=())
        self._readers = _engine(path, size=_READERS, wait=BUSY_TIMEOUT, pragmas=("query_only=ON",))
        self._writers_turn = asyncio.Lock()
        self._open_writer: tuple[AsyncConnection, Driver] | None = None

    @asynccontextmanager
    async def writing(self, wait: Wait | None = None) -> AsyncIterator[WritingLink]:
        """Hold the writing connection in a transaction that is undone unless committed.

        While another program holds the lock, `wait` is asked every `WRITER_WAIT` seconds;
        it returns to wait on or raises what it is given. Default: `BUSY_TIMEOUT` seconds.
        """
        async with self._writers_turn:
            connection, driver = await self._the_writer()
            link = WritingLink(connection, driver, self.path)
            try:
                await link.begin(wait or _until(time.monotonic() + BUSY_TIMEOUT))
                yield link
            finally:
                await link.rollback()

    @asynccontextmanager
    async def outside(self) -> AsyncIterator[Link]:
        """Hold the writing connection without a transaction, for what cannot be in one."""
        async with self._writers_turn:
            connection, driver = await self._the_writer()
            driver.direct(_PATIENTLY)
            yield Link(connection, driver, self.path)

    @asynccontextmanager
    async def reading(self, *, consistent: bool = False) -> AsyncIterator[Link]:
        """Hold a reading connection; `consistent` makes several statements see one state."""
        async with self._held(self._readers) as connection:
            link = Link(connection, await _driver_of(connection), self.path)
            try:
                if consistent:
                    await link.rows("BEGIN")
                yield link
            finally:
                if consistent:
                    await link.rollback()

    async def copy_to(self, target: Path) -> None:
        """Write the database as it is at one moment into a file; writers go on meanwhile.

        In one step: SQLite begins anew whenever somebody else writes between two (backup.html).
        """
        async with self._held(self._readers) as connection:
            driver = await _driver_of(connection)
            with translated(target):
                os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                copy = sqlite3.connect(target, check_same_thread=False)
                try:
                    await to_the_end(driver.backup(copy))
                finally:
                    copy.close()

    @asynccontextmanager
    async def _held(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        connection = engine.connect()
        try:
            with translated(self.path):
                await to_the_end(connection.start())
            yield connection
        finally:
            # A cancelled start has finished all the same and is to be given back.
            if connection.sync_connection is not None:
                with translated(self.path):
                    await to_the_end(connection.close())

    async def _the_writer(self) -> tuple[AsyncConnection, Driver]:
        """Return the connection that writes; once opened it is kept."""
        if self._open_writer is None:
            connection = self._writer.connect()
            with translated(self.path):
                try:
                    await to_the_end(connection.start())
                except asyncio.CancelledError:
                    await to_the_end(connection.close())
                    raise
            self._open_writer = connection, await _driver_of(connection)
        return self._open_writer

    async def close(self) -> None:
        """Close every connection; the last one out folds the log into the file."""
        async with self._writers_turn:
            with translated(self.path):
                await to_the_end(self._readers.dispose())
                if self._open_writer is not None:
                    connection, _driver = self._open_writer
                    self._open_writer = None
                    await to_the_end(connection.close())
                await to_the_end(self._writer.dispose())


async def _driver_of(connection: AsyncConnection) -> Driver:
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, Driver)
    return driver


def _until(deadline: float) -> Wait:
    def wait(error: DatabaseLocked) -> None:
        if time.monotonic() >= deadline:
            raise error

    return wait


def _engine(path: Path, *, size: int, wait: float, pragmas: Sequence[str]) -> AsyncEngine:
    # `opener` gives `isolation_level=None`. `pool_reset_on_return` costs a hop to the thread
    # each time; every transaction here ends by an explicit commit or rollback.
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        async_creator=opener(path, wait),
        pool_size=size,
        max_overflow=0,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
    )
    every = ("foreign_keys=ON", "synchronous=FULL", "temp_store=MEMORY", "cache_size=-8000")

    def prepare(connection: Any, _record: Any) -> None:
        # The pool forgets a connection that fails here, and its thread would stay.
        try:
            cursor = connection.cursor()
            for pragma in (*every, *pragmas):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
        except BaseException:
            connection.close()
            raise

    event.listen(engine.sync_engine, "connect", prepare)
    return engine
