"""What can go wrong with the database, in Foredeck's own errors."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from foredeck.services.domain.errors import (
    Conflict,
    DatabaseLocked,
    ForedeckError,
    StorageFull,
    StoreError,
)

_log = logging.getLogger(__name__)

# Less free space than this, in bytes, and an I/O error is taken for a full disk: SQLite
# reports a -shm or -wal file that cannot be made as "disk I/O error".
_NO_ROOM = 1 << 20

_FULL_ADVICE = "Free some space; nothing that was stored is lost."
_BACKUP_ADVICE = "Keep the file, and put a backup in its place or start with another --data-dir."


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite, SQLAlchemy and the system raise into the errors of `domain.errors`."""
    try:
        yield
    except ForedeckError:
        raise
    except (SQLAlchemyError, sqlite3.Error, OSError, UnicodeError, OverflowError) as error:
        raise translate(error, path) from error


def translate(error: Exception, path: Path) -> ForedeckError:
    """Return the error of ours that says what `error` means for the database at `path`."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    _log.debug("database error", exc_info=error)
    if isinstance(cause, (UnicodeError, OverflowError, sqlite3.DataError)):
        return StoreError(f"A value does not fit into the database: {cause}.")
    if isinstance(cause, OSError):
        return _os_fault(cause, path)
    code = getattr(cause, "sqlite_errorcode", None)
    return _sqlite_fault(code & 0xFF if isinstance(code, int) else -1, str(cause), path)


def _os_fault(error: OSError, path: Path) -> StoreError:
    if isinstance(error, PermissionError):
        return StoreError(
            f"The database {path} cannot be opened: permission denied.",
            "It must belong to you; check its owner and mode.",
        )
    if _is_full(path) or error.errno in (28, 122):  # ENOSPC, EDQUOT
        return StorageFull(f"The disk that holds {path} is full.", _FULL_ADVICE)
    return StoreError(
        f"The database {path} cannot be used: {error.strerror or error}.",
        "Check the data directory.",
    )


def _sqlite_fault(code: int, message: str, path: Path) -> ForedeckError:
    if code == sqlite3.SQLITE_FULL or (
        code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _is_full(path)
    ):
        return StorageFull(f"The disk that holds {path} is full.", _FULL_ADVICE)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DatabaseLocked(
            f"The database {path} is locked by another program.",
            "Close what else has it open, then try again.",
        )
    if code == sqlite3.SQLITE_CONSTRAINT:
        return Conflict(f"The database refuses it: {message}.")
    if code == sqlite3.SQLITE_NOTADB:
        return StoreError(f"{path} is not a Foredeck database.", _BACKUP_ADVICE)
    if code == sqlite3.SQLITE_CORRUPT:
        return StoreError(f"The database {path} is damaged.", _BACKUP_ADVICE)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreError(
            f"The database {path} cannot be opened or written.",
            "It must belong to you, in a directory that you can write to.",
        )
    return StoreError(f"The database {path} failed: {message}.", "Try again.")


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _NO_ROOM
    except OSError:
        return False
