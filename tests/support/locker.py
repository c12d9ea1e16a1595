"""Another program that holds the database's lock, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAM = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
connection.close()
"""


class Locker:
    """Holds the lock until `release`."""

    def __init__(self, database: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(database)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "held\n"

    def release(self) -> None:
        """Let go; safe to call twice."""
        if self._process.poll() is None:
            self._process.communicate(timeout=30)


@contextmanager
def locked(database: Path) -> Iterator[Locker]:
    """Keep the database from being written."""
    locker = Locker(database)
    try:
        yield locker
    finally:
        locker.release()
