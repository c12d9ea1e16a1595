"""Contents, each kept once, under the name of its SHA-256."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from foredeck.services.domain.errors import InvalidInput, NotFound, StorageFull, StoreError
from foredeck.services.domain.ids import new_id
from foredeck.services.durable import sync_directory
from foredeck.services.jobs.output import make_private_directory

_BLOCK = 1024 * 1024
_FULL = frozenset({28, 122})  # ENOSPC, EDQUOT


@dataclass(frozen=True, slots=True)
class Blob:
    """A content in the store: its SHA-256 in hex and its size in bytes."""

    sha256: str
    size: int


class BlobStore:
    """Contents below `root` (0600 in 0700); blocks, so not for an event loop."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def take_in(self, source: Path) -> Blob:
        """Copy a file into the store; durable on return.

        Raises `NotFound`, `InvalidInput` for what is no regular file, `StorageFull`.
        """
        scratch = self._root / f".{new_id()}.tmp"
        try:
            with _opened(source) as handle:
                make_private_directory(self._root)
                blob = self._copy(handle, scratch)
            place = self.path_of(blob.sha256)
            make_private_directory(place.parent)
            scratch.replace(place)
            sync_directory(place.parent)
        except OSError as error:
            raise _in_words(source, error) from error
        finally:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)
        return blob

    def chunks(self, sha256: str) -> Iterator[bytes]:
        """Yield a content in pieces; raises `StoreError` if it is not there any more."""
        try:
            with self.path_of(sha256).open("rb") as file:
                while block := file.read(_BLOCK):
                    yield block
        except FileNotFoundError as error:
            raise StoreError(
                f"The content {sha256[:12]} is not in the data directory any more.",
                "Restore a backup, or add the file again.",
            ) from error

    def drop(self, sha256: str) -> None:
        """Forget a content that nothing refers to."""
        self.path_of(sha256).unlink(missing_ok=True)

    def path_of(self, sha256: str) -> Path:
        """Return where a content lies."""
        return self._root / sha256[:2] / sha256

    def _copy(self, source: int, scratch: Path) -> Blob:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        handle = os.open(scratch, flags, 0o600)
        digest, size = hashlib.sha256(), 0
        with os.fdopen(handle, "wb") as file:
            while block := os.read(source, _BLOCK):
                digest.update(block)
                size += len(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        return Blob(digest.hexdigest(), size)


@contextmanager
def _opened(source: Path) -> Iterator[int]:
    handle = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise InvalidInput(f"{source} is not a regular file.")
        yield handle
    finally:
        os.close(handle)


def _in_words(source: Path, error: OSError) -> Exception:
    if isinstance(error, FileNotFoundError):
        return NotFound(f"There is no file {source}.")
    if isinstance(error, IsADirectoryError):
        return InvalidInput(f"{source} is a directory.")
    if error.errno in _FULL:
        return StorageFull(
            "The disk has no room for the file.", "Free some space, then add it again."
        )
    return InvalidInput(f"{source} cannot be read: {error.strerror}.")
