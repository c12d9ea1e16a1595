"""What a project puts around a codex turn: variables for its commands, and tool servers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from foredeck.services.codex.environment import own_servers
from foredeck.services.codex.orders import TurnOrder
from foredeck.services.domain.errors import SettingsError
from foredeck.services.domain.records import Project
from foredeck.services.domain.tool_limits import EVERYTHING, ToolLimits
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.jobs.processes import MARK
from foredeck.services.settings import Settings
from foredeck.services.tool_servers import bearer, plain_environment, ready, servers_of

_SERVERS = "mcp_servers"
_ALWAYS = {
    # A server may have to be fetched first; codex itself would wait for 10 seconds.
    "startup_timeout_sec": 30,
    # Who adds a server gives leave for its tools; else codex refuses them where it may not ask.
    "default_tools_approval_mode": "approve",
}


@dataclass(frozen=True)
class Surroundings:
    """Plain values, as codex takes them; they live as long as the turn and are never stored.

    `secrets` are those that references stood for; `notes` are sentences for the output.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    servers: Mapping[str, McpServer] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    limits: ToolLimits = EVERYTHING
    # What the limits make of the tool servers in codex's own configuration: further settings.
    own: Mapping[str, Any] = field(default_factory=dict)

    def around(self, order: TurnOrder) -> TurnOrder:
        """Return the order with all of this; what it says itself goes before it."""
        servers = {
            f"{_SERVERS}.{name}": _table(server, order) | _limited(name, self.limits)
            for name, server in self.servers.items()
        }
        return replace(
            order,
            environment=self.environment,
            config={**servers, **dict(_held(order.config, self.limits)), **self.own},
            holds_secrets=bool(self.secrets),
        )


def surroundings_of(
    project: Project, settings: Settings, limits: ToolLimits = EVERYTHING
) -> Surroundings:
    """Follow the references of a project; may take seconds, so not on an event loop.

    A tool server whose secret cannot be had is left out with a note; raises `SettingsError`
    if a variable has none, because the commands would work without it as if it were empty.
    """
    wishes = project.settings
    try:
        environment, hidden = plain_environment(wishes.environment)
    except SettingsError as error:
        advice = f"`foredeck projects env list {project.name}` shows where it is looked for."
        raise SettingsError(f"A variable of {project.name}: {error.message}", advice) from None
    found = ready(servers_of(wishes, settings, limits))
    secrets = (*hidden, *found.secrets)
    own = {} if limits.none else dict(_of_own_servers(settings, limits, found.servers))
    return Surroundings(environment, found.servers, secrets, found.notes, limits, own)


def _of_own_servers(
    settings: Settings, limits: ToolLimits, ours: Collection[str]
) -> Iterator[tuple[str, Any]]:
    """Yield what keeps the tool servers of codex's own configuration to the limits."""
    for name in own_servers(settings):
        if not limits.permits_server(name):
            yield f"{_SERVERS}.{name}.enabled", False
        elif name not in ours:
            for key, value in _limited(name, limits).items():
                yield f"{_SERVERS}.{name}.{key}", value


def _held(config: Mapping[str, Any], limits: ToolLimits) -> Iterator[tuple[str, Any]]:
    """Yield the settings of a step; the tool servers among them keep to the limits as well."""
    for key, value in config.items():
        table, _, rest = key.partition(".")
        if limits.none or table != _SERVERS:
            yield key, value
        elif rest:
            yield from _held_server(rest, value, limits)
        elif isinstance(value, dict):
            for name, server in value.items():
                yield from _held_server(name, server, limits)


def _held_server(path: str, value: Any, limits: ToolLimits) -> Iterator[tuple[str, Any]]:
    """Yield a setting of a tool server, `NAME` or `NAME.KEY`, if any tool of it is permitted."""
    name = path.partition(".")[0].strip("\"'")
    if limits.permits_server(name):
        yield f"{_SERVERS}.{path}", value
        for key, tools in _limited(name, limits).items():
            yield f"{_SERVERS}.{name}.{key}", tools


def tools_mark(job_id: str) -> str:
    """Return the mark of a turn's tool servers, which codex would keep as long as it lives."""
    return f"{job_id}.tools"


def _limited(name: str, limits: ToolLimits) -> dict[str, Any]:
    """Return which tools of a server codex offers its model."""
    enabled, disabled = limits.server_tools(name)
    allowed = {} if enabled is None else {"enabled_tools": list(enabled)}
    return allowed | ({"disabled_tools": list(disabled)} if disabled else {})


def _table(server: McpServer, order: TurnOrder) -> dict[str, Any]:
    """Return a server as codex's configuration has it."""
    if server.url:
        return {**_ALWAYS, "url": server.url, "http_headers": bearer(server.token)}
    return {
        **_ALWAYS,
        "command": server.command,
        "args": list(server.args),
        "env": {**server.environment, MARK: tools_mark(order.job_id)},
        "cwd": str(order.place),
    }
