"""What a project decides for its runs (SPEC P2): read, checked, and laid out for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.records import (
    ApprovalPolicy,
    DefaultWorkflow,
    Mode,
    ProjectSettings,
    Sandbox,
)
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.domain.views import (
    McpServerRow,
    ProjectRow,
    ProjectSettingRow,
    ProjectSettingsView,
)
from foredeck.services.setting_values import convert
from foredeck.services.settings import Limits, Settings
from foredeck.services.tool_server_values import nearest, server_problem, variable_problem

_PROJECT, _GLOBAL = "project", "global"
_HERE = Path()


_FREE = {"limits": Limits()}


def _within(least: float, most: float) -> dict[str, Limits]:
    return {"limits": Limits(at_least=least, at_most=most)}


@dataclass(frozen=True)
class _Written:
    """The settings that are one value, with the type and the limits of each."""

    model: str | None = field(default=None, metadata=_FREE)
    sandbox: Sandbox | None = field(default=None, metadata=_FREE)
    mode: Mode | None = field(default=None, metadata=_FREE)
    approval_policy: ApprovalPolicy | None = field(default=None, metadata=_FREE)
    verify: str | None = field(default=None, metadata=_FREE)
    budget_tokens: int | None = field(default=None, metadata=_within(1, 1_000_000_000_000))
    budget_cost: float | None = field(
        default=None, metadata={"limits": Limits(above=0, at_most=1_000_000)}
    )
    workflow: DefaultWorkflow | None = field(default=None, metadata=_FREE)
    concurrency: int | None = field(default=None, metadata=_within(1, 100))
    memory_cap: int | None = field(default=None, metadata=_within(64, 16_777_216))


_FIELDS: dict[str, Field[Any]] = {f.name: f for f in fields(_Written)}
NAMES = tuple(_FIELDS)
"""The settings that are one value."""

# What holds where the project leaves a setting open.
_FALLBACKS: dict[str, Callable[[Settings], object]] = {
    "model": lambda settings: settings.codex_model,
    "sandbox": lambda settings: settings.sandbox,
    "mode": lambda settings: settings.mode,
    "approval_policy": lambda settings: settings.approval_policy,
    "verify": lambda settings: settings.verify,
    "budget_tokens": lambda settings: settings.budget_tokens,
    "budget_cost": lambda settings: settings.budget_cost,
    "workflow": lambda _settings: DefaultWorkflow.FOUR_AGENTS,
    "concurrency": lambda settings: settings.turn_limit,
    "memory_cap": lambda _settings: None,
}


def with_changes(
    settings: ProjectSettings,
    values: Mapping[str, str | None],
    environment: Mapping[str, str | None],
    servers: Mapping[str, McpServer | None],
) -> ProjectSettings:
    """Return the settings with these changes; None takes something away.

    Raises `InvalidInput` with every mistake at once.
    """
    mistakes: list[str] = []
    changes: dict[str, Any] = {}
    for name, text in values.items():
        changes[name] = _value(name, text, mistakes)
    changes["environment"] = _changed(
        settings.environment, environment, variable_problem, "variable", mistakes
    )
    changes["mcp_servers"] = _changed(
        settings.mcp_servers, servers, _named_problem, "tool server", mistakes
    )
    if mistakes:
        raise _error(mistakes)
    return replace(settings, **changes)


def view(project: ProjectRow, wishes: ProjectSettings, settings: Settings) -> ProjectSettingsView:
    """Return a project's settings as a person reads them, each with its origin."""
    return ProjectSettingsView(
        project=project,
        settings=tuple(_row(name, wishes, settings) for name in NAMES),
        environment=dict(sorted(wishes.environment.items())),
        mcp_servers=tuple(
            McpServerRow(name, server, _PROJECT if name in wishes.mcp_servers else _GLOBAL)
            for name, server in sorted({**settings.mcp_servers, **wishes.mcp_servers}.items())
        ),
    )


def _value(name: str, text: str | None, mistakes: list[str]) -> Any:
    known = _FIELDS.get(name)
    if known is None:
        known_ones = nearest(name, NAMES) or f" There are: {', '.join(sorted(NAMES))}."
        mistakes.append(f"{name}: there is no such setting of a project.{known_ones}")
        return None
    value, problem = convert(known, "" if text is None else text.strip(), _HERE)
    if problem:
        mistakes.append(f"{name}: {problem}.")
    return value


def _changed(
    present: Mapping[str, Any],
    changes: Mapping[str, Any],
    problem_of: Callable[[str, Any], str | None],
    kind: str,
    mistakes: list[str],
) -> dict[str, Any]:
    result = dict(present)
    for name, value in changes.items():
        if value is not None:
            result[name] = value
            problem = problem_of(name, value)
        else:
            absent = result.pop(name, None) is None
            problem = f"{name}: the project has no such {kind}" if absent else None
        if problem:
            mistakes.append(f"{problem}.{'' if value else nearest(name, tuple(present))}")
    return result


def _named_problem(name: str, server: McpServer) -> str | None:
    problem = server_problem(name, server)
    return f"{name}: {problem}" if problem else None


def _row(name: str, wishes: ProjectSettings, settings: Settings) -> ProjectSettingRow:
    own = getattr(wishes, name)
    value = _FALLBACKS[name](settings) if own is None else own
    shown = "" if value is None else str(value)
    return ProjectSettingRow(name, shown, _GLOBAL if own is None else _PROJECT)


def _error(mistakes: list[str]) -> InvalidInput:
    if len(mistakes) == 1:
        return InvalidInput(mistakes[0])
    lines = "".join(f"\n  {mistake}" for mistake in mistakes)
    return InvalidInput(f"{len(mistakes)} settings are wrong:{lines}")
