"""Commands that the command policy knows: a person's word for them, and warnings (SPEC J5)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

import click

from foredeck.app.cli.render import say
from foredeck.services.domain.command_rules import Match, PolicyAction, told
from foredeck.services.domain.errors import CommandUnconfirmed

T = TypeVar("T")


def with_leave(do: Callable[[bool], T], *, yes: bool) -> T:
    """Return what `do` returns; it is told whether a person has confirmed the command.

    Where the policy wants their word and they have not said `yes`, they are asked. Without a
    terminal `CommandUnconfirmed` is raised, and their no is `click.Abort`.
    """
    try:
        return do(yes)
    except CommandUnconfirmed as error:
        _ask(error)
    return do(True)


def _ask(error: CommandUnconfirmed) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        advice = "Nobody can be asked here: say --yes if it is meant."
        raise CommandUnconfirmed(error.message, advice, error.matches) from error
    say(error.message)
    click.confirm("Run it?", abort=True, err=True)


def say_warnings(matches: Iterable[Match]) -> None:
    """Say what the policy warns of; the command runs all the same."""
    if what := told(matches, PolicyAction.WARN):
        say(f"! The command policy warns: {what}.")
