"""The tool servers that hold in a project, ready to be started: their references followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from foredeck.services.domain.errors import SettingsError
from foredeck.services.domain.records import ProjectSettings
from foredeck.services.domain.tool_limits import EVERYTHING, ToolLimits
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.settings import Settings, resolve_secret
from foredeck.services.tool_server_values import is_reference


@dataclass(frozen=True)
class ReadyServers:
    """Servers with plain values in the place of references.

    `secrets` are the values that references stand for; `notes` say which servers are missing
    here and why, a sentence each.
    """

    servers: Mapping[str, McpServer]
    secrets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def servers_of(
    wishes: ProjectSettings, settings: Settings, limits: ToolLimits = EVERYTHING
) -> dict[str, McpServer]:
    """Return the servers that hold in a project: the global ones and its own, which win.

    Those of which `limits` permits no tool are left out.
    """
    every = {**settings.mcp_servers, **wishes.mcp_servers}
    return {name: server for name, server in every.items() if limits.permits_server(name)}


def ready(servers: Mapping[str, McpServer]) -> ReadyServers:
    """Follow the references of servers; may take seconds, so not on an event loop.

    A server whose secret cannot be had is left out, with a note.
    """
    found: dict[str, McpServer] = {}
    secrets: list[str] = []
    notes: list[str] = []
    for name, server in servers.items():
        try:
            environment, hidden = plain_environment(server.environment)
            token = _followed("token", server.token) if server.token else ""
        except SettingsError as error:
            notes.append(f"The tool server {name} is left out: {error.message}")
            continue
        found[name] = replace(server, environment=environment, token=token)
        secrets += [*hidden, *filter(None, [token])]
    return ReadyServers(found, tuple(secrets), tuple(notes))


def plain_environment(variables: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return variables with plain values, and those values that references stand for.

    May take seconds. Raises `SettingsError` for a reference that stands for nothing.
    """
    hidden = {n: _followed(n, value) for n, value in variables.items() if is_reference(value)}
    return {**variables, **hidden}, tuple(hidden.values())


def bearer(token: str) -> dict[str, str]:
    """Return the headers that carry a token; none for an empty one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def _followed(name: str, reference: str) -> str:
    value = resolve_secret(reference)
    if value is None:
        raise SettingsError(f"{name} has no value: there is nothing in {reference}.")
    return value
