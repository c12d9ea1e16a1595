"""What the codex app-server gets to see of our environment.

Commands that a model runs can read the environment of the programs above them, so the
server gets what a program needs and no key but its own.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from foredeck.services.domain.errors import CodexError
from foredeck.services.settings import Settings

_COMMON = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR",
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
        "http_proxy", "https_proxy", "all_proxy", "no_proxy",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
    }
)  # fmt: skip
_NEEDED = _COMMON | {
    "CODEX_CA_CERTIFICATE", "CODEX_HOME", "CODEX_API_KEY", "CODEX_SQLITE_HOME", "RUST_LOG",
}  # fmt: skip
_NEEDED_PREFIXES = ("LC_", "XDG_")


def codex_home(settings: Settings) -> Path:
    """Return codex's own directory: the configured one, the environment's, else ~/.codex."""
    if settings.codex_home:
        return settings.codex_home.expanduser().absolute()
    return Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex").absolute()


def command_environment() -> dict[str, str]:
    """Return the environment of a command that runs what a model wrote: no key at all."""
    return _present(_COMMON)


def codex_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the app-server.

    Besides what every program needs: `CODEX_API_KEY`, and those variables that codex's own
    configuration says hold the key of a provider or of a tool server. A configured
    codex home is made if it is missing; raises `CodexError` if that is not possible.
    """
    home = codex_home(settings)
    wanted = _NEEDED | set(_named_in_configuration(home / "config.toml"))
    found = _present(wanted)
    if settings.codex_home:
        _make(home)
        found["CODEX_HOME"] = str(home)
    return found


def _present(names: Set[str]) -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in names or name.startswith(_NEEDED_PREFIXES)
    }


def _make(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CodexError(
            f"The codex home {home} cannot be made: {error.strerror}.", "Set another codex_home."
        ) from error


def read_configuration(config: Path) -> dict[str, Any]:
    """Return what stands in codex's configuration file; nothing if it cannot be read."""
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # codex itself tells what is wrong with it


def own_servers(settings: Settings) -> tuple[str, ...]:
    """Return the names of the tool servers in codex's own configuration; reads a file."""
    found = read_configuration(codex_home(settings) / "config.toml").get("mcp_servers")
    return tuple(found) if isinstance(found, dict) else ()


def _named_in_configuration(config: Path) -> Iterator[str]:
    """Yield the variables that the configuration takes keys from."""
    tables = read_configuration(config)
    for section in ("model_providers", "mcp_servers"):
        entries = tables.get(section)
        for entry in entries.values() if isinstance(entries, dict) else ():
            if isinstance(entry, dict):
                yield from _named_in_entry(entry)


def _named_in_entry(entry: Mapping[str, Any]) -> Iterator[str]:
    for field in ("env_key", "bearer_token_env_var"):
        if isinstance(entry.get(field), str):
            yield entry[field]
    headers = entry.get("env_http_headers")
    if isinstance(headers, dict):
        yield from (name for name in headers.values() if isinstance(name, str))
    names = entry.get("env_vars")
    if isinstance(names, list):
        yield from (name for name in names if isinstance(name, str))
