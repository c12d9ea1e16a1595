"""Reads a backup: every member is checked against the manifest before anything is believed."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import IO

from foredeck.services.backup import manifest as m
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.jobs.output import make_private_directory
from foredeck.services.store.place import NAME as DATABASE

_BLOCK = 1 << 20
_NAME_ONE = "Name a backup: foredeck backup create makes one."
_ANOTHER = "Use another backup; nothing was changed."

Progress = Callable[[int], None]
"""Called with how many bytes have been read, unpacked."""


def require_file(path: Path) -> None:
    """Raise `InvalidInput` unless there is a regular file that can be read.

    It is read more than once, so nothing comes from a pipe.
    """
    try:
        mode = path.stat().st_mode
        if not S_ISREG(mode):
            kind = "a directory" if S_ISDIR(mode) else "no file"
            raise InvalidInput(f"{path} is {kind}.", _NAME_ONE)
        path.open("rb").close()
    except FileNotFoundError:
        raise InvalidInput(f"There is no file {path}.", _NAME_ONE) from None
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror or error}.", _NAME_ONE
        ) from None


def inspect(path: Path, progress: Progress = lambda _: None) -> m.Manifest:
    """Read all of a backup and return its manifest.

    Raises `InvalidInput` for what is no backup, is not whole, or holds what it may not.
    """
    require_file(path)
    found: dict[str, m.Entry] = {}
    manifest: m.Manifest | None = None
    read = 0
    with _archive(path) as archive:
        for member in archive:
            file = _content(archive, member, found)
            if member.name == m.NAME:
                manifest = _manifest(member, file, manifest)
                continue
            if manifest is not None:
                raise _damaged("something stands behind its manifest")
            digest = hashlib.sha256()
            for block in _blocks(file, member.size):
                digest.update(block)
                read += len(block)
                progress(read)
            found[member.name] = m.Entry(member.size, digest.hexdigest())
    return _checked(manifest, found)


def unpack(path: Path, manifest: m.Manifest, into: Path, progress: Progress) -> None:
    """Put the files of a backup that was inspected into a private directory.

    Raises `InvalidInput` if it is another one by now, and `OSError`.
    """
    written = 0
    with _archive(path) as archive:
        for member in archive:
            if member.name == m.NAME:
                continue
            file = _content(archive, member, {})
            if member.name not in manifest.files:
                raise _damaged("it was changed while it was restored")
            relative = member.name.removeprefix(m.FILES)
            digest = hashlib.sha256()
            with _created(into / relative) as target:
                for block in _blocks(file, member.size):
                    target.write(block)
                    digest.update(block)
                    written += len(block)
                    progress(written)
            if digest.hexdigest() != manifest.files[member.name].sha256:
                raise _damaged("it was changed while it was restored")


def database_only(path: Path, into: Path) -> None:
    """Put the copy of the database alone into a directory; for who looks into it."""
    with _archive(path) as archive:
        for member in archive:
            if member.name == DATABASE:
                with _created(into / DATABASE) as target:
                    for block in _blocks(_content(archive, member, {}), member.size):
                        target.write(block)
                return


@contextmanager
def _archive(path: Path) -> Iterator[tarfile.TarFile]:
    """Open the archive, which is there; whatever is wrong with its form becomes `InvalidInput`."""
    try:
        with gzip.open(path) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                yield archive
            while stream.read(_BLOCK):  # to its end, where it says whether it is whole
                pass
    except EOFError:
        raise _damaged("its end is missing") from None
    except (tarfile.TarError, zlib.error, UnicodeError, ValueError) as error:
        raise _damaged(safe_line(str(error), limit=120) or "it is no backup") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(_of_gzip(error)) from None


def _of_gzip(error: OSError) -> str:
    """Say what a `gzip.BadGzipFile` means; of a file of another kind it repeats the first bytes."""
    text = str(error)
    return "it is no backup" if text.startswith("Not a gzipped") else safe_line(text, limit=120)


def _content(
    archive: tarfile.TarFile, member: tarfile.TarInfo, found: dict[str, m.Entry]
) -> IO[bytes]:
    """Return the content of a member that may be there; raises `InvalidInput` for any other."""
    name = safe_line(member.name, limit=120)
    if not member.isreg() or member.issparse():
        raise _damaged(f"{name} is no plain file")
    if member.name != m.NAME and not m.is_member(member.name):
        raise _damaged(f"{name} would lie outside of the data directory")
    if member.name in found:
        raise _damaged(f"{name} is in it twice")
    file = archive.extractfile(member)
    if file is None:
        raise _damaged(f"{name} has no content")
    return file


def _manifest(member: tarfile.TarInfo, file: IO[bytes], known: m.Manifest | None) -> m.Manifest:
    if known is not None or member.size > m.MOST:
        raise _damaged("its manifest makes no sense")
    return m.read_manifest(file.read())


def _blocks(file: IO[bytes], size: int) -> Iterator[bytes]:
    while size:
        block = file.read(min(_BLOCK, size))
        if not block:
            raise _damaged("its end is missing")
        size -= len(block)
        yield block


def _checked(manifest: m.Manifest | None, found: dict[str, m.Entry]) -> m.Manifest:
    """Return the manifest if it says what was found, and nothing else."""
    if manifest is None:
        raise _damaged("it has no manifest: its end is missing, or it is no backup")
    for name in (*manifest.files, *found):
        if manifest.files.get(name) != found.get(name):
            raise _damaged(f"{safe_line(name, limit=120)} is not what the manifest says")
    return manifest


def _damaged(why: str) -> InvalidInput:
    return InvalidInput(f"The backup cannot be used: {why}.", _ANOTHER)


@contextmanager
def _created(path: Path) -> Iterator[IO[bytes]]:
    make_private_directory(path.parent)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
