"""`foredeck completion`: what a shell needs to complete commands, runs and projects."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem, get_completion_class

from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.safe_text import safe_line

if TYPE_CHECKING:
    Items = list[CompletionItem[str]]

FC = TypeVar("FC", bound=Callable[..., Any] | click.Command)

VARIABLE = "_FOREDECK_COMPLETE"
"""With it in the environment, the program completes instead of doing anything."""

# A name of other letters would have to be quoted, which every shell does differently.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+@")
_ABOUT_LENGTH = 60


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes foredeck's commands with Tab.

    It completes commands and options, ids of runs, jobs and reports, and names of projects. Put it
    where the shell looks, once, and open a new shell:

    \b
    foredeck completion bash > ~/.local/share/bash-completion/completions/foredeck
    foredeck completion zsh > ~/.zfunc/_foredeck    (~/.zfunc has to be in fpath)
    foredeck completion fish > ~/.config/fish/completions/foredeck.fish

    To try it in this shell alone: eval "$(foredeck completion bash)"
    """
    from foredeck.app.cli.main import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    script = kind(cli, {}, "foredeck", VARIABLE)
    # What `source` adds to this is a look at the bash that is installed here.
    click.echo(script.source_template % script.source_vars())


def run_argument(command: FC) -> FC:
    """Add the argument RUN to a command; a shell completes it."""
    return click.argument("run", shell_complete=complete_run)(command)


def optional_run_argument(command: FC) -> FC:
    """Add the argument [RUN] to a command; a shell completes it."""
    return click.argument("run", required=False, shell_complete=complete_run)(command)


def project_argument(command: FC) -> FC:
    """Add the argument PROJECT to a command; a shell completes it."""
    return click.argument("project", shell_complete=complete_project)(command)


def task_argument(command: FC) -> FC:
    """Add the argument TASK to a command; a shell completes it."""
    return click.argument("task", shell_complete=complete_task)(command)


def complete_run(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Return the ids of runs that begin so, the newest first."""
    from foredeck.services.store import glance

    return [_item(name, about) for name, about in glance.runs(_data_dir(ctx), incomplete)]


def complete_job(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Return the ids of jobs that begin so, the newest first."""
    from foredeck.services.store import glance

    return [_item(name, about) for name, about in glance.jobs(_data_dir(ctx), incomplete)]


def complete_report(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Return the ids of reports that begin so, the newest first."""
    from foredeck.services.store import glance

    return [_item(name, about) for name, about in glance.reports(_data_dir(ctx), incomplete)]


def complete_project(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Return the names of projects that begin so; an id where the name needs quotes."""
    from foredeck.services.store import glance

    return _named(glance.projects(_data_dir(ctx), incomplete), incomplete)


def complete_task(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Return the names of tasks that begin so; an id where the name needs quotes."""
    from foredeck.services.store import glance

    return _named(glance.tasks(_data_dir(ctx), incomplete), incomplete)


def _named(found: list[tuple[str, str]], incomplete: str) -> Items:
    items = [(name if _PLAIN.issuperset(name) else id_, name) for id_, name in found]
    return [_item(word, name) for word, name in items if word.startswith(incomplete)]


def _item(word: str, about: str) -> CompletionItem[str]:
    return CompletionItem(word, help=safe_line(about, limit=_ABOUT_LENGTH))


def _data_dir(ctx: click.Context) -> Path:
    """Return the data directory that the command line so far means."""
    from foredeck.services.settings_file import load_settings

    given = ctx.find_root().params
    config = given.get("config") or os.environ.get("FOREDECK_CONFIG")
    try:
        loaded = load_settings(
            {"data_dir": given.get("data_dir")}, config=Path(config) if config else None
        )
    except ForedeckError:
        return Path(os.devnull)
    return loaded.settings.data_dir
