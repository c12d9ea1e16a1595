"""One SQLite connection: `aiosqlite`'s, with a way to its statements that needs no thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import aiosqlite

# Rows that a cursor of the driver fetches at once; nothing here goes row by row.
_CHUNK = 64


class Driver(aiosqlite.Connection):
    """`direct` runs a statement where it is called, everything else in the thread behind it.

    A hop to the thread and back costs more than most statements of a transaction, whose pages
    are in memory: measured, 0.1 ms against 0.01. What may wait, for a lock or for the disk,
    is never to be called directly. Never both at the same time.
    """

    def __init__(self, path: Path, wait: float) -> None:
        def connect() -> sqlite3.Connection:
            return sqlite3.connect(
                path, timeout=wait, isolation_level=None, check_same_thread=False
            )

        super().__init__(connect, _CHUNK)
        # Like SQLAlchemy's own: the thread of a connection nobody closed must not hold the exit.
        self._thread.daemon = True

    def direct(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Run a statement here and now, and return its rows; raises `sqlite3.Error`."""
        return self._conn.execute(sql, parameters).fetchall()


def opener(path: Path, wait: float) -> Callable[[], Any]:
    """Return what opens connections to the file for SQLAlchemy; `wait` for a lock in seconds."""

    async def opened() -> aiosqlite.Connection:
        return await Driver(path, wait)

    return opened
