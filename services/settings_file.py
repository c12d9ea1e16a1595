"""Where each setting's value comes from: default, file, environment, flag; the later wins."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from foredeck.services.domain.errors import SettingsError
from foredeck.services.setting_values import convert
from foredeck.services.settings import Settings, default_data_dir, xdg_directory

_PREFIX = "FOREDECK_"
# Names with our prefix that are no settings: the file itself, the mark of a job's processes,
# which a foredeck that codex starts inherits, and what a command for notifications is told.
_NOT_SETTINGS = frozenset({"config", "job_id"}) | {
    "event",
    "notification_id",
    "run_id",
    "project",
    "title",
    "state",
    "task",
    "text",
}
_FIELDS = {field.name: field for field in fields(Settings)}


@dataclass(frozen=True)
class LoadedSettings:
    """The settings in force and, by field, the origin of each in words.

    `config_path` is the file that was read or would have been. `warnings` are sentences
    about what was given and has no effect.
    """

    settings: Settings
    origins: dict[str, str]
    config_path: Path
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SettingDescription:
    """A setting for a list: its name, the variable that sets it, what it is for."""

    name: str
    variable: str
    default: str
    help: str


class _Given(NamedTuple):
    """A value that somebody gave; `where` begins a complaint about it."""

    name: str
    value: Any
    origin: str
    where: str
    base: Path


def load_settings(
    flags: Mapping[str, Any],
    *,
    environ: Mapping[str, str] = os.environ,
    config: Path | None = None,
) -> LoadedSettings:
    """Put the settings together; `flags` are by field name, None means not given.

    `config` (else FOREDECK_CONFIG) names a file that must be there; without either,
    `$XDG_CONFIG_HOME/foredeck/config.toml` is read if it exists. A relative path is relative
    to the file that it stands in, else to the working directory. Raises `SettingsError` with
    every mistake at once.
    """
    path, required = _config_path(config, environ)
    values: dict[str, Any] = {"data_dir": default_data_dir(environ)}
    origins = dict.fromkeys(_FIELDS, "default")
    mistakes: list[str] = []
    for given in _all_given(path, required, environ, flags):
        field = _FIELDS.get(given.name)
        if field is None:
            mistakes.append(f"{given.where}: there is no such setting.{_nearest(given.name)}")
            continue
        value, problem = convert(field, given.value, given.base)
        if problem:
            mistakes.append(f"{given.where}: {problem}.")
        values[given.name], origins[given.name] = value, given.origin
    if mistakes:
        raise _error(mistakes)
    return LoadedSettings(Settings(**values), origins, path, _unknown_variables(environ))


def describe_settings() -> tuple[SettingDescription, ...]:
    """Return every setting with its help, for `doctor` and the documentation."""
    defaults = Settings()
    return tuple(
        SettingDescription(
            name, _PREFIX + name.upper(), _shown(getattr(defaults, name)), field.metadata["help"]
        )
        for name, field in _FIELDS.items()
    )


def _all_given(
    path: Path, required: bool, environ: Mapping[str, str], flags: Mapping[str, Any]
) -> Iterator[_Given]:
    here = Path.cwd()
    shown = _with_tilde(path)
    for name, value in _read(path, required).items():
        yield _Given(name, value, f"file {shown}", f"{shown}, {name}", path.parent)
    for name in _FIELDS:
        variable = _PREFIX + name.upper()
        if value := environ.get(variable, ""):
            yield _Given(name, value, f"environment {variable}", variable, here)
    for name, value in flags.items():
        if value is not None:
            flag = f"--{name.replace('_', '-')}"
            yield _Given(name, value, f"flag {flag}", flag, here)


def _config_path(config: Path | None, environ: Mapping[str, str]) -> tuple[Path, bool]:
    named = config or environ.get(f"{_PREFIX}CONFIG")
    if named:
        return Path(named).expanduser().absolute(), True
    return xdg_directory(environ, "XDG_CONFIG_HOME", ".config") / "foredeck/config.toml", False


def _read(path: Path, required: bool) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if not required:
            return {}
        raise SettingsError(f"There is no settings file {_with_tilde(path)}.") from None
    except OSError as error:
        raise SettingsError(
            f"The settings file {_with_tilde(path)} cannot be read: {error.strerror}."
        ) from None
    return _parsed(path, content)


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    import tomllib  # only who has a file pays for it

    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SettingsError(f"The settings file {_with_tilde(path)} is not UTF-8 text.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(
            f"The settings file {_with_tilde(path)} is not valid TOML: {error}.",
            'A line looks like this: model = "gpt-5.5"',
        ) from None


def _unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    names = sorted(name for name in environ if name.startswith(_PREFIX))
    return tuple(
        f"{name} has no effect: there is no such setting.{_nearest(setting, _PREFIX)}"
        for name in names
        if (setting := name.removeprefix(_PREFIX).lower()) not in _FIELDS
        and setting not in _NOT_SETTINGS
    )


def _nearest(name: str, prefix: str = "") -> str:
    from difflib import get_close_matches

    near = get_close_matches(name.lower().replace("-", "_"), _FIELDS, n=2)
    names = [prefix + match.upper() if prefix else match for match in near]
    return f" Did you mean {' or '.join(names)}?" if names else ""


def _error(mistakes: list[str]) -> SettingsError:
    if len(mistakes) == 1:
        return SettingsError(mistakes[0])
    lines = "".join(f"\n  {mistake}" for mistake in mistakes)
    return SettingsError(f"{len(mistakes)} settings are wrong:{lines}")


def _with_tilde(path: Path) -> str:
    try:
        return f"~/{path.relative_to(Path.home())}"
    except ValueError:
        return str(path)


def _shown(value: Any) -> str:
    if isinstance(value, Path):
        return _with_tilde(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping | tuple):
        return ", ".join(value)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
