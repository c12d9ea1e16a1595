"""Finds the codex program: the configured one, else one on PATH, else the bundled one.

Always the native program. The npm package puts a node script in front of it, which takes
43 MB more and, when it is killed, leaves the native program running on its own.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from foredeck.services.domain.errors import CodexError, CodexMissing, CodexTooOld
from foredeck.services.settings import Settings

# 0.144 cannot listen on a long socket path and has no switch for endless reconnecting;
# 0.160 is the oldest that was tried with everything used here.
MINIMUM_VERSION = (0, 160, 0)

_VERSION_SECONDS = 5.0
_VERSION = re.compile(r"\b(\d+)\.(\d+)\.(\d+)\S*")
_ADVICE = (
    "Install it with `npm install -g @openai/codex` or `pip install openai-codex-cli-bin`, "
    "or set codex_path."
)
# (system, machine) → the Rust target and the npm package that carries its binary.
_NPM_PLATFORMS = {
    ("linux", "x86_64"): ("x86_64-unknown-linux-musl", "codex-linux-x64"),
    ("linux", "aarch64"): ("aarch64-unknown-linux-musl", "codex-linux-arm64"),
    ("darwin", "x86_64"): ("x86_64-apple-darwin", "codex-darwin-x64"),
    ("darwin", "arm64"): ("aarch64-apple-darwin", "codex-darwin-arm64"),
}


@dataclass(frozen=True, slots=True)
class CodexBinary:
    """A usable native codex; `source` is `configured`, `PATH` or `bundled`."""

    path: Path
    version: str
    source: str


def locate(settings: Settings) -> CodexBinary:
    """Return the first codex that works; starts each candidate once to ask its version.

    A configured path is the only candidate there is. Raises `CodexMissing` naming every
    place that was looked at and why it did not do, `CodexTooOld` if age is the reason.
    """
    problems: list[CodexError] = []
    for source, path in _candidates(settings):
        try:
            return _usable(path, source)
        except CodexError as problem:
            problems.append(problem)
    reasons = " ".join(problem.message for problem in problems)
    if not settings.codex_path:
        what = "No usable codex was found." if problems else "No codex was found."
        reasons = f"{what} Looked on PATH and for the bundled one. {reasons}".strip()
    too_old = any(isinstance(problem, CodexTooOld) for problem in problems)
    raise (CodexTooOld if too_old else CodexMissing)(reasons, _ADVICE)


def _candidates(settings: Settings) -> Iterator[tuple[str, Path]]:
    if settings.codex_path:
        yield "configured", settings.codex_path.expanduser()
        return
    seen: set[str] = set()
    for directory in os.get_exec_path():
        found = shutil.which("codex", path=directory)
        if found and os.path.realpath(found) not in seen:
            seen.add(os.path.realpath(found))
            yield "PATH", Path(found)
    bundled = _bundled()
    if bundled is not None:
        yield "bundled", bundled


def _bundled() -> Path | None:
    try:
        from codex_cli_bin import bundled_codex_path

        return Path(bundled_codex_path())
    except (ImportError, OSError):
        return None


def _usable(path: Path, source: str) -> CodexBinary:
    native = _native(path)
    found = native.stat()
    answer = _ask_version(str(native), found.st_mtime_ns, found.st_size)
    match = _VERSION.search(answer)
    if match is None:
        raise CodexMissing(f"{native} does not say its version, so it is not codex.")
    numbers = tuple(int(part) for part in match.groups())
    if numbers < MINIMUM_VERSION:
        wanted = ".".join(map(str, MINIMUM_VERSION))
        raise CodexTooOld(f"{native} is version {match[0]}; at least {wanted} is needed.")
    return CodexBinary(native, match[0], source)


def _native(path: Path) -> Path:
    """Return the program itself, or the one behind it if it is the npm package's script."""
    try:
        with path.open("rb") as file:
            is_script = file.read(2) == b"#!" or path.resolve().suffix in {".js", ".mjs"}
    except IsADirectoryError:
        raise CodexMissing(f"{path} is a directory.") from None
    except OSError as error:
        raise CodexMissing(f"{path} cannot be read: {error.strerror}.") from error
    if not is_script:
        return path
    for candidate in _behind_script(path.resolve()):
        if candidate.is_file():
            return candidate
    raise CodexMissing(f"{path} is a script, and the program behind it was not found.")


def _behind_script(script: Path) -> Iterator[Path]:
    """Where the npm package keeps its native program, now and in earlier releases."""
    known = _NPM_PLATFORMS.get((sys.platform, platform.machine()))
    if known is None or len(script.parents) < 2:
        return
    target, package = known
    root = script.parents[1]
    for base in (root.parent / package, root / "node_modules" / "@openai" / package, root):
        yield base / "vendor" / target / "bin" / "codex"
        yield base / "vendor" / target / "codex" / "codex"


@lru_cache(maxsize=16)
def _ask_version(path: str, _modified_ns: int, _size: int) -> str:
    """Ask once per version of the file."""
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CodexMissing(f"{path} does not answer.") from None
    except OSError as error:
        raise CodexMissing(f"{path} cannot be started: {error.strerror}.") from error
    if done.returncode:
        raise CodexMissing(f"{path} fails when asked for its version (code {done.returncode}).")
    return done.stdout.decode("utf-8", "replace")
