"""What a codex turn is asked for and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foredeck.services.codex.approvals import Approver, DeclineAll
from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.records import FileChange, Sandbox, TokenUsage
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.jobs.output import OutputWriter


@dataclass(frozen=True)
class TurnOrder:
    """One codex turn to run in a workspace, in its `directory` (relative; empty for all of it).

    `job_id` marks every process of the turn (FOREDECK_JOB_ID). `thread_id` resumes that
    thread, else a new one begins. `thread_usage` is what the thread had used before, so
    that the turn's own tokens are a difference. `output_schema` is a JSON schema for the
    last message. `config` are further settings of codex; Foredeck's own go before them.
    `timeout` and `stall_timeout` are seconds; a stall is no sign of life from codex at all
    while no command runs. `left` says that an earlier host may have begun the turn, and on
    which thread; nobody counted its seconds meanwhile, so they begin anew.
    `environment` is for the commands of the turn; it and `config` hold secrets if
    `holds_secrets`.
    `approver` answers what codex asks, unless `may_ask` is False: then it is told not to.
    """

    job_id: str
    workspace: str
    prompt: str
    output: OutputWriter
    thread_id: str | None = None
    thread_usage: TokenUsage = field(default_factory=TokenUsage)
    model: str | None = None
    sandbox: Sandbox = Sandbox.WORKSPACE_WRITE
    output_schema: dict[str, Any] | None = None
    timeout: float = 600.0
    stall_timeout: float = 300.0
    left: LeftTurn | None = None
    may_ask: bool = False
    approver: Approver = field(default_factory=DeclineAll)
    config: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    holds_secrets: bool = False
    directory: str = ""

    @property
    def place(self) -> Path:
        """Where codex works; what it changes is told relative to the workspace all the same."""
        return Path(self.workspace, self.directory)

    def require_place(self) -> None:
        """Raise `Conflict` if codex has nowhere to work: it would not say so itself."""
        if self.directory and not self.place.is_dir():
            raise Conflict(
                f"The working directory {safe_line(str(self.place))} is not there any more.",
                "Make it again, then retry.",
            )


@dataclass(frozen=True, slots=True)
class LeftTurn:
    """What an earlier host has stored of a turn; without a thread it never began."""

    thread_id: str | None = None
    turn_id: str | None = None


@dataclass(frozen=True)
class TurnResult:
    """How a codex turn ended well: its last message, tokens and the files it changed.

    `usage` is this turn's own; `thread_usage` the thread's total after it. `errors` are
    warnings and failed commands that did not end the turn. A turn that ends badly
    raises `StepFailed` instead.
    """

    thread_id: str
    turn_id: str
    message: str
    usage: TokenUsage = field(default_factory=TokenUsage)
    thread_usage: TokenUsage = field(default_factory=TokenUsage)
    changes: tuple[FileChange, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass
class TurnReport:
    """What is known of a turn so far; filled in while it runs, also when it ends badly.

    `model` is the one asked for, until codex has said which one it works with. `denied` is
    what a person denied when that was to end the turn.
    """

    thread_id: str | None = None
    turn_id: str | None = None
    model: str = ""
    denied: str = ""
    message: str = ""
    usage: TokenUsage = field(default_factory=TokenUsage)
    thread_usage: TokenUsage = field(default_factory=TokenUsage)
    changes: tuple[FileChange, ...] = ()
    errors: tuple[str, ...] = ()
