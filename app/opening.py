"""Opens a file with the program that the system has for it, where there is a display."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from foredeck.services.domain.errors import Conflict

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def opener(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the program that opens files here, None without a display or without one."""
    if sys.platform == "darwin":
        return None if environment.get("SSH_CONNECTION") else shutil.which("open")
    if not any(environment.get(name) for name in _DISPLAYS):
        return None
    return shutil.which("xdg-open")


def why_not_open() -> str:
    """Return why the screen can open no file here, as a sentence, or an empty string."""
    if opener() is not None:
        return ""
    return "There is no display here: y copies the path of the file, s saves a copy."


def open_file(path: Path) -> str:
    """Hand a file to the system's program for it and return the name of that.

    Raises `Conflict` if the file is gone, or nothing can open it here.
    """
    program = opener()
    if program is None:
        raise Conflict("There is no display here to open a file on.")
    if not path.is_file():
        raise Conflict(f"The file is gone: {path}", "Make the report again.")
    try:
        _start(program, path)
    except OSError as error:
        raise Conflict(f"{program} could not be started: {error.strerror or error}.") from None
    return Path(program).name


def _start(program: str, path: Path) -> None:
    """Start a program in a session of its own: it outlives this one, and is not ended with it."""
    nowhere = subprocess.DEVNULL
    started = subprocess.Popen(
        [program, str(path)], stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
    )
    # Some of these stay as long as what they have opened; each is reaped when it ends.
    threading.Thread(target=started.wait, name="await what was opened", daemon=True).start()
