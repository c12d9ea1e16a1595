"""Reads and writes inside a workspace, and nowhere else, whatever the name and whatever moves.

A name is resolved by the kernel below the workspace's own descriptor (openat2(2) with
RESOLVE_BENEATH) or, where that is missing, component by component without following
links; never resolved first and checked afterwards.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from foredeck.services.domain.errors import (
    Conflict,
    ForedeckError,
    InvalidInput,
    NotFound,
    StorageFull,
)
from foredeck.services.domain.ids import new_id

_OPENAT2 = 437  # the same number on every architecture, asm-generic/unistd.h
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08  # linux/openat2.h
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LONGEST_CHARACTER = 4  # bytes in UTF-8
_LONGEST_PATH = 4095  # bytes, PATH_MAX without its NUL
_TRIES = 100
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})


class WorkspaceFiles:
    """The files below `root`; names are relative, with `/`.

    Links of either kind, FIFOs, devices and sockets are refused, as are names that lead
    out, even if they come back. Errors: `InvalidInput` for a name that is not
    acceptable, `NotFound` for one that is not there, `Conflict` when the workspace is
    gone or forbids it, `StorageFull`.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def read_text(self, relative: str, limit: int) -> str:
        """Return the beginning of a text, at most `limit` characters.

        What is not UTF-8 becomes U+FFFD; a file with a NUL byte is no text.
        """
        parts = _parts(relative)
        with self._told(relative), self._opened(parts, _READ) as handle:
            _check_regular(relative, os.fstat(handle))
            data, room = bytearray(), limit * _LONGEST_CHARACTER
            while len(data) < room and (more := os.read(handle, room - len(data))):
                data += more
        if b"\0" in data:
            raise InvalidInput(f"{relative!r} is not a text file.")
        return data.decode("utf-8", "replace")[:limit]

    def write_text(self, relative: str, text: str) -> None:
        """Put the file there whole or not at all, with the directories it needs.

        What a repository keeps for itself (`.git`) is refused: git would run hooks from it.
        """
        self.write_chunks(relative, [text.encode("utf-8", "replace")])

    def write_chunks(self, relative: str, chunks: Iterable[bytes]) -> None:
        """Put a file of any content there; otherwise as `write_text`."""
        *directories, name = _writable(relative)
        with self._told(relative), self._made(directories) as handle:
            mode = _present_mode(relative, handle, name)
            _replace(handle, name, chunks, mode)

    def check_writable(self, relative: str) -> None:
        """Raise `InvalidInput` for a name that no file may be written under."""
        _writable(relative)

    def digest(self, relative: str) -> str | None:
        """Return the SHA-256 of a file in hex, None if it is not there."""
        parts = _parts(relative)
        try:
            with self._told(relative), self._opened(parts, _READ) as handle:
                _check_regular(relative, os.fstat(handle))
                with open(handle, "rb", closefd=False) as file:
                    return hashlib.file_digest(file, "sha256").hexdigest()
        except NotFound:
            return None

    def remove(self, relative: str) -> None:
        """Remove a regular file; raises `NotFound` if it is not there."""
        *directories, name = _writable(relative)
        with self._told(relative), self._opened(directories, _DIRECTORY) as handle:
            _check_regular(relative, os.stat(name, dir_fd=handle, follow_symlinks=False))
            os.unlink(name, dir_fd=handle)

    def list_directory(self, relative: str) -> tuple[str, ...]:
        """Return the sorted names in a directory, directories with a `/` behind.

        An empty name or `.` is the workspace itself.
        """
        parts = _components(relative)
        with self._told(relative), self._opened(parts, _DIRECTORY) as handle:
            with os.scandir(handle) as entries:
                names = [
                    entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "")
                    for entry in entries
                ]
            return tuple(sorted(names))

    @contextmanager
    def _opened(self, parts: list[str], flags: int) -> Iterator[int]:
        with self._root_handle() as root:
            handle = _open_beneath(root, parts, flags)
            try:
                yield handle
            finally:
                os.close(handle)

    @contextmanager
    def _made(self, directories: list[str]) -> Iterator[int]:
        """Open a directory, making what is missing on the way."""
        with self._root_handle() as root:
            handle = os.dup(root)
            try:
                for part in directories:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=handle)
                    inner = os.open(part, _DIRECTORY, dir_fd=handle)
                    os.close(handle)
                    handle = inner
                yield handle
            finally:
                os.close(handle)

    @contextmanager
    def _root_handle(self) -> Iterator[int]:
        try:
            handle = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Conflict(
                f"The workspace {self._root} is not there any more.",
                "Put it back, or give the project another workspace.",
            ) from error
        try:
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def _told(self, relative: str) -> Iterator[None]:
        """Say what the system refused in a sentence."""
        try:
            yield
        except OSError as error:
            raise _in_words(relative, error) from error


