"""Which secrets this machine has at hand, so that they can be kept out of what is written."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from foredeck.services.domain.errors import SettingsError
from foredeck.services.settings import Settings, resolve_secret

_log = logging.getLogger(__name__)

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL", re.IGNORECASE)
_COMMAND = "command:"
_LARGEST = 65_536


def of_environment(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the values of variables whose names say that they are secret.

    The name of a file that is there is none, whatever it holds.
    """
    for name, value in environ.items():
        if _SECRET_NAME.search(name) and not _is_file(value):
            yield value


def of_references(
    references: Iterable[str], environ: Mapping[str, str], *, commands: bool
) -> Iterator[str]:
    """Yield what references stand for; those that cannot be followed are left out.

    `commands` follows those that run a program as well: not for an event loop.
    """
    for reference in references:
        if reference.startswith(_COMMAND) and not commands:
            continue
        try:
            value = resolve_secret(reference, environ)
        except SettingsError as error:
            _log.debug("a secret cannot be kept out of what is written: %s", error)
        else:
            yield from [value] if value else []


def of_codex_login(codex_home: Path) -> Iterator[str]:
    """Yield the tokens that codex keeps in its own directory."""
    path = codex_home / "auth.json"
    try:
        if path.stat().st_size <= _LARGEST:
            yield from _secret_strings(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return  # there is none, or nobody could use it


def references_of(settings: Settings) -> list[str]:
    """Return the references to secrets among the settings."""
    return [settings.api_key, *filter(None, [settings.notify_webhook])]


def at_hand(settings: Settings, codex_home: Path, environ: Mapping[str, str]) -> list[str]:
    """Return the secrets that can be known at once."""
    return [
        *of_environment(environ),
        *of_references(references_of(settings), environ, commands=False),
        *of_codex_login(codex_home),
    ]


def _secret_strings(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secret_strings(item, str(key))
    elif isinstance(value, str) and _SECRET_NAME.search(name):
        yield value


def _is_file(value: str) -> bool:
    try:
        return value.startswith(("/", "~")) and Path(value).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False
