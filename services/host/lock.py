"""Who holds the data directory: one host at a time, free at once when it dies."""

from __future__ import annotations

import fcntl
import json
import os
import time
from datetime import datetime
from pathlib import Path

from foredeck.services.domain import clock
from foredeck.services.domain.errors import HostBusy, StoreError

LOCK_NAME = "host.lock"

# `is_held` of another process holds the lock for a moment too, shared, in seconds.
_PATIENCE = 0.3
_POLL = 0.01


class HostLock:
    """An flock on a file of the data directory.

    The kernel frees it when the holder ends, kill -9 included; the descriptor is
    close-on-exec, so that no child keeps it. The file says who holds it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, data_dir: Path, role: str) -> HostLock:
        """Take the lock; raises `HostBusy` naming the holder, or `StoreError`."""
        path = data_dir / LOCK_NAME
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"The data directory {data_dir} cannot be used: {error.strerror}.",
                "Check its permissions, or choose another with --data-dir.",
            ) from error
        try:
            _take(descriptor)
        except BlockingIOError as error:
            os.close(descriptor)
            raise busy(data_dir) from error
        _sign(descriptor, role)
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back; safe to call twice."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1


def _take(descriptor: int) -> None:
    """Lock it; raises `BlockingIOError` if it is held for longer than a look at it takes."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL)
        else:
            return


def busy(data_dir: Path) -> HostBusy:
    """Return the error that says who holds the data directory."""
    return HostBusy(
        f"{_who(data_dir)} is working on {data_dir}.",
        "Commands and dashboards work beside it; close it first to take its place.",
    )


def unheard(data_dir: Path) -> HostBusy:
    """Return the error that says who holds the data directory and does not answer."""
    return HostBusy(
        f"{_who(data_dir)} is working on {data_dir} and does not answer.",
        "It may be stopped (Ctrl-Z; fg brings it back) or about to close: "
        "try again, or end that process.",
    )


def _who(data_dir: Path) -> str:
    holder = read_holder(data_dir)
    if holder is None:
        return "Another Foredeck"
    return f"{holder['role']} (process {holder['pid']}, since {_clock_time(holder['since'])})"


def is_held(data_dir: Path) -> bool:
    """Return whether a host runs on this data directory now."""
    try:
        descriptor = os.open(data_dir / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def read_holder(data_dir: Path) -> dict[str, str] | None:
    """Return {role, pid, since} of the present holder, or None if it cannot be told."""
    try:
        fields = json.loads((data_dir / LOCK_NAME).read_text())
        return {key: str(fields[key]) for key in ("role", "pid", "since")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sign(descriptor: int, role: str) -> None:
    fields = {"role": role, "pid": os.getpid(), "since": clock.now().isoformat()}
    os.ftruncate(descriptor, 0)
    try:
        os.pwrite(descriptor, json.dumps(fields).encode(), 0)
    except OSError:
        # The lock itself holds on a full disk; only the name of the holder is missing.
        return


def _clock_time(stamp: str) -> str:
    return datetime.fromisoformat(stamp).astimezone().strftime("%H:%M")
