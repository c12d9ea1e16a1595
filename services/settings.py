"""Settings: what they are, where each value came from."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from foredeck.services.domain.records import Mode, Sandbox


def _xdg(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback)


@dataclass(frozen=True)
class Settings:
    """Everything a person can set; times are seconds.

    `api_key` is a reference (`env:NAME`, `file:PATH`), never the key itself.
    """

    data_dir: Path = field(
        default_factory=lambda: _xdg("XDG_DATA_HOME", ".local/share") / "foredeck"
    )
    workspaces_root: Path = field(default_factory=lambda: Path.home() / "foredeck")
    codex_path: Path | None = None
    codex_home: Path | None = None
    codex_model: str | None = None
    mode: Mode = Mode.AUTO
    model: str = "gpt-5.5"
    base_url: str | None = None
    api_key: str = "env:OPENAI_API_KEY"
    sandbox: Sandbox = Sandbox.WORKSPACE_WRITE
    turn_timeout: float = 600.0
    stall_timeout: float = 300.0
    stage_timeout: float = 3600.0
    turn_limit: int = 4
    max_rework: int = 1
    grace: float = 5.0
    theme: str = "foredeck-dark"
    frame_rate: int = 20
    rehearsal: bool = False
