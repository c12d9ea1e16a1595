"""Starting codex under the shim, detached: it outlives whoever started it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from foredeck.services.domain.errors import CodexUnreachable
from foredeck.services.jobs import shim

# How long the shim may take to be gone from here, in seconds.
_START_SECONDS = 20.0


def carry(
    what: str,
    run_dir: str | Path,
    command: Sequence[str],
    environment: Mapping[str, str],
    grace: float,
) -> int:
    """Start `command` under a shim in `run_dir`; returns the shim's code, 0 for started.

    `what` names it in an error, `grace` is in seconds. Raises `CodexUnreachable`. Not for an
    event loop.
    """
    carrier = [sys.executable, "-I", "-S", "-E", shim.__file__, "--detach"]
    carrier += ["--grace", str(grace), str(run_dir), "--", *command]
    try:
        done = subprocess.run(
            carrier,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            timeout=_START_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CodexUnreachable(f"{what} could not be started: {error}.") from error
    return done.returncode
