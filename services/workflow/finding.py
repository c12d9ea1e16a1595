"""Which workflows can be run by name in a directory, and their text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from foredeck.services.domain.errors import InvalidInput, NotFound
from foredeck.services.workflow import builtin
from foredeck.services.workflow.near import did_you_mean

FOLDER = Path(".foredeck") / "workflows"
SUFFIXES = (".yaml", ".yml")
LARGEST = 2_000_000
"""Bytes that are read: larger files are refused later, and no device is read for ever."""


@dataclass(frozen=True, slots=True)
class Target:
    """A workflow that can be run by name; `path` is empty for one that comes with Foredeck."""

    name: str
    path: str = ""


def known_targets(start: Path) -> list[Target]:
    """Return what can be run by name in a directory; the nearest folder comes first.

    A folder that cannot be read stands there itself: reading it says why.
    """
    found: dict[str, Target] = {}
    for directory in (start, *start.parents):
        for target in _in_folder(directory / FOLDER):
            found.setdefault(target.name, target)
    for name in builtin.NAMES:
        found.setdefault(name, Target(name))
    return list(found.values())


def named(wanted: str, start: Path) -> Target:
    """Return the workflow of that name; raises `NotFound`."""
    known = {target.name: target for target in known_targets(start)}
    if wanted not in known:
        otherwise = "Give a file, or a name that foredeck dag list shows."
        advice = f"{did_you_mean(wanted, known)} {otherwise}".lstrip()
        raise NotFound(f"There is no workflow {wanted}.", advice)
    return known[wanted]


def text_of(target: Target) -> str:
    """Return the text of a workflow; raises `NotFound` and `InvalidInput`."""
    return read_text(Path(target.path)) if target.path else builtin.text(target.name)


def read_text(path: Path) -> str:
    """Return the text of a file; raises `NotFound` and `InvalidInput`."""
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST)
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", "foredeck dag list shows what is.") from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    return decoded(data, str(path))


def decoded(data: bytes, name: str) -> str:
    """Return what was read from `name` as text; raises `InvalidInput`."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{name} is not UTF-8 text: byte {error.start} cannot be read.",
            "Convert it first, for example with iconv.",
        ) from error


def _in_folder(folder: Path) -> list[Target]:
    try:
        if not folder.is_dir():
            return []
        paths = sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and p.is_file())
    except OSError:
        return [Target(str(FOLDER), str(folder))]
    return [Target(path.stem, str(path)) for path in paths]
