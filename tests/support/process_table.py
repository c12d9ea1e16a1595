"""What the process table says, looked at without the code that is tested."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def mentioning(*needles: str) -> list[str]:
    """Return the living processes that mention a needle, this one excepted, for a message.

    A process mentions what stands in its command line, its environment or its working
    directory; so a test's own directory finds everything that was started for it.
    """
    wanted = [os.fsencode(needle) for needle in needles]
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            text = _told(entry)
            if any(needle in text for needle in wanted):
                words = (entry / "cmdline").read_bytes() if entry.exists() else b""
                found.append(f"{entry.name} {words.replace(bytes(1), b' ')[:200]!r}")
    return found


def zombies() -> list[str]:
    """Return the ended children of this process that nobody has waited for."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                name, _, rest = (entry / "stat").read_text().rpartition(")")
                state, parent = rest.split()[:2]
                if state == "Z" and int(parent) == os.getpid():
                    found.append(name)
    return found


def _told(entry: Path) -> bytes:
    """Return all that a process tells; empty for a zombie."""
    told = b""
    with suppress(OSError):
        told += (entry / "cmdline").read_bytes() + b"\0"
        told += (entry / "environ").read_bytes() + b"\0"
        told += os.fsencode(os.readlink(entry / "cwd"))
    return told
