"""Starting codex under the shim, detached: it outlives whoever started it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from foredeck.services.domain.errors import CodexUnreachable
from foredeck.services.jobs import carrier


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
    try:
        return carrier.carry(run_dir, command, environment, grace)
    except OSError as error:
        raise CodexUnreachable(f"{what} could not be started: {error}.") from error
