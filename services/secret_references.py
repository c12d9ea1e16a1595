"""Secrets are written down as references only (SPEC R3); here they are followed."""

from __future__ import annotations

import logging
import re
import shlex
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from foredeck.services.domain.errors import SettingsError

_log = logging.getLogger(__name__)

_COMMAND_TIMEOUT = 10.0
# A secret is short; whoever names a larger file has named the wrong one. In bytes.
_LARGEST = 65_536
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_FORMS = "env:NAME, file:PATH or command:WORDS"


def check_reference(reference: str) -> str | None:
    """Return what is wrong with a reference, None if it is one; the value is not repeated."""
    scheme, colon, rest = reference.partition(":")
    if not colon or scheme not in ("env", "file", "command") or not rest.strip():
        return f"expected a reference ({_FORMS}), never the secret itself"
    if scheme == "env" and not _NAME.match(rest):
        return "expected the name of an environment variable after env:"
    if scheme == "command" and not _words(rest):
        return "expected a command after command:, with its quotes closed"
    return None


def read_reference(reference: str, environ: Mapping[str, str]) -> str | None:
    """Return what a reference stands for, None if there is nothing there.

    Raises `SettingsError`.
    """
    if problem := check_reference(reference):
        raise SettingsError(f"A secret is wrong: {problem}.")
    scheme, _, rest = reference.partition(":")
    if scheme == "env":
        return environ.get(rest, "").strip() or None
    return (_from_file(rest) if scheme == "file" else _from_command(rest, environ)) or None


def _from_file(name: str) -> str:
    path = Path(name.strip()).expanduser()
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            raise SettingsError(
                f"{path} cannot hold a secret: it is no regular file, or too large."
            )
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"The secret in {path} cannot be read: {error.strerror}.",
            "Check the path and who may read it.",
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"The secret in {path} is not text.") from None
    if status.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        _log.warning("other users can read the secret in %s: chmod 600 it", path)
    return text.strip()


def _from_command(text: str, environ: Mapping[str, str]) -> str:
    words = _words(text)
    try:
        done = subprocess.run(
            words,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_COMMAND_TIMEOUT,
            check=True,
        )
    except OSError as error:
        raise SettingsError(f"The command {words[0]} cannot run: {error.strerror}.") from None
    except subprocess.TimeoutExpired:
        raise SettingsError(
            f"The command {words[0]} gave no secret within {_COMMAND_TIMEOUT:g} seconds."
        ) from None
    except subprocess.CalledProcessError as error:
        raise SettingsError(
            f"The command {words[0]} gave no secret: it ended with code {error.returncode}."
        ) from None
    return done.stdout.decode("utf-8", "replace").strip()


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []
