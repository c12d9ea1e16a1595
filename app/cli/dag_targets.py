"""Which workflow a name on the command line means: a file, one of the folder, a built-in one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foredeck.services.workflow.finding import Target


@dataclass(frozen=True)
class ReadTarget:
    """A workflow's text, and what to call it; `path` is empty where there is no file."""

    source: str
    name: str
    path: str = ""


def known_targets() -> list[Target]:
    """Return what can be run by name here; the nearest folder comes first."""
    from foredeck.services.workflow import finding

    return finding.known_targets(Path.cwd())


def is_target(wanted: str) -> bool:
    """Whether this names a workflow: a file, or one that can be run by name."""
    return _is_file(wanted) or wanted in {target.name for target in known_targets()}


def read_target(wanted: str) -> ReadTarget:
    """Return the text of a workflow; `-` reads stdin. Raises `NotFound` and `InvalidInput`."""
    from foredeck.services.workflow import finding

    if wanted == "-":
        data = sys.stdin.buffer.read(finding.LARGEST)
        return ReadTarget(finding.decoded(data, "stdin"), "<stdin>")
    if _is_file(wanted):
        return _read(Path(wanted).expanduser())
    target = finding.named(wanted, Path.cwd())
    return _read(Path(target.path)) if target.path else ReadTarget(finding.text_of(target), wanted)


def _is_file(wanted: str) -> bool:
    from foredeck.services.workflow.finding import SUFFIXES

    path = Path(wanted).expanduser()
    return wanted == "-" or path.is_file() or path.suffix in SUFFIXES or "/" in wanted


def _read(path: Path) -> ReadTarget:
    from foredeck.services.workflow.finding import read_text

    return ReadTarget(read_text(path), str(path), str(path.absolute()))
