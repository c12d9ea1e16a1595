"""`foredeck projects set|unset|env|mcp …`: what a project decides for its runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from foredeck.app.cli.answers import project_answer
from foredeck.app.cli.completion import project_argument
from foredeck.app.cli.render import (
    format_option,
    plain,
    put_json,
    put_pairs,
    put_table,
    say,
)
from foredeck.app.cli.session import Session
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.domain.views import ProjectSettingsView
from foredeck.services.host.commands import ChangeProjectSettings
from foredeck.services.host.queries import GetProjectSettings

_NONE = "–"


@click.command("set")
@project_argument
@click.argument("pairs", metavar="KEY=VALUE...", nargs=-1, required=True)
@format_option
@click.pass_obj
def set_(session: Session, project: str, pairs: tuple[str, ...], format_: str) -> None:
    """Decide something for the runs of PROJECT.

    The keys are model, sandbox, mode, approval_policy, verify, budget_tokens, budget_cost
    (US dollars), workflow (four-agents or codex), concurrency (turns, jobs at once) and
    memory_cap (MiB for a command and all that it starts; codex turns have no cap). An empty
    value leaves it to the global setting again. What begins later follows it.

    \b
    foredeck projects set shop model=gpt-5.5 sandbox=read-only
    foredeck projects set shop verify="pytest -q" budget_cost=5
    """
    _change(session, ChangeProjectSettings(project, {**read_pairs(pairs, "KEY=VALUE")}), format_)


@click.command()
@project_argument
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@format_option
@click.pass_obj
def unset(session: Session, project: str, keys: tuple[str, ...], format_: str) -> None:
    """Leave settings of PROJECT to the global ones again.

    \b
    foredeck projects unset shop model verify
    """
    _change(session, ChangeProjectSettings(project, dict.fromkeys(keys)), format_)


@click.group()
def env() -> None:
    """Variables for the commands that codex runs in a project.

    A secret is never written down: its value is a reference (env:NAME, file:PATH or
    command:WORDS) that is followed each time a turn begins. The commands of that turn
    can read it, and so can the model that writes them.

    \b
    foredeck projects env set shop PORT=8080 API_KEY=env:SHOP_KEY
    foredeck projects env list shop
    """


@env.command("set")
@project_argument
@click.argument("pairs", metavar="NAME=VALUE...", nargs=-1, required=True)
@format_option
@click.pass_obj
def set_variables(session: Session, project: str, pairs: tuple[str, ...], format_: str) -> None:
    """Set variables of PROJECT.

    \b
    foredeck projects env set shop PORT=8080 "API_KEY=command:pass show shop"
    """
    variables = read_pairs(pairs, "NAME=VALUE")
    command = ChangeProjectSettings(project, environment={**variables})
    _change(session, command, format_)


@env.command("unset")
@project_argument
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@format_option
@click.pass_obj
def unset_variables(session: Session, project: str, names: tuple[str, ...], format_: str) -> None:
    """Take variables of PROJECT away.

    \b
    foredeck projects env unset shop PORT
    """
    command = ChangeProjectSettings(project, environment=dict.fromkeys(names))
    _change(session, command, format_)


@env.command("list")
@project_argument
@format_option
@click.pass_obj
def list_variables(session: Session, project: str, format_: str) -> None:
    """List the variables of PROJECT.

    A reference is shown, never what it stands for.
    """
    view = _read(session, project)
    if format_ == "json":
        put_json(dict(view.environment))
    elif view.environment:
        put_table(("Variable", "Value"), list(view.environment.items()))
    else:
        say(f"No variables. Set one: foredeck projects env set {project} NAME=VALUE")


@click.group()
def mcp() -> None:
    """Tool servers (MCP) for the agents and codex in a project.

    The program runs in the workspace, with your rights and outside of codex's sandbox, and
    its tools are used without asking: add only what you trust. Servers for all projects
    are tables in the settings file: [mcp_servers.NAME].

    \b
    foredeck projects mcp add shop docs -- uvx docs-server --root doc
    foredeck projects mcp list shop
    """


@mcp.command()
@project_argument
@click.argument("name")
@click.argument("words", metavar="[COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@click.option("--env", "pairs", metavar="NAME=VALUE", multiple=True, help="For its environment.")
@click.option("--url", default="", help="The address of a server that runs.")
@click.option("--token", default="", metavar="REFERENCE", help="Where its bearer token is found.")
@format_option
@click.pass_obj
def add(
    session: Session,
    project: str,
    name: str,
    words: tuple[str, ...],
    pairs: tuple[str, ...],
    url: str,
    token: str,
    format_: str,
) -> None:
    """Add a tool server to PROJECT, or replace the one of that NAME.

    \b
    foredeck projects mcp add shop docs -- uvx docs-server --root doc
    foredeck projects mcp add shop db --env DB_PASSWORD=file:~/.pw -- db-server
    foredeck projects mcp add shop web --url https://a.example/mcp --token env:WEB
    """
    command, *arguments = words or ("",)
    server = McpServer(command, tuple(arguments), read_pairs(pairs, "NAME=VALUE"), url, token)
    _change(session, ChangeProjectSettings(project, mcp_servers={name: server}), format_)


@mcp.command()
@project_argument
@click.argument("name")
@format_option
@click.pass_obj
def remove(session: Session, project: str, name: str, format_: str) -> None:
    """Take a tool server of PROJECT away.

    \b
    foredeck projects mcp remove shop docs
    """
    _change(session, ChangeProjectSettings(project, mcp_servers={name: None}), format_)


@mcp.command("list")
@project_argument
@format_option
@click.pass_obj
def list_servers(session: Session, project: str, format_: str) -> None:
    """List the tool servers that agents and codex have in PROJECT."""
    view = _read(session, project)
    if format_ == "json":
        put_json({"items": plain(view.mcp_servers), "total": len(view.mcp_servers)})
    elif view.mcp_servers:
        rows = [
            (row.name, row.server.words, ", ".join(row.server.environment) or _NONE, row.origin)
            for row in view.mcp_servers
        ]
        put_table(("Server", "Command or address", "Variables", "Origin"), rows)
    else:
        say(f"No tool servers. Add one: foredeck projects mcp add {project} NAME -- COMMAND")


def settings_answer(view: ProjectSettingsView) -> dict[str, Any]:
    """Return a project with its settings as one object."""
    return {
        **project_answer(view.project),
        "settings": {
            row.name: {"value": row.value or None, "origin": row.origin} for row in view.settings
        },
        "environment": dict(view.environment),
        "mcp_servers": plain(view.mcp_servers),
    }


def put_settings(view: ProjectSettingsView) -> None:
    """Show what holds in a project, with where it comes from."""
    pairs = {row.name: f"{row.value or _NONE}  ({row.origin})" for row in view.settings}
    pairs["environment"] = ", ".join(f"{n}={v}" for n, v in view.environment.items()) or _NONE
    servers = [f"{row.name} ({row.origin})" for row in view.mcp_servers]
    put_pairs({**pairs, "mcp_servers": ", ".join(servers) or _NONE})


def _change(session: Session, command: ChangeProjectSettings, format_: str) -> None:
    view = session.write(lambda host: host.do(command), "foredeck projects")
    say(f"✓ Settings of {view.project.name} changed.")
    if format_ == "json":
        put_json(settings_answer(view))
    else:
        put_settings(view)


def _read(session: Session, project: str) -> ProjectSettingsView:
    return session.read(lambda host: host.ask(GetProjectSettings(project)))


def read_pairs(words: Iterable[str], form: str) -> dict[str, str]:
    """Return names and values of words like `NAME=VALUE`; `form` is told for any other."""
    pairs: dict[str, str] = {}
    for word in words:
        name, joined, value = word.partition("=")
        if not joined or not name:
            # What stands there may be a secret: it is not repeated.
            raise click.UsageError(f"Expected {form}: an equals sign is missing.")
        pairs[name.strip()] = value
    return pairs
