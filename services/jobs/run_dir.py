"""What the shim leaves in its directory, read back (see `shim`)."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foredeck.services.jobs import time_index
from foredeck.services.jobs.processes import ProcessId

# What a shim that has ended leaves: taking these away is quicker than looking for them.
_FILES = ("log", "errors", "exit", "started", time_index.NAME)


class RunDir:
    """The directory of one start; remembers nothing: every answer is from the files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "log"
        self.errors = path / "errors"

    def remove(self) -> None:
        """Remove it with all that is in it, as far as that is possible."""
        try:
            for name in _FILES:
                (self.path / name).unlink(missing_ok=True)
            self.path.rmdir()
        except OSError:  # something else is in it
            shutil.rmtree(self.path, ignore_errors=True)

    @property
    def was_started(self) -> bool:
        """Whether a program was let go here, by this host or an earlier one."""
        return (self.path / "started").exists()

    @property
    def ending(self) -> Mapping[str, Any] | None:
        """How the program ended ({code, signal, why}), None while it has not."""
        return _record(self.path / "exit")

    @property
    def is_locked(self) -> bool:
        """Whether a shim works here now, also one that has not let its program go yet.

        Asking holds the lock for a moment: a shim that comes right then is refused its start.
        """
        try:
            lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    @property
    def program(self) -> ProcessId | None:
        """The program, None before its start."""
        return _process_id(self._started(1))

    @property
    def carrier(self) -> ProcessId | None:
        """The shim that watches over the program, None before its start."""
        return _process_id(self._started(0))

    def _started(self, line: int) -> Any:
        try:
            return json.loads((self.path / "started").read_bytes().splitlines()[line])
        except (OSError, ValueError, IndexError):
            return None


def _process_id(fields: Any) -> ProcessId | None:
    try:
        return ProcessId(int(fields["pid"]), int(fields["start_time"]), str(fields["boot_id"]))
    except (KeyError, TypeError, ValueError):
        return None


def _record(path: Path) -> dict[str, Any] | None:
    try:
        fields = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return fields if isinstance(fields, dict) else None
