"""From what a person wrote to tool servers and environments, or to what is wrong with it.

Whatever looks secret has to be a reference (SPEC R3), and is never repeated in a complaint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.secret_references import check_reference

NO_SERVERS = "expected a table for each server, like [mcp_servers.docs]"

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SERVER = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
_SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL")
_SCHEMES = ("env:", "file:", "command:")
_FIELDS = tuple(field.name for field in fields(McpServer))


def is_reference(value: str) -> bool:
    """Whether a value of an environment stands for a secret that is somewhere else."""
    return value.startswith(_SCHEMES)


def variable_problem(name: str, value: object) -> str | None:
    """Return what is wrong with a variable of an environment, None if nothing is."""
    if not _VARIABLE.match(name):
        return f"{name!r} cannot be the name of a variable"
    if not isinstance(value, str) or "\0" in value:
        return f"{name}: expected text"
    if is_reference(value):
        problem = check_reference(value)
        return f"{name}: {problem}" if problem else None
    if any(word in name.upper() for word in _SECRET_WORDS):
        return f"{name} looks like a secret: {check_reference('')}"
    return None


def server_problem(name: str, server: McpServer) -> str | None:
    """Return what is wrong with a tool server, None if nothing is."""
    problems = list(_server_problems(name, server))
    return "; ".join(problems) or None


def read_servers(tables: Mapping[str, Any]) -> tuple[dict[str, McpServer], str]:
    """Return the servers of tables as TOML gives them, and what is wrong with them."""
    servers: dict[str, McpServer] = {}
    problems: list[str] = []
    for name, table in tables.items():
        server = table if isinstance(table, McpServer) else None
        problem = None if server else _table_problem(table)
        if problem is None:
            server = server or McpServer(**{**table, "args": tuple(table.get("args", ()))})
            servers[name] = server
            problem = server_problem(name, server)
        if problem:
            problems.append(f"{name}: {problem}")
    return servers, "; ".join(problems)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the question whether a known name was meant, empty if none is near."""
    by_form = {_form(one): one for one in known}
    near = [by_form[form] for form in get_close_matches(_form(name), by_form, n=2)]
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _form(name: str) -> str:
    return name.lower().replace("-", "_")


def _server_problems(name: str, server: McpServer) -> Iterator[str]:
    if not _SERVER.match(name):
        yield f"{name!r} cannot be a server's name: up to 32 letters, digits, _ and -"
    if bool(server.command.strip()) == bool(server.url):
        yield "expected either a command or a url"
    if server.url and not _is_address(server.url):
        yield "expected a url that begins with http:// or https://, without a password"
    if server.url and (server.args or server.environment):
        yield "args and environment are for a command"
    if server.token and not server.url:
        yield "token is for a url"
    if server.token and (problem := check_reference(server.token)):
        yield f"token: {problem}"
    for variable, value in server.environment.items():
        if problem := variable_problem(variable, value):
            yield problem


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        )
    except ValueError:
        return False


def _table_problem(table: object) -> str | None:
    if not isinstance(table, Mapping):
        return NO_SERVERS
    for name in table:
        if name not in _FIELDS:
            return f"there is no {name!r}.{nearest(str(name), _FIELDS)}"
    texts = [table.get(name, "") for name in ("command", "url", "token")]
    args, environment = table.get("args", []), table.get("environment", {})
    if not all(isinstance(text, str) for text in texts):
        return "expected text for command, url and token"
    if not isinstance(args, list | tuple) or not all(isinstance(a, str) for a in args):
        return "expected a list of texts for args"
    return None if isinstance(environment, Mapping) else "expected a table for environment"
