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


def why_not_open(environment: Mapping[str, str] = os.environ) -> str:
    """Return why nothing can be opened here, as a sentence, or an empty string."""
    if sys.platform == "darwin":
        return ""
    if not any(environment.get(name) for name in _DISPLAYS):
        return "There is no display here: y copies the path of the file, s saves a copy."
    if _program() is None:
        return "No program opens files here (xdg-open): y copies the path of the file."
    return ""


def open_file(path: Path) -> None:
    """Hand a file to the system's program for it; raises `Conflict` if that cannot be."""
    if reason := why_not_open():
        raise Conflict(reason)
    if not path.is_file():
        raise Conflict(f"The file is gone: {path}", "Make the report again.")
    program = _program() or ""
    nowhere = subprocess.DEVNULL
    try:
        # Its own session: what it opens outlives this program, and is not ended with it.
        opener = subprocess.Popen(
            [program, str(path)],
            stdin=nowhere,
            stdout=nowhere,
            stderr=nowhere,
            start_new_session=True,
        )
    except OSError as error:
        raise Conflict(f"{program} could not be started: {error.strerror}.") from None
    # Some of these programs stay as long as what they have opened; each is reaped when it ends.
    threading.Thread(target=opener.wait, name="await what was opened", daemon=True).start()


def _program() -> str | None:
    return shutil.which("open" if sys.platform == "darwin" else "xdg-open")
