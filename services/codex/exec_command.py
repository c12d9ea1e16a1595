"""The command line of `codex exec` for a turn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foredeck.services.codex.orders import TurnOrder
from foredeck.services.jobs.processes import MARK


def exec_command(program: Path, order: TurnOrder, schema: Path | None) -> list[str]:
    """Return the words; the prompt comes by stdin.

    Codex remembers neither directory nor sandbox nor model of a session, so a resumed turn
    says them again, in front of `resume`.
    """
    words = [str(program), "exec", "--json", "--skip-git-repo-check"]
    # Offline it would go on trying for ever; a person's shell must not be copied.
    words += ["--disable", "unbounded_connection_retries", "--disable", "shell_snapshot"]
    words += ["-C", str(order.place), "-s", order.sandbox.value]
    words += ["-m", order.model] if order.model else []
    words += ["--output-schema", str(schema)] if schema else []
    for key, value in {**order.config, **_own_settings(order)}.items():
        words += ["-c", f"{key}={_toml(value)}"]
    return [*words, "resume", order.thread_id, "-"] if order.thread_id else [*words, "-"]


def _own_settings(order: TurnOrder) -> dict[str, Any]:
    """Only PATH, HOME and the like for commands, never our keys; the mark finds what is left."""
    return {
        "shell_environment_policy.inherit": "core",
        "shell_environment_policy.set": {
            **order.environment,
            MARK: order.job_id,
            "SHLVL": "1",
        },
        "allow_login_shell": False,
    }


def _toml(value: Any) -> str:
    """Return a value as codex reads it behind `-c key=`."""
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(str(key))} = {_toml(entry)}" for key, entry in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    return json.dumps(str(value))
