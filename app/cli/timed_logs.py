"""Printing what a job has printed, each line behind the time at which it was there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TextIO

import click

from foredeck.services.domain.safe_text import clean
from foredeck.services.jobs.time_index import NAME, Mark, marks

_BLOCK = 1 << 16


class TimedPrinter:
    """Prints what is new of stdout and stderr in the order of their times.

    A line has the time at which its end was there; a new day is told in a line of its own.
    """

    def __init__(self, output: Path, errors: Path | None) -> None:
        self._index = output.with_name(NAME)
        self._read = 0
        self._output = _Stream(output, sys.stdout)
        self._errors = _Stream(errors, sys.stderr) if errors else None
        self._day = ""
        self._last: datetime | None = None

    @property
    def printed(self) -> bool:
        """Whether there was anything to print."""
        return any(stream.offset for stream in (self._output, self._errors) if stream)

    def put(self, *, last: bool) -> None:
        """Print what has a time now; with `last` also what never got one."""
        for read, mark in marks(self._index, self._read):
            self._read = read
            self._put(mark)
        if last:
            self._put_rest()
        sys.stdout.flush()
        sys.stderr.flush()

    def _put(self, mark: Mark) -> None:
        self._last = mark.moment
        self._write(self._output, mark.output)
        if self._errors:
            self._write(self._errors, mark.errors)

    def _put_rest(self) -> None:
        for stream in (self._output, self._errors):
            if stream:
                self._write(stream, stream.size(), whole=False)

    def _write(self, stream: _Stream, end: int, *, whole: bool = True) -> None:
        for line in stream.lines(end, whole=whole):
            if self._last is None:
                time = "--:--:--.---"
            else:
                local = self._last.astimezone()
                self._tell_day(local)
                time = local.strftime("%H:%M:%S.%f")[:-3]
            stream.stream.write(f"{time} {clean(line)}\n")

    def _tell_day(self, local: datetime) -> None:
        if (day := local.strftime("%Y-%m-%d")) != self._day:
            self._day = day
            click.echo(f"── {day} ──", err=True)


class _Stream:
    """A growing file of lines, and where they go."""

    def __init__(self, path: Path, stream: TextIO) -> None:
        self.stream = stream
        self.offset = 0
        self._path = path

    def size(self) -> int:
        """Return how many bytes there are."""
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def lines(self, end: int, *, whole: bool) -> Iterator[str]:
        """Yield the lines up to that byte; unless they are `whole`, also one without an end.

        Of a line longer than a block, each block is a line.
        """
        if end <= self.offset:
            return
        with self._path.open("rb") as file:
            file.seek(self.offset)
            while self.offset < end:
                line = file.readline(min(_BLOCK, end - self.offset))
                if not line or (whole and not line.endswith(b"\n") and len(line) < _BLOCK):
                    return
                self.offset += len(line)
                yield line.decode("utf-8", "replace").rstrip("\r\n")
