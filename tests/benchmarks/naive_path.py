"""The naive way of output: one wake-up, one row, one commit and one widget call per line."""

from __future__ import annotations

import asyncio
import os
import time

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from textual.app import ComposeResult
from textual.widgets import Log

from tests.benchmarks.path_app import PathApp


class Base(DeclarativeBase):
    """The tables."""


class Row(Base):
    """One line of one child."""

    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    child: Mapped[int]
    text: Mapped[str]


class NaiveApp(PathApp):
    """`readline`, an ORM commit per line, `Log.write_line` for the child on screen."""

    engine: AsyncEngine

    def compose(self) -> ComposeResult:
        yield Log()

    async def open(self) -> None:
        self.engine = create_async_engine(f"sqlite+aiosqlite:///{self.scratch / 'naive.db'}")
        event.listen(self.engine.sync_engine, "connect", _set_up)
        async with self.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        self.lock = asyncio.Lock()

    async def close(self) -> None:
        await self.engine.dispose()

    async def take(self, number: int, pipe: int) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", 0)
        )
        try:
            async with AsyncSession(self.engine) as database:
                while line := await reader.readline():
                    await self._keep(database, number, line.decode("utf-8", "replace"))
            self.ends.append(time.monotonic())
        finally:
            transport.close()

    async def _keep(self, database: AsyncSession, number: int, text: str) -> None:
        async with self.lock:
            database.add(Row(child=number, text=text))
            await database.commit()
        self.kept += 1
        if number == 0:
            self.query_one(Log).write_line(text)


def _set_up(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    # As durable as the house's own database: a commit is on the disk when it returns.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
