"""What a client is called in the record of who asked for what: its command, never its arguments."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path

# Set while a request of a client is dealt with; what that begins inherits it.
CLIENT: ContextVar[str] = ContextVar("client", default="")

_PROC = Path("/proc")
_PROGRAM, _MODULE = "foredeck", "foredeck.app.cli.main"
_TAKE_A_VALUE = frozenset({"--data-dir", "--config"})
# Behind these a second word names a command; behind any other it is what a person wrote.
_GROUPS = frozenset({"agents", "audit", "codex", "dag", "jobs", "projects", "runs"})


def name_of(pid: int) -> str:
    """Return what a process of this machine is called, such as `foredeck runs cancel (4711)`."""
    words = _words(pid)
    at = next((n for n, word in enumerate(words) if _is_the_program(word)), None)
    if at is None:
        return f"process {pid}"
    commands = " ".join(_commands(words[at + 1 :]))
    return f"{_PROGRAM} {commands} ({pid})" if commands else f"the dashboard ({pid})"


def _is_the_program(word: str) -> bool:
    return word == _MODULE or Path(word).name == _PROGRAM


def _commands(words: list[str]) -> list[str]:
    """Return the command and, of a group, the command in it."""
    rest = iter(words)
    found: list[str] = []
    for word in rest:
        if word in _TAKE_A_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            found.append(word)
            if len(found) == 2 or word not in _GROUPS:
                break
    return found


def _words(pid: int) -> list[str]:
    try:
        line = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return [word.decode("utf-8", "replace") for word in line.split(b"\0")[:-1]]
