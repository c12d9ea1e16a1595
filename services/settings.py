"""Settings: what they are and what each is for. `settings_file` finds out their values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from foredeck.services.domain.command_rules import PolicyAction, Rule
from foredeck.services.domain.notices import Cause
from foredeck.services.domain.records import (
    ApprovalPolicy,
    CodexEngine,
    Mode,
    Sandbox,
    Unattended,
)
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.pricing import Price

# No timeout is longer than this, in seconds.
_DAY = 86_400.0
# No budget is larger: more would be a mistake.
_MOST_TOKENS = 1_000_000_000_000
_MOST_DOLLARS = 1_000_000


class Recovery(StrEnum):
    """What becomes of the runs that a host left behind when it died."""

    CONTINUE = "continue"
    HOLD = "hold"


class HostPlace(StrEnum):
    """Which process is the host while a dashboard is open."""

    DASHBOARD = "dashboard"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a setting's value must keep to; `above` is exclusive. `kind` names a format."""

    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    kind: str = ""


def _about(
    text: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    kind: str = "",
) -> dict[str, Any]:
    """Return a field's metadata: its help, one sentence, and its limits."""
    return {"help": text, "limits": Limits(at_least, at_most, above, kind)}


def xdg_directory(environ: Mapping[str, str], variable: str, fallback: str) -> Path:
    """Return a base directory of the XDG specification, which ignores relative values."""
    value = environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / fallback


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the data is kept unless a person says otherwise."""
    return xdg_directory(environ, "XDG_DATA_HOME", ".local/share") / "foredeck"


@dataclass(frozen=True)
class Settings:
    """Everything a person can set; times are seconds.

    `api_key` and `notify_webhook` are references (`env:NAME`, `file:PATH`, `command:…`), never
    the secret itself.
    """

    data_dir: Path = field(
        default_factory=default_data_dir,
        metadata=_about("Where the database, the output of the runs and the log are kept."),
    )
    workspaces_root: Path = field(
        default_factory=lambda: Path.home() / "foredeck",
        metadata=_about("Where the directories of new projects are made."),
    )
    codex_path: Path | None = field(
        default=None,
        metadata=_about(
            "The codex program to use; else the one on PATH, else the one that is bundled."
        ),
    )
    codex_home: Path | None = field(
        default=None,
        metadata=_about("The directory with codex's own configuration and login (CODEX_HOME)."),
    )
    codex_model: str | None = field(
        default=None,
        metadata=_about("The model that codex works with; else the one in its configuration."),
    )
    mode: Mode = field(
        default=Mode.AUTO,
        metadata=_about(
            "How the stages work: agent needs an API key, direct lets codex work alone, "
            "auto takes what is possible."
        ),
    )
    model: str = field(default="gpt-5.5", metadata=_about("The model that the agents think with."))
    base_url: str | None = field(
        default=None,
        metadata=_about("The address of the agents' model server; else OpenAI's.", kind="url"),
    )
    api_key: str = field(
        default="env:OPENAI_API_KEY",
        metadata=_about(
            "Where the agents' API key is found: env:NAME, file:PATH or command:WORDS.",
            kind="secret",
        ),
    )
    sandbox: Sandbox = field(
        default=Sandbox.WORKSPACE_WRITE,
        metadata=_about("What codex lets the commands it runs touch."),
    )
    approval_policy: ApprovalPolicy = field(
        default=ApprovalPolicy.ASK,
        metadata=_about(
            "What becomes of codex's wish to do more than its sandbox lets it: ask a person "
            "while one is there, deny it, or never even let codex ask."
        ),
    )
    unattended: Unattended = field(
        default=Unattended.DENY,
        metadata=_about(
            "What a run does with a question while nobody is there: deny it (an agent then goes "
            "on with an assumption), or wait."
        ),
    )
    turn_timeout: float = field(
        default=600.0,
        metadata=_about("How long one codex turn may take.", above=0, at_most=_DAY),
    )
    stall_timeout: float = field(
        default=300.0,
        metadata=_about("How long codex may give no sign of life.", above=0, at_most=_DAY),
    )
    stage_timeout: float = field(
        default=3600.0,
        metadata=_about("How long one stage of a run may take.", above=0, at_most=_DAY),
    )
    turn_limit: int = field(
        default=4,
        metadata=_about("How many codex turns run at the same time.", at_least=1, at_most=100),
    )
    command_limit: int = field(
        default_factory=lambda: min(os.cpu_count() or 1, 100),
        metadata=_about(
            "How many commands of workflows run at the same time; else as many as there are cores.",
            at_least=1,
            at_most=100,
        ),
    )
    job_limit: int = field(
        default=10,
        metadata=_about(
            "How many jobs of their own (foredeck jobs) run at the same time.",
            at_least=1,
            at_most=100,
        ),
    )
    job_timeout: float = field(
        default=3600.0,
        metadata=_about(
            "How long such a job may take if it says nothing else.", at_least=60, at_most=_DAY
        ),
    )
    job_aging: float = field(
        default=600.0,
        metadata=_about(
            "How long a job waits until it counts as one step more urgent, at most as high.",
            at_least=1,
            at_most=_DAY,
        ),
    )
    job_retention_days: int = field(
        default=7,
        metadata=_about(
            "How many days the output of a finished job is kept; the record of it stays.",
            at_least=1,
            at_most=90,
        ),
    )
    schedule_grace: float = field(
        default=60.0,
        metadata=_about(
            "How late a scheduled task may start; later it counts as missed, and its schedule "
            "says what becomes of it.",
            at_least=1,
            at_most=3600,
        ),
    )
    run_retention_days: int | None = field(
        default=None,
        metadata=_about(
            "How many days the output of a finished run is kept, for ever unless this is set; "
            "the record of it and its reports stay.",
            at_least=1,
            at_most=3650,
        ),
    )
    max_rework: int = field(
        default=1,
        metadata=_about(
            "How often Production Readiness may send the work back to the Builder.",
            at_least=0,
            at_most=10,
        ),
    )
    verify: str | None = field(
        default=None,
        metadata=_about(
            "The command that checks the Builder's work, such as pytest -q; on failure codex "
            "mends it and the command runs again."
        ),
    )
    command_policy: Mapping[Rule, PolicyAction] = field(
        default_factory=dict,
        hash=False,
        metadata=_about(
            "What becomes of a risky command of a job, by rule (root_delete, sudo, world_writable, "
            "etc_write, piped_download, own): warn, confirm, deny or allow; else warn."
        ),
    )
    command_allow: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "Beginnings of commands that are allowed whatever they match, such as sudo apt-get.",
            kind="beginnings",
        ),
    )
    command_patterns: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "Regular expressions of your own for risky commands; they are the rule own.",
            kind="patterns",
        ),
    )
    codex_engine: CodexEngine = field(
        default=CodexEngine.APP_SERVER,
        metadata=_about(
            "How codex is run: app-server shows its output live; exec, where an app-server "
            "cannot run, shows a command's output when the command ends."
        ),
    )
    grace: float = field(
        default=5.0,
        metadata=_about(
            "How long a cancelled process has to end by itself before it is killed.",
            at_least=0,
            at_most=300,
        ),
    )
    prices: Mapping[str, Price] = field(
        default_factory=dict,
        hash=False,
        metadata=_about(
            "What a million tokens cost in US dollars: a table for each model, like "
            '[prices."gpt-5.5"], with input, cached_input and output.'
        ),
    )
    mcp_servers: Mapping[str, McpServer] = field(
        default_factory=dict,
        hash=False,
        metadata=_about(
            "Tool servers for all agents and codex: a table for each, like [mcp_servers.docs], "
            "with command, args and environment, or with url and token; a project's own of the "
            "same name wins.",
            kind="secret-inside",
        ),
    )
    host: HostPlace = field(
        default=HostPlace.DASHBOARD,
        metadata=_about(
            "Where the runs of a dashboard are worked on: dashboard, or background for a "
            "process that goes on when the dashboard is closed."
        ),
    )
    recovery: Recovery = field(
        default=Recovery.CONTINUE,
        metadata=_about(
            "What becomes of runs that a host left behind: continue goes on with what is safe "
            "and asks for the rest, hold pauses each behind the stage under way."
        ),
    )
    hand_over: bool = field(
        default=True,
        metadata=_about(
            "Whether a host in the background goes on with the runs of a dashboard or command "
            "whose line drops; else they wait for the next start."
        ),
    )
    idle_timeout: float = field(
        default=60.0,
        metadata=_about(
            "How long a background host stays when nothing runs and nobody is attached.",
            at_least=0,
            at_most=_DAY,
        ),
    )
    budget_tokens: int | None = field(
        default=None,
        metadata=_about(
            "How many tokens a run may use before it asks; a run can be given its own.",
            at_least=1,
            at_most=_MOST_TOKENS,
        ),
    )
    budget_cost: float | None = field(
        default=None,
        metadata=_about(
            "What a run may cost in US dollars before it asks; it needs prices.",
            above=0,
            at_most=_MOST_DOLLARS,
        ),
    )
    notify: tuple[Cause, ...] = field(
        default=(Cause.FINISH, Cause.FAILURE, Cause.WAITING),
        metadata=_about(
            "What people are told about runs unless the task says otherwise: a list of finish "
            "(any end but a cancellation), failure and waiting; or none."
        ),
    )
    notify_bell: bool = field(
        default=True,
        metadata=_about("Whether an open dashboard rings the terminal's bell for that."),
    )
    notify_desktop: bool = field(
        default=True,
        metadata=_about(
            "Whether an open dashboard lets the terminal show it on the desktop (OSC 9, through "
            "tmux as well)."
        ),
    )
    notify_command: str | tuple[str, ...] | None = field(
        default=None,
        metadata=_about(
            "A command to run for each: a text for the shell, or a list of words; it finds what "
            "happened in FOREDECK_EVENT, FOREDECK_RUN_ID, FOREDECK_PROJECT, FOREDECK_TITLE, "
            "FOREDECK_STATE and FOREDECK_TASK, and as JSON on its standard input."
        ),
    )
    notify_webhook: str | None = field(
        default=None,
        metadata=_about(
            "Where the address to post each to as JSON is found: env:NAME, file:PATH or "
            "command:WORDS.",
            kind="secret",
        ),
    )
    notify_webhook_http: bool = field(
        default=False,
        metadata=_about("Whether that address may be plain http to another machine."),
    )
    theme: str = field(default="foredeck-dark", metadata=_about("The colours of the screen."))
    frame_rate: int = field(
        default=20,
        metadata=_about(
            "How often a second the output pane is painted at most; lower it on a slow line.",
            at_least=1,
            at_most=60,
        ),
    )
    rehearsal: bool = field(
        default=False,
        metadata=_about("Whether a scripted model answers; `foredeck demo` turns this on."),
    )


def resolve_secret(reference: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return what a reference stands for, None if there is nothing there.

    `command:` runs its words without a shell and waits up to 10 seconds: not for an event
    loop. Raises `SettingsError`, which never holds the secret, for what is no reference, a
    file that cannot be read and a command that fails.
    """
    # Needed by few, and this module is imported before the first paint.
    from foredeck.services.secret_references import read_reference

    return read_reference(reference, environ)
