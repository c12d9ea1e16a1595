"""Output files: whoever produces appends in batches, whoever shows reads what it paints."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from foredeck.services.domain.errors import StorageFull, StoreError
from foredeck.services.domain.segments import SUFFIX, Insertion, Segment, SegmentKind
from foredeck.services.jobs.append_file import AppendFile
from foredeck.services.redaction import Redactor

FLUSH_SECONDS = 0.05
FLUSH_BYTES = 64 * 1024
RETRY_SECONDS = 0.5
MEMORY_LIMIT = 64 * 1024 * 1024

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_TAIL_BLOCK = 64 * 1024
_TAIL_LIMIT = 1024 * 1024


@dataclass(slots=True)
class _Batch:
    """Bytes to append at `at`, and the parts that begin in them."""

    at: int
    data: bytearray = field(default_factory=bytearray)
    segments: list[Segment] = field(default_factory=list)

    def insert(self, at: int, data: bytes) -> None:
        """Put `data` in at the file's byte `at`; parts beginning behind it move."""
        self.data[at - self.at : at - self.at] = data
        self.segments = [
            replace(segment, at=segment.at + len(data)) if segment.at > at else segment
            for segment in self.segments
        ]


@dataclass(slots=True)
class _Insert:
    """Bytes to put in at `at`, once everything queued before is in the file."""

    at: int
    data: bytes


@dataclass(slots=True)
class _Record:
    """A line that still has to reach the segments file."""

    line: bytes


