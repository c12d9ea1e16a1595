"""The files of reports, in a directory of their own in the data directory."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from foredeck.services.domain.errors import StorageFull, StoreError
from foredeck.services.domain.ids import new_id
from foredeck.services.durable import sync_directory
from foredeck.services.jobs.output import make_private_directory

DIRECTORY = "reports"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SCRATCH = ".tmp"


class ReportFiles:
    """Files below `data_dir`/reports (0600 in 0700), named by their paths from `data_dir`.

    Everything here blocks: not for an event loop.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.absolute()

    def path_of(self, name: str) -> Path:
        """Return where a file lies."""
        return self._data_dir / name

    def write(self, report_id: str, ending: str, data: bytes) -> str:
        """Put a file there whole, durable on return; return its path from the data directory.

        Raises `StorageFull` and `StoreError`.
        """
        name = f"{DIRECTORY}/{report_id}.{ending}"
        place = self.path_of(name)
        scratch = place.with_name(f".{new_id()}{_SCRATCH}")
        try:
            make_private_directory(place.parent)
            _write_durably(scratch, data)
            scratch.replace(place)
            sync_directory(place.parent)
        except OSError as error:
            raise _in_words(place, error) from error
        finally:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)
        return name

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is fine. Raises `StoreError`."""
        path = self.path_of(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"The report {path} cannot be deleted: {error.strerror or error}.",
                "Look at the permissions of its directory; it is tried again at the next start.",
            ) from error

    def tidy(self, known: Collection[str]) -> None:
        """Remove what a crash has left: files of no report, of which `known` are all the ids."""
        try:
            entries = list(os.scandir(self._data_dir / DIRECTORY))
        except OSError:
            return
        for entry in entries:
            report_id, _dot, _ending = entry.name.partition(".")
            if entry.name.endswith(_SCRATCH) or report_id not in known:
                with suppress(OSError):
                    Path(entry.path).unlink()


def _write_durably(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _in_words(place: Path, error: OSError) -> StoreError:
    if error.errno in _FULL:
        return StorageFull(
            "The disk has no room for the report.",
            f"Free some space on the disk of {place.parent}, then make it again.",
        )
    return StoreError(
        f"The report {place} cannot be written: {error.strerror or error}.",
        "Check the data directory and the disk it lies on.",
    )
