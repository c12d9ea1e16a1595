"""What is written down of a running app-server, so that another process can adopt it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from foredeck.services.jobs.processes import ProcessId, is_alive
from foredeck.services.jobs.run_dir import RunDir

_RUNS_KEPT = 3
_NOT_CONFIGURATION = frozenset({"TERM"})


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """The files of the app-server with that key; several may share a directory."""

    directory: Path
    key: str = "default"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.directory / f"{self._stem}.sock"

    @property
    def record(self) -> Path:
        """What it is: a `ServerRecord`."""
        return self.directory / f"{self._stem}.json"

    @property
    def lock(self) -> Path:
        """Held while somebody starts or stops it."""
        return self.directory / f"{self._stem}.lock"

    @property
    def runs(self) -> Path:
        """One directory for each start; see `jobs.shim`."""
        return self.directory / f"{self._stem}-runs"

    @property
    def _stem(self) -> str:
        return "app-server" if self.key == "default" else f"app-server-{self.key}"


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """An app-server that was started, written before the start.

    `run_dir` is its shim's directory, `mark` the mark on its processes, `config` a
    fingerprint of what it was started with.
    """

    run_dir: str
    mark: str
    binary: str
    version: str
    config: str

    def processes(self) -> tuple[ProcessId, ...]:
        """Return the shim and the server, in that order; nothing if they never started.

        A shim that was killed while it started the server leaves its own identity alone.
        """
        files = RunDir(Path(self.run_dir))
        return tuple(found for found in (files.carrier, files.program) if found)

    @property
    def log(self) -> Path:
        """What the server said."""
        return Path(self.run_dir) / "log"

    @property
    def has_ended(self) -> bool:
        """Whether its shim recorded an end."""
        return (Path(self.run_dir) / "exit").exists()

    @property
    def lives(self) -> bool:
        """Whether the server's own process is there."""
        processes = self.processes()
        return len(processes) > 1 and is_alive(processes[1])

    def same_kind(self, other: ServerRecord) -> bool:
        """Whether both are the same program with the same configuration."""
        return (self.binary, self.version, self.config) == (
            other.binary,
            other.version,
            other.config,
        )


def read_record(place: ServerPlace) -> ServerRecord | None:
    """Return what was written down; None if that is nothing or nothing sensible."""
    try:
        fields = json.loads(place.record.read_text(encoding="utf-8"))
        return ServerRecord(**{name: str(value) for name, value in fields.items()})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def write_record(place: ServerPlace, record: ServerRecord) -> None:
    """Write the record whole or not at all; raises `OSError`."""
    scratch = place.record.with_suffix(".json.new")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(record), file)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(place.record)


def forget(place: ServerPlace) -> None:
    """Remove record and socket of a server that is gone, and the oldest runs."""
    place.record.unlink(missing_ok=True)
    if place.socket.is_symlink():
        target = place.socket.readlink()  # codex puts the socket itself elsewhere
        if target.parent.name.startswith("codex-daemon-"):
            target.unlink(missing_ok=True)
    place.socket.unlink(missing_ok=True)
    runs = sorted(place.runs.iterdir(), key=lambda run: run.stat().st_mtime_ns)
    for run in runs[:-_RUNS_KEPT]:
        shutil.rmtree(run, ignore_errors=True)


def fingerprint(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return a digest of what a server is started with; it gives no value away."""
    kept = {name: environment[name] for name in environment.keys() - _NOT_CONFIGURATION}
    text = json.dumps([list(arguments), kept], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
