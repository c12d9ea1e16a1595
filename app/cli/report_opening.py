"""Opening a file in the program of the desktop that shows it, or saying how to get it."""

from __future__ import annotations

import getpass
import os
import platform
import shlex
from pathlib import Path

import click

from foredeck.app import opening
from foredeck.app.cli.render import say
from foredeck.services.domain.errors import Conflict


def open_file(path: str) -> None:
    """Open the file where there is a display; print its path in any case."""
    click.echo(path)
    if opening.opener() is None:
        say(_how_to_get_it(path))
        return
    try:
        say(f"✓ Opened with {opening.open_file(Path(path))}.")
    except Conflict as error:
        say(str(error))


def _how_to_get_it(path: str) -> str:
    if not os.environ.get("SSH_CONNECTION"):
        return "There is no display here: copy the file to where there is one."
    source = f"{getpass.getuser()}@{platform.node()}:{shlex.quote(path)}"
    return f"There is no display here. On your own machine: scp {source} ."
