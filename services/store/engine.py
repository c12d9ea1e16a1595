"""The SQLite file: how it is made, opened, locked and talked to.

The rules and the measurements behind them: `isolation_level=None`, so that neither the
driver nor SQLAlchemy (AUTOCOMMIT) begins anything by itself: with the driver's idea of a
transaction, concurrent read-modify-write updates were lost silently. `BEGIN IMMEDIATE` for
every write transaction; WAL; `synchronous=FULL`, because WAL with NORMAL loses acknowledged
commits at a power cut. WAL needs shared memory: the data directory must not be on a network
file system.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
from sqlalchemy import CursorResult, Executable, event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from foredeck.services.domain.errors import DatabaseLocked
from foredeck.services.patience import to_the_end
from foredeck.services.store.faults import translated

# How long a reader waits for a lock, in seconds.
BUSY_TIMEOUT = 30.0
# How long a writer waits before it looks whether to go on waiting, in seconds.
WRITER_WAIT = 2.0
_READERS = 4

T = TypeVar("T")
Wait = Callable[[DatabaseLocked], None]
_log = logging.getLogger(__name__)


class Link:
    """One open connection within one transaction; raises only errors of `domain.errors`.

    No call is broken off by a cancellation: a statement cut in the middle would leave the
    connection in an unknown state, and a commit might or might not have happened.
    """

    def __init__(self, connection: AsyncConnection, path: Path) -> None:
        self._connection = connection
        self._path = path

    async def run(self, statement: Executable) -> CursorResult[Any]:
        """Execute a SQLAlchemy statement."""
        with translated(self._path):
            return await to_the_end(self._connection.execute(statement))

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return the tuples that SQL text yields.

        This goes to the driver in one hop to its thread where SQLAlchemy takes four:
        0.1 ms against 0.4 ms for a list of 50. What is asked often comes this way.
        """
        with translated(self._path):
            return await to_the_end(self._rows(sql, parameters))

    async def commit(self, then: Callable[[], None]) -> None:
        """Commit and call `then`: both, or neither."""
        with translated(self._path):
            await to_the_end(self._commit(then))

    async def rollback(self) -> None:
        """Undo the transaction, if there is still one."""
        with translated(self._path):
            await to_the_end(self._rollback())

    async def _rows(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        return list(await (await self._driver()).execute_fetchall(sql, parameters))

    async def _commit(self, then: Callable[[], None]) -> None:
        await (await self._driver()).commit()
        then()

    async def _rollback(self) -> None:
        driver = await self._driver()
        if driver.in_transaction:
            await driver.rollback()

    async def call(self, work: Callable[[Connection], None]) -> None:
        """Let `work` use SQLAlchemy's connection as if there were no event loop."""
        with translated(self._path):
            await to_the_end(self._connection.run_sync(work))

    async def _driver(self) -> aiosqlite.Connection:
        driver = (await self._connection.get_raw_connection()).driver_connection
        assert isinstance(driver, aiosqlite.Connection)
        return driver


class Database:
    """The file and its connections: one that writes, a few that only read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = _engine(path, size=1, wait=WRITER_WAIT, pragmas=())
        self._readers = _engine(path, size=_READERS, wait=BUSY_TIMEOUT, pragmas=("query_only=ON",))

    @asynccontextmanager
    async def writing(self, wait: Wait | None = None) -> AsyncIterator[Link]:
        """Hold the writing connection in a transaction that is undone unless committed.

        While another program holds the lock, `wait` is asked every `WRITER_WAIT` seconds;
        it returns to wait on or raises what it is given. Default: `BUSY_TIMEOUT` seconds.
        """
        async with self._held(self._writer) as connection:
            link = Link(connection, self.path)
            try:
                await _begin(link, wait or _until(time.monotonic() + BUSY_TIMEOUT))
                yield link
            finally:
                await link.rollback()

    @asynccontextmanager
    async def outside(self) -> AsyncIterator[Link]:
        """Hold the writing connection without a transaction, for what cannot be in one."""
        async with self._held(self._writer) as connection:
            yield Link(connection, self.path)

    @asynccontextmanager
    async def reading(self, *, consistent: bool = False) -> AsyncIterator[Link]:
        """Hold a reading connection; `consistent` makes several statements see one state."""
        async with self._held(self._readers) as connection:
            link = Link(connection, self.path)
            try:
                if consistent:
                    await link.rows("BEGIN")
                yield link
            finally:
                if consistent:
                    await link.rollback()

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

    async def close(self) -> None:
        """Close every connection; the last one out folds the log into the file."""
        with translated(self.path):
            await to_the_end(self._readers.dispose())
            await to_the_end(self._writer.dispose())


async def _begin(link: Link, wait: Wait) -> None:
    while True:
        try:
            await link.rows("BEGIN IMMEDIATE")
        except DatabaseLocked as error:
            wait(error)
        else:
            return


def _until(deadline: float) -> Wait:
    def wait(error: DatabaseLocked) -> None:
        if time.monotonic() >= deadline:
            raise error

    return wait


def _engine(path: Path, *, size: int, wait: float, pragmas: Sequence[str]) -> AsyncEngine:
    # `pool_reset_on_return` costs a hop to the thread each time; every transaction here
    # ends by an explicit commit or rollback.
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        connect_args={"isolation_level": None, "timeout": wait},
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
