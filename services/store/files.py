"""The database's file and directory: made for the user alone."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

from foredeck.services.domain.errors import StoreError
from foredeck.services.store.faults import translated
from foredeck.services.store.file_system import require_local
from foredeck.services.store.place import NAME

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def prepare_file(data_dir: Path) -> Path:
    """Return the database's path, made with mode 0600 in a directory with mode 0700.

    SQLite gives its -wal and -shm files the mode of the database. A directory that already
    holds other things is left as it is: somebody may have pointed Foredeck at /tmp.
    """
    path = data_dir / NAME
    with translated(path):
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_local(data_dir)
        if path.exists() or not any(data_dir.iterdir()):
            _close_to_others(data_dir, 0o700)
        if path.exists():
            _close_to_others(path, 0o600)
        else:
            _create(path)
        _try_to_open(path)
    return path


def existing_file(data_dir: Path) -> Path:
    """Return the path of a database that must be there already; raises `StoreError`."""
    path = data_dir / NAME
    if not path.is_file():
        raise StoreError(
            f"There is no database at {path}.", "Start foredeck once, or check --data-dir."
        )
    with translated(path):
        _try_to_open(path)
    return path


def _try_to_open(path: Path) -> None:
    """Raise what SQLite raises for a file that it cannot open.

    aiosqlite does not wait for the thread of a connection that could not be opened; with the
    loop gone, that thread dies with a traceback on the screen.
    """
    sqlite3.connect(path).close()


def _close_to_others(path: Path, mode: int) -> None:
    status = path.stat()
    if status.st_mode & _OTHERS and status.st_uid == os.geteuid():
        path.chmod(mode)


def _create(path: Path) -> None:
    # Only a file that did not exist is opened here: closing any descriptor of a database
    # drops the locks that SQLite holds on it elsewhere in this process.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
