"""What of the data directory goes into a backup.

Everything but what belongs to this machine and this moment: the database's own files (a copy
of it is made by SQLite), sockets, locks, and the records of a running host and app-server.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from foredeck.services.host.address import DIRECTORY as HOST
from foredeck.services.host.lock import LOCK_NAME
from foredeck.services.store.place import NAME as DATABASE

_TOP = frozenset({DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal"})
LEFT_OUT = _TOP | {LOCK_NAME, HOST, "codex"}
# What runs and jobs have printed; what is known of how a job was started and ended stays.
_LOGS = {
    "codex-runs": (".log",),
    "jobs": ("log", "errors"),
    "job-output": ("log", "errors", "times"),
}


def contents(data_dir: Path, *, output: bool) -> Iterator[tuple[str, int]]:
    """Yield the path of each file, relative to the data directory, and its size in bytes.

    Links are not followed and not taken up. What goes away meanwhile is left out.
    """
    for relative, entry in _walk(data_dir, ""):
        top, _, rest = relative.partition("/")
        if top in LEFT_OUT or (not output and _is_output(top, rest)):
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(status.st_mode) and not relative.endswith(".lock"):
            yield relative, status.st_size


def _is_output(top: str, rest: str) -> bool:
    name = rest.rpartition("/")[2]
    return top == "output" or any(
        name == end or (end.startswith(".") and name.endswith(end)) for end in _LOGS.get(top, ())
    )


def _walk(directory: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        relative = f"{prefix}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if relative not in LEFT_OUT and entry.name != ".removed":
                yield from _walk(Path(entry.path), f"{relative}/")
        else:
            yield relative, entry
