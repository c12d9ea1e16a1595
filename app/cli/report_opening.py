"""Opening a file in the program of the desktop that shows it, or saying how to get it."""

from __future__ import annotations

import getpass
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click

from foredeck.app.cli.render import say


def open_file(path: str) -> None:
    """Open the file where there is a display; print its path in any case."""
    program = _opener()
    click.echo(path)
    if program is None:
        say(_how_to_get_it(path))
        return
    try:
        subprocess.Popen(
            [program, path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        say(f"{program} could not be started: {error.strerror or error}.")
        return
    say(f"✓ Opened with {Path(program).name}.")


def _opener() -> str | None:
    """Return the program that opens files here, None without a display."""
    if sys.platform == "darwin":
        return None if os.environ.get("SSH_CONNECTION") else shutil.which("open")
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return None
    return shutil.which("xdg-open")


def _how_to_get_it(path: str) -> str:
    if not os.environ.get("SSH_CONNECTION"):
        return "There is no display here: copy the file to where there is one."
    source = f"{getpass.getuser()}@{platform.node()}:{shlex.quote(path)}"
    return f"There is no display here. On your own machine: scp {source} ."
