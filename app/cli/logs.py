"""Printing output files, whole or while they grow."""

from __future__ import annotations

import asyncio
import codecs
import sys
from pathlib import Path

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
    *,
    follow: bool,
    raw: bool,
) -> None:
    """Print the output of a run to stdout; raises `NotFound` for an unknown step."""
    printed: dict[Path, int] = {}
    while True:
        detail = await host.ask(GetRun(ref))
        for path in _paths(detail, step_key, attempt):
            printed[path] = _put_from(path, printed.get(path, 0), raw=raw)
        sys.stdout.flush()
        if not follow or detail.run.state in FINAL_RUNS:
            return
        await asyncio.sleep(_LOOK_AGAIN)


def _paths(detail: RunDetail, step_key: str | None, attempt: int | None) -> list[Path]:
    steps = [step for step in detail.steps if step_key in (None, step.key)]
    if not steps:
        known = ", ".join(step.key for step in detail.steps)
        raise NotFound(f"The run has no step {step_key}.", f"Its steps are {known}.")
    return [path for step in steps if (path := _path(step, attempt))]


def _path(step: StepRow, attempt: int | None) -> Path | None:
    if step.output_path is None:
        return None
    latest = Path(step.output_path)
    if attempt is None:
        return latest
    stem = latest.name.removesuffix(f".{step.attempt}.log")
    return latest.with_name(f"{stem}.{attempt}.log")


def _put_from(path: Path, offset: int, *, raw: bool) -> int:
    """Print what the file has behind `offset`, in whole lines; return the new offset."""
    if not path.exists():
        return offset
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with path.open("rb") as file:
        file.seek(offset)
        while block := file.read(_BLOCK):
            if len(block) == _BLOCK:
                # Lines stay whole, so that no escape sequence is cut in two and revived.
                block += file.readline()
            if raw:
                sys.stdout.buffer.write(block)
            else:
                sys.stdout.write(clean(decoder.decode(block)))
            offset += len(block)
    return offset
