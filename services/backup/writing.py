"""Writes the archive of a backup: under another name until all of it is on the disk."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from threading import Event
from typing import IO

from foredeck.services.backup import manifest as m
from foredeck.services.backup.contents import contents
from foredeck.services.domain import amounts
from foredeck.services.domain.errors import Conflict, InvalidInput, StorageFull, StoreError
from foredeck.services.durable import sync_directory
from foredeck.services.store.place import NAME as DATABASE

_BLOCK = 1 << 20
# Quick rather than small: text shrinks to a fifth all the same.
_LEVEL = 3
# What has to be free besides the copy of the database, as a part of what is taken up.
_SHARE = 0.1


@dataclass
class Workshop:
    """A private directory beside the backup that is being made; nothing of it stays."""

    directory: Path
    target: Path

    @property
    def database(self) -> Path:
        """Where the copy of the database comes."""
        return self.directory / DATABASE

    @property
    def archive(self) -> Path:
        """The archive, as far as it has come."""
        return self.directory / "archive"


@contextmanager
def workshop(target: Path, data_dir: Path) -> Iterator[Workshop]:
    """Open the place in which a backup is made; raises `InvalidInput` and `Conflict`."""
    _check(target, data_dir)
    try:
        directory = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        yield Workshop(directory, target)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _check(target: Path, data_dir: Path) -> None:
    if not target.is_absolute() or target.name in ("", "..") or "\0" in str(target):
        raise InvalidInput(f"{str(target)!r} is no path of a file.", "Name one with --output FILE.")
    if not target.parent.is_dir():
        raise InvalidInput(f"There is no directory {target.parent}.", "Create it first.")
    if target.parent.resolve().is_relative_to(data_dir.resolve()):
        raise InvalidInput(
            f"The backup would lie in the data directory {data_dir}.", "Keep it in another place."
        )
    if os.path.lexists(target):
        raise Conflict(
            f"{target} is there already.", "Nothing is overwritten: choose another name."
        )


def require_room(target: Path, database: Path, data_dir: Path, *, output: bool) -> None:
    """Raise `StorageFull` if the disk has no room for a backup, as far as that can be told."""
    total = sum(size for _, size in contents(data_dir, output=output))
    needed = int(2 * database.stat().st_size + _SHARE * total)
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise StorageFull(
            f"The backup needs about {amounts.size(needed)} in {target.parent}, "
            f"where {amounts.size(free)} are free.",
            "Free some space, or choose another place with --output.",
        )


def write(place: Workshop, data_dir: Path, described: m.Manifest, stop: Event) -> m.Manifest:
    """Write the archive and give it its name; return what it holds.

    A file that grows meanwhile is taken up as long as it was when it was opened. Raises
    `OSError`, and `Conflict` once `stop` is set.
    """
    files: dict[str, m.Entry] = {}
    skipped: list[str] = []
    descriptor = os.open(place.archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=_LEVEL) as archive:
            with place.database.open("rb") as file:
                files[DATABASE] = _add(archive, DATABASE, file, skipped)
            for relative, _ in contents(data_dir, output=described.output):
                if stop.is_set():
                    raise Conflict("The backup was broken off.", "Nothing of it is left.")
                with _opened(data_dir / relative, relative, skipped) as found:
                    if found is not None:
                        name = f"{m.FILES}{relative}"
                        files[name] = _add(archive, name, found, skipped)
            whole = replace(described, files=files, skipped=tuple(skipped))
            _add_bytes(archive, m.NAME, whole.to_json())
        raw.flush()
        os.fsync(raw.fileno())
    _publish(place)
    return whole


@contextmanager
def _opened(path: Path, relative: str, skipped: list[str]) -> Iterator[IO[bytes] | None]:
    """Open a file to be taken up; None if it has gone or is not ours to read."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.fdopen(os.open(path, flags), "rb")
    except FileNotFoundError:
        yield None
        return
    except OSError:
        skipped.append(relative)
        yield None
        return
    with file:
        yield file


def _add(archive: tarfile.TarFile, name: str, file: IO[bytes], skipped: list[str]) -> m.Entry:
    size = os.fstat(file.fileno()).st_size
    reader = _Measured(file, size)
    archive.addfile(_member(name, size), reader)
    if reader.missing:
        skipped.append(f"{name}: it became shorter, and ends with zeros")
    return m.Entry(size, reader.digest.hexdigest())


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    archive.addfile(_member(name, len(data)), io.BytesIO(data))


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


class _Measured(io.RawIOBase):
    """The first `size` bytes of a file; what it has lost since then is made up with zeros."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size
        self.digest = hashlib.sha256()
        self.missing = False

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        if len(data) < wanted:
            self.missing = True
            data += bytes(wanted - len(data))
        self._left -= wanted
        self.digest.update(data)
        return data


def _publish(place: Workshop) -> None:
    """Give the archive its name, unless somebody else has taken that meanwhile."""
    try:
        os.link(place.archive, place.target)
    except FileExistsError:
        raise Conflict(f"{place.target} is there already.", "Choose another name.") from None
    except OSError:  # a file system without links
        place.archive.rename(place.target)
    with suppress(OSError):
        sync_directory(place.target.parent)


def _unwritable(target: Path, error: OSError) -> StoreError:
    kind = StorageFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreError
    return kind(
        f"The backup {target} cannot be written: {error.strerror or error}.",
        "Check the directory and its disk, then try again; nothing else was changed.",
    )
