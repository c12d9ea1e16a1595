"""Starting a program under the shim, detached: it outlives whoever started it."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from foredeck.services.jobs import shim

# How long the shim may take to be gone from here, in seconds.
_START_SECONDS = 20.0


def carry(
    run_dir: str | Path,
    command: Sequence[str],
    environment: Mapping[str, str],
    grace: float,
    *,
    timeout: float | None = None,
    directory: str | None = None,
) -> int:
    """Start `command` under a shim in `run_dir`; returns the shim's code, 0 for started.

    `grace` and `timeout` (None for none) are in seconds; `directory` is where the program works,
    None for where we are. Raises `OSError`. Not for an event loop.
    """
    carrier = [sys.executable, "-I", "-S", "-E", shim.__file__, "--detach"]
    carrier += ["--grace", str(grace)]
    carrier += ["--timeout", str(timeout)] if timeout is not None else []
    try:
        done = subprocess.run(
            [*carrier, str(run_dir), "--", *command],
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            timeout=_START_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(errno.ETIMEDOUT, "it did not start in time") from error
    return done.returncode
