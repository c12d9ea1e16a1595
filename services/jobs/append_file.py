"""A file that one writer lengthens, by a known size, without ever losing what it holds."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_MOVE_BLOCK = 256 * 1024
_CANNOT_RESERVE = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


class AppendFile:
    """A private file (0600) and its size in bytes; every method may raise `OSError`."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.size = os.fstat(self._fd).st_size

    def last_byte(self) -> bytes:
        """Return the last byte, or nothing if the file is empty."""
        return os.pread(self._fd, 1, self.size - 1) if self.size else b""

    def append(self, data: bytes | bytearray) -> int:
        """Write as much of `data` as one call takes; return how much that was."""
        count = os.pwrite(self._fd, data, self.size)
        self.size += count
        return count

    def append_whole(self, data: bytes) -> None:
        """Write all of `data` or, if that fails, nothing of it."""
        before = self.size
        try:
            while data:
                data = data[self.append(data) :]
        except OSError:
            self.size = before
            os.ftruncate(self._fd, before)
            raise

    def insert(self, at: int, data: bytes) -> None:
        """Put `data` in at byte `at`.

        The room is reserved first and the tail is copied from its end backwards, so a
        process that dies in between leaves bytes twice, never none of them.
        """
        self._reserve(len(data))
        position = self.size
        while position > at:
            length = min(_MOVE_BLOCK, position - at)
            position -= length
            self._write_at(os.pread(self._fd, length, position), position + len(data))
        self._write_at(data, at)
        self.size += len(data)

    def close(self) -> None:
        """Give the file back."""
        os.close(self._fd)

    def _reserve(self, length: int) -> None:
        try:
            os.posix_fallocate(self._fd, self.size, length)
        except OSError as error:
            os.ftruncate(self._fd, self.size)
            if error.errno not in _CANNOT_RESERVE:
                raise
            os.ftruncate(self._fd, self.size + length)

    def _write_at(self, data: bytes, position: int) -> None:
        while data:
            count = os.pwrite(self._fd, data, position)
            data, position = data[count:], position + count
