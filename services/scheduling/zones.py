"""Time zones by their IANA names, and that of this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.safe_text import safe_line

_DATABASE = "zoneinfo/"
_LOCALTIME, _NAME = Path("/etc/localtime"), Path("/etc/timezone")


def mistakes(name: str) -> list[str]:
    """Return a sentence if there is no time zone of this name; it says which one may be meant."""
    if name in _names():
        return []
    from difflib import get_close_matches

    by_fold = {known.casefold(): known for known in sorted(_names())}
    cities = {known.rpartition("/")[2].casefold(): known for known in sorted(_names())}
    wanted = name.strip().casefold().replace(" ", "_")
    near = [by_fold[fold] for fold in get_close_matches(wanted, by_fold, n=2)]
    near = [cities[wanted], *near] if wanted in cities else near
    meant = f"Did you mean {' or '.join(dict.fromkeys(near))}?" if near else _EXAMPLE
    return [f"There is no time zone {safe_line(name, limit=60)!r}. {meant}"]


_EXAMPLE = "It is an IANA name, such as Europe/Berlin or UTC."


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of this name; raises `InvalidInput` if there is none."""
    if wrong := mistakes(name):
        raise InvalidInput(wrong[0])
    return ZoneInfo(name)


def machine_zone(
    environ: Mapping[str, str] = os.environ, localtime: Path = _LOCALTIME, name: Path = _NAME
) -> str:
    """Return the name of this machine's time zone: of TZ, else /etc/localtime, else /etc/timezone.

    It is UTC where none of them names one.
    """
    tz = environ.get("TZ", "").lstrip(":")
    for found in (_in_database(tz), *_links(localtime), _line(name)):
        if found in _names():
            return found
    return "UTC"


def _in_database(path: str) -> str:
    return path.rpartition(_DATABASE)[2]


def _links(path: Path) -> tuple[str, ...]:
    """Return the names that a link to a zone's file gives: where it leads to, and where at last."""
    try:
        return _in_database(str(path.readlink())), _in_database(str(path.resolve(strict=True)))
    except (OSError, RuntimeError):
        return ()


def _line(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())