def _parts(relative: str) -> list[str]:
    """Return the components of an acceptable name of a file."""
    parts = _components(relative)
    if not parts or relative.endswith(("/", "/.")):
        raise InvalidInput(f"{relative!r} does not name a file.")
    return parts


def _writable(relative: str) -> list[str]:
    """Return the components of a name that may be written: what is git's may not."""
    parts = _parts(relative)
    if any(part.lower() == ".git" for part in parts):
        raise InvalidInput(f"{relative!r} belongs to git and is not written.")
    return parts


def _components(relative: str) -> list[str]:
    try:
        if len(os.fsencode(relative)) > _LONGEST_PATH:
            raise InvalidInput(f"{relative[:80]!r}… is too long for a file name.")
    except UnicodeEncodeError:
        raise InvalidInput("A file name with a lone surrogate is not acceptable.") from None
    if "\0" in relative:
        raise InvalidInput("A file name with a NUL byte is not acceptable.")
    if relative.startswith("/"):
        raise InvalidInput(f"{relative!r} is absolute.", "Name it relative to the workspace.")
    parts = [part for part in relative.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise InvalidInput(f"{relative!r} leads out of the directory it is in.", "Leave out `..`.")
    return parts


def _check_regular(relative: str, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise InvalidInput(f"{relative!r} is a directory.")
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInput(f"{relative!r} is not a regular file.")
    if found.st_nlink != 1:
        raise InvalidInput(f"{relative!r} is a hard link and may lie elsewhere too.")


def _present_mode(relative: str, directory: int, name: str) -> int | None:
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    _check_regular(relative, found)
    return stat.S_IMODE(found.st_mode)


def _replace(directory: int, name: str, chunks: Iterable[bytes], mode: int | None) -> None:
    """Write under a name of our own in that very directory, then rename."""
    scratch = f".{new_id()}.tmp"
    handle = os.open(scratch, _NEW, 0o666, dir_fd=directory)
    try:
        try:
            for data in chunks:
                while data:
                    data = data[os.write(handle, data) :]
            if mode is not None:
                os.fchmod(handle, mode)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.rename(scratch, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with suppress(OSError):
            os.unlink(scratch, dir_fd=directory)
        raise


def _in_words(relative: str, error: OSError) -> ForedeckError:
    if error.errno in _ABSENT:
        return NotFound(f"There is no {relative!r} in the workspace.")
    if error.errno in {errno.ELOOP, errno.EXDEV}:
        return InvalidInput(f"{relative!r} is or passes a symbolic link.")
    if error.errno in {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ENXIO, errno.EISDIR}:
        return InvalidInput(f"{relative[:80]!r} is no usable name: {error.strerror}.")
    if error.errno in _FULL:
        return StorageFull(f"The disk has no room for {relative!r}.", "Free some space.")
    return Conflict(f"{relative!r} cannot be used: {error.strerror}.")


def _open_beneath(root: int, parts: list[str], flags: int) -> int:
    path = "/".join(parts) or "."
    if _has_openat2():
        return _openat2(root, path, flags)
    return _open_by_component(root, parts or ["."], flags)


def _open_by_component(root: int, parts: list[str], flags: int) -> int:
    handle = os.dup(root)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _DIRECTORY, dir_fd=handle)
            os.close(handle)
            handle = inner
        return os.open(parts[-1], flags, dir_fd=handle)
    finally:
        os.close(handle)


class _OpenHow(ctypes.Structure):
    """struct open_how of openat2(2)."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


@cache
def _has_openat2() -> bool:
    """Old kernels lack it, and some containers forbid it."""
    try:
        root = os.open("/", os.O_PATH | os.O_CLOEXEC)
        try:
            os.close(_openat2(root, ".", os.O_PATH | os.O_CLOEXEC))
        finally:
            os.close(root)
    except (OSError, AttributeError):
        return False
    return True


def _openat2(directory: int, path: str, flags: int) -> int:
    how = _OpenHow(flags, 0, _BENEATH | _NO_MAGICLINKS | _NO_SYMLINKS)
    for _ in range(_TRIES):
        handle = _libc().syscall(
            ctypes.c_long(_OPENAT2),
            ctypes.c_int(directory),
            ctypes.c_char_p(os.fsencode(path)),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if handle >= 0:
            return int(handle)
        number = ctypes.get_errno()
        if number not in {errno.EINTR, errno.EAGAIN}:  # EAGAIN: something moved meanwhile
            break
    raise OSError(number, os.strerror(number), path)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
