"""Printing output files, whole or while they grow."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from foredeck.app.cli.changes import Changes
from foredeck.app.cli.render import local_time, say
from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.safe_text import clean
from foredeck.services.domain.states import FINAL_RUNS
from foredeck.services.domain.views import RunDetail, StepRow
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetRun

_BLOCK = 1 << 16
# How often a growing file is looked at, in seconds.
_LOOK_AGAIN = 0.2


async def put_logs(
    host: Host,
    ref: str,
    step_key: str | None,
    attempt: int | None,
    printer: LogPrinter,
    *,
    follow: bool,
) -> None:
    """Print the output of a run to stdout; raises `NotFound` for an unknown step or attempt.

    Called again with the same `printer`, it goes on where it was.
    """
    changes = Changes(host)
    try:
        while True:
            detail = await host.ask(GetRun(ref))
            steps = _steps(detail, step_key, attempt)
            goes_on = follow and detail.run.state not in FINAL_RUNS
            _put(steps, attempt, printer, whole_lines=goes_on)
            if not goes_on:
                break
            while not await changes.within(_LOOK_AGAIN):
                _put(steps, attempt, printer, whole_lines=True)
    finally:
        changes.close()
    if removed := _removed(detail, steps, attempt):
        say(removed)
    elif not printer.printed:
        say("There is no output yet.")


def _removed(detail: RunDetail, steps: list[StepRow], attempt: int | None) -> str:
    """Return of which steps the output was removed, and when; empty if of none."""
    if detail.output_removed_at is None:
        return ""
    paths = {step.key: _path(step, attempt) for step in steps}
    gone = [key for key, path in paths.items() if path is not None and not path.exists()]
    what = "this run" if len(gone) == len(steps) else ", ".join(gone)
    when = local_time(detail.output_removed_at)
    return f"The output of {what} was removed on {when}; its record stays." if gone else ""


def _put(
    steps: list[StepRow], attempt: int | None, printer: LogPrinter, *, whole_lines: bool
) -> None:
    for step in steps:
        if path := _path(step, attempt):
            printer.put(step.title, path, whole_lines=whole_lines)
    sys.stdout.flush()


class LogPrinter:
    """Prints what is new in each file, to stdout or `stream`; remembers how far it came."""

    def __init__(self, *, titled: bool, raw: bool, stream: TextIO | None = None) -> None:
        self.printed: dict[Path, int] = {}
        self._titled = titled and not raw
        self._raw = raw
        self._stream = stream or sys.stdout
        self._last: Path | None = None
        self._gap = ""

    def put(self, title: str, path: Path, *, whole_lines: bool) -> None:
        """Print what the file has that was not printed; the title first when it changes.

        With `whole_lines` a line that is still being written waits for its end, so that no
        escape sequence is cut in two and revived.
        """
        offset = self.printed.get(path, 0)
        for block in _blocks(path, offset, whole_lines=whole_lines):
            if self._titled and path != self._last:
                self._stream.write(f"{self._gap}── {title} ──\n")
            self._last = path
            if self._raw:
                self._stream.buffer.write(block)
            else:
                self._stream.write(clean(block.decode("utf-8", "replace")))
            self._gap = "\n" if block.endswith(b"\n") else "\n\n"
            offset += len(block)
            self.printed[path] = offset


def _blocks(path: Path, offset: int, *, whole_lines: bool) -> Iterator[bytes]:
    """Yield the file from `offset` on, in blocks that end with a line; the last one may not."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(offset)
        while block := file.read(_BLOCK):
            block += file.readline()
            if whole_lines and not block.endswith(b"\n"):
                block = block[: block.rfind(b"\n") + 1]
            if block:
                yield block


def _steps(detail: RunDetail, step_key: str | None, attempt: int | None) -> list[StepRow]:
    steps = [step for step in detail.steps if step_key in (None, step.key)]
    if not steps:
        known = ", ".join(step.key for step in detail.steps)
        raise NotFound(f"The run has no step {step_key}.", f"Its steps are {known}.")
    chosen = [step for step in steps if attempt is None or attempt <= step.attempt]
    if not chosen:
        most = max(step.attempt for step in steps)
        raise NotFound(f"There is no attempt {attempt}.", f"The latest one is {most}.")
    return chosen


def _path(step: StepRow, attempt: int | None) -> Path | None:
    if step.output_path is None:
        return None
    latest = Path(step.output_path)
    if attempt is None:
        return latest
    stem = latest.name.removesuffix(f".{step.attempt}.log")
    if stem == latest.name:
        return latest  # one file for all attempts
    return latest.with_name(f"{stem}.{attempt}.log")