class OutputWriter:
    """Appends to one output file and its segments file (see `domain.segments`).

    Lives on one event loop. Writes are collected and reach the file within
    `FLUSH_SECONDS` or `FLUSH_BYTES`, whichever is first; without a running loop at
    once. On a full disk the bytes wait in memory, up to `MEMORY_LIMIT`, and are written
    when there is room again; `full` says so. What is beyond the limit is given up,
    newest first, and a line in the file says how much. A part's first byte is
    always in the file before its record is in the segments file.

    Raises `StorageFull` when the file cannot be created for want of room, `StoreError`
    for every other failure of the file system (also from `write`, for an
    earlier batch). An existing file is continued.

    `redactor` is for whoever writes (`codex.live_output`): here bytes are bytes.
    """

    def __init__(self, path: Path, redactor: Redactor | None = None) -> None:
        self.path = path
        self.redactor = redactor or Redactor()
        self._log, self._records = _open_pair(path)
        self._size = self._log.size
        self._fresh = self._size == 0 or self._log.last_byte() == b"\n"
        self._queue: list[_Batch | _Insert | _Record] = []
        self._queued = 0
        self._lost = 0
        self._lost_ever = False
        self._timer: asyncio.TimerHandle | None = None
        self._error: StoreError | None = None
        self._closed = False
        self._full = False

    @property
    def size(self) -> int:
        """Bytes written so far, those still in memory included."""
        return self._size

    @property
    def full(self) -> bool:
        """Whether bytes wait in memory because the disk has no room."""
        return self._full

    def segment(self, kind: SegmentKind, label: str = "", of: str = "") -> int:
        """Begin a part of that kind here, on a fresh line; return its byte offset."""
        self._check()
        if not self._fresh:
            self._append(b"\n")
        mark = Segment(self._size, kind, time.time_ns() // 1_000_000, label, of)
        self._batch().segments.append(mark)
        self._schedule()
        return mark.at

    def write(self, text: str | bytes) -> None:
        """Append to the present part; control sequences are kept as they are."""
        self._check()
        data = _encode(text)
        if not data:
            return
        if self._has_no_room_for(data):
            self._lost += len(data)
        else:
            self._append(data)
        self._schedule()

    def insert(self, at: int, text: str | bytes) -> None:
        """Put bytes in at offset `at`, moving everything behind.

        A part that begins exactly at `at` stays where it is and gets the bytes.
        Raises `StoreError` if `at` is not within the output.
        """
        self._check()
        if not 0 <= at <= self._size:
            raise StoreError(f"Nothing can be inserted at byte {at} of {self.path}.")
        data = _encode(text)
        if at == self._size:
            self.write(data)
        elif self._has_no_room_for(data):
            self._lost += len(data)
        elif data:
            self._put_in(at, data)
            self._schedule()

    def flush(self) -> None:
        """Bring everything to the file now; raises `StorageFull` if there is no room."""
        self._check()
        self._drain()

    def close(self) -> None:
        """Flush and close; raises `StorageFull` if bytes had to be given up."""
        if self._closed:
            return
        try:
            self.flush()
        finally:
            self._closed = True
            self._stop_timer()
            self._log.close()
            self._records.close()
        if self._lost_ever:
            raise _storage_full(self.path)

    def _check(self) -> None:
        if self._closed:
            raise StoreError(f"The output file {self.path} is closed.")
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _has_no_room_for(self, data: bytes) -> bool:
        """Whether memory holds all it may; once bytes are lost, so are those after them."""
        return self._full and (self._lost > 0 or self._queued + len(data) > MEMORY_LIMIT)

    def _batch(self) -> _Batch:
        last = self._queue[-1] if self._queue else None
        if isinstance(last, _Batch):
            return last
        batch = _Batch(self._size)
        self._queue.append(batch)
        return batch

    def _append(self, data: bytes) -> None:
        self._batch().data += data
        self._queued += len(data)
        self._size += len(data)
        self._fresh = data.endswith(b"\n")

    def _put_in(self, at: int, data: bytes) -> None:
        last = self._queue[-1] if self._queue else None
        if isinstance(last, _Batch) and at >= last.at:
            last.insert(at, data)
        else:
            self._queue.append(_Insert(at, data))
        self._queued += len(data)
        self._size += len(data)

    def _schedule(self) -> None:
        """Write now when there is enough (or no loop to wait on), else soon."""
        if self._queued >= FLUSH_BYTES and not self._full:
            self._try_drain()
        if self._timer is not None or not (self._queue or self._lost):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._try_drain()
            return
        delay = RETRY_SECONDS if self._full else FLUSH_SECONDS
        self._timer = loop.call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        try:
            self._try_drain()
        except StoreError as error:
            self._error = error
            return
        if self._queue or self._lost:
            self._schedule()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _try_drain(self) -> None:
        try:
            self._drain()
        except StorageFull:
            return  # `full` says so, and the timer tries again

    def _drain(self) -> None:
        try:
            self._drain_queue()
            if self._lost:
                self._tell_the_loss()
                self._drain_queue()
        except OSError as error:
            if error.errno not in _FULL:
                raise _store_error(self.path, error) from error
            self._full = True
            raise _storage_full(self.path) from error
        self._full = False
        self._stop_timer()

    def _drain_queue(self) -> None:
        while self._queue:
            first = self._queue[0]
            if isinstance(first, _Insert):
                self._log.insert(first.at, first.data)
                self._queued -= len(first.data)
                line = Insertion(first.at, len(first.data)).to_line().encode()
                self._queue[0] = first = _Record(line)  # never inserted twice
            if isinstance(first, _Record):
                self._records.append_whole(first.line)
            else:
                self._write_batch(first)
            self._queue.pop(0)

    def _write_batch(self, batch: _Batch) -> None:
        while batch.data:
            count = self._log.append(batch.data)
            del batch.data[:count]
            batch.at += count
            self._queued -= count
        if batch.segments:
            lines = "".join(segment.to_line() for segment in batch.segments)
            self._records.append_whole(lines.encode("utf-8", "replace"))
            batch.segments.clear()

    def _tell_the_loss(self) -> None:
        lost, self._lost = self._lost, 0
        self._lost_ever = True
        start = b"" if self._fresh else b"\n"
        self._append(start + b"[%d bytes not kept: the disk was full]\n" % lost)


def read_tail(path: Path, lines: int) -> str:
    """Return the last `lines` lines of a file as they are, at most 1 MiB; empty if it is not there.

    Reads from the end, so the size of the file does not matter. The text is not sanitised.
    """
    data = b""
    try:
        with path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            while position > 0 and len(data) < _TAIL_LIMIT and data.count(b"\n") <= lines:
                length = min(_TAIL_BLOCK, position)
                position = file.seek(position - length)
                data = file.read(length) + data
    except OSError:
        return ""
    kept = data.removesuffix(b"\n").split(b"\n")[-lines:] if lines > 0 else []
    end = b"\n" if kept and data.endswith(b"\n") else b""
    return (b"\n".join(kept) + end).decode("utf-8", "replace")


def make_private_directory(path: Path) -> None:
    """Create a directory and what is missing above it, for this user alone (0700).

    Raises `OSError`.
    """
    if path.is_dir():
        return
    with suppress(FileNotFoundError, FileExistsError):
        path.mkdir(mode=0o700)
        return
    for directory in reversed([path, *path.parents]):
        if not directory.exists():
            directory.mkdir(mode=0o700, exist_ok=True)


def _open_pair(path: Path) -> tuple[AppendFile, AppendFile]:
    try:
        make_private_directory(path.parent)
        with ExitStack() as opened:
            log = opened.enter_context(closing(AppendFile(path)))
            records = opened.enter_context(closing(AppendFile(path.with_name(path.name + SUFFIX))))
            if records.last_byte() not in {b"", b"\n"}:
                records.append_whole(b"\n")
            opened.pop_all()
    except OSError as error:
        if error.errno in _FULL:
            raise _storage_full(path) from error
        raise _store_error(path, error) from error
    return log, records


def _encode(text: str | bytes) -> bytes:
    return text.encode("utf-8", "replace") if isinstance(text, str) else text


def _storage_full(path: Path) -> StorageFull:
    return StorageFull(
        f"The disk has no room for the output file {path}.",
        "Free some space; the output goes on when there is room.",
    )


def _store_error(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"The output file {path} cannot be written: {error.strerror or error}.",
        "Check the data directory and the disk it lies on.",
    )
