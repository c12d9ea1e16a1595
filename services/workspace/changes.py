"""What a job changed in a workspace: a look before, a look after.

Codex reports only the files of its own patches; what commands write it does not know.
"""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.records import ChangeKind, FileChange

FILE_LIMIT = 200_000
SECONDS_LIMIT = 20.0

# What tools make for themselves; nobody asks whether a job changed it.
_IGNORED = frozenset(
    {
        ".git", ".hg", ".svn", ".jj", "node_modules", ".venv", "venv", "__pycache__",
        ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox", ".eggs",
    }
)  # fmt: skip
_IGNORED_ENDINGS = (".dist-info", ".egg-info", ".pyc")
# The repository's own configuration must not make git start a program of its choice.
_GIT = (
    "git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
    "ls-files", "-z", "--cached", "--others", "--exclude-standard",
)  # fmt: skip
_GIT_SECONDS = 15.0
_CLOCK_GRAIN = 0.02


@dataclass(frozen=True, slots=True)
class FileState:
    """What of a file changes when it is written: bytes, nanoseconds since 1970, inode, mode."""

    size: int
    modified_ns: int
    inode: int
    mode: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of the workspace `root` at a moment, by relative path with `/`.

    `complete` is False when there were more files, or it took longer, than allowed:
    then what is missing from the snapshot says nothing.
    """

    root: Path
    files: dict[str, FileState] = field(default_factory=dict)
    complete: bool = True


async def snapshot(workspace: Path) -> Snapshot:
    """Look at every file that is not ignored; in a git repository git says what is.

    Runs in a thread. Raises `Conflict` when the workspace is not there any more.
    """
    return await asyncio.to_thread(_look, workspace)


def differences(before: Snapshot, after: Snapshot) -> tuple[FileChange, ...]:
    """Return what was created, modified and deleted in between, sorted by path.

    A file that merely became ignored was not deleted, so the disk is asked about each
    that is missing. Bytes of a name that are no UTF-8 are shown as `\\xNN`.
    """
    found: list[FileChange] = []
    for path, state in after.files.items():
        old = before.files.get(path)
        if old is None and before.complete:
            found.append(_change(path, ChangeKind.CREATED))
        elif old is not None and old != state:
            found.append(_change(path, ChangeKind.MODIFIED))
    if after.complete:
        missing = before.files.keys() - after.files.keys()
        gone = (path for path in missing if not os.path.lexists(after.root / path))
        found.extend(_change(path, ChangeKind.DELETED) for path in gone)
    return tuple(sorted(found, key=lambda change: change.path))


def _change(path: str, kind: ChangeKind) -> FileChange:
    return FileChange(os.fsencode(path).decode("utf-8", "backslashreplace"), kind)


def _look(workspace: Path) -> Snapshot:
    if not workspace.is_dir():
        raise Conflict(
            f"The workspace {workspace} is not there any more.",
            "Put it back, or give the project another workspace.",
        )
    deadline = time.monotonic() + SECONDS_LIMIT
    paths = _listed_by_git(workspace)
    return _collect(workspace, _walk(workspace, "") if paths is None else paths, deadline)


def _collect(workspace: Path, paths: Iterable[str], deadline: float) -> Snapshot:
    files: dict[str, FileState] = {}
    root = os.fspath(workspace)
    newest = 0
    for count, path in enumerate(paths):
        if count >= FILE_LIMIT or time.monotonic() > deadline:
            return Snapshot(workspace, files, complete=False)
        state = _state(f"{root}/{path}")
        if state is not None:
            files[path] = state
            newest = max(newest, state.modified_ns)
    if time.time_ns() - newest < _CLOCK_GRAIN * 1e9:
        # A write within the same grain of the file system's clock would leave the same
        # time: let the grain pass, and every later write shows.
        time.sleep(_CLOCK_GRAIN)
    return Snapshot(workspace, files)


def _state(path: str) -> FileState | None:
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        return None
    return FileState(found.st_size, found.st_mtime_ns, found.st_ino, found.st_mode)


def _listed_by_git(workspace: Path) -> Iterator[str] | None:
    """What git would track here; None where the workspace is no repository of its own.

    A repository further up is not asked: it may well ignore the whole workspace.
    """
    if not os.path.lexists(workspace / ".git"):
        return None
    kept = ("PATH", "HOME", "XDG_CONFIG_HOME")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    try:
        listing = subprocess.run(
            _GIT,
            cwd=workspace,
            env=environment | {"GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return _of_interest(workspace, listing)


def _of_interest(workspace: Path, listing: bytes) -> Iterator[str]:
    for raw in listing.split(b"\0"):
        path = os.fsdecode(raw)
        if not path or path.startswith(("/", "../")) or any(map(_ignored, path.split("/"))):
            continue
        if path.endswith("/"):  # a repository inside, of which git lists only the name
            yield from _walk(workspace, path)
        else:
            yield path


def _walk(workspace: Path, below: str) -> Iterator[str]:
    """Yield the relative path of everything below that is no directory."""
    pending = [below]
    while pending:
        prefix = pending.pop()
        try:
            with os.scandir(workspace / prefix) as entries:
                for entry in entries:
                    if _ignored(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(f"{prefix}{entry.name}/")
                    else:
                        yield f"{prefix}{entry.name}"
        except OSError:
            continue  # gone in the meantime, or not ours to read


def _ignored(name: str) -> bool:
    return name in _IGNORED or name.endswith(_IGNORED_ENDINGS)
