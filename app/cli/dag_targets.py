"""Which workflow a name on the command line means: a file, one of the folder, a built-in one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from foredeck.services.domain.errors import InvalidInput, NotFound

FOLDER = Path(".foredeck") / "workflows"
_SUFFIXES = (".yaml", ".yml")
# Larger files are refused when they are read; this keeps a device from being read for ever.
_LIMIT = 2_000_000


@dataclass(frozen=True)
class Target:
    """A workflow that can be run by name; `path` is empty for one that comes with Foredeck."""

    name: str
    path: str = ""


@dataclass(frozen=True)
class ReadTarget:
    """A workflow's text, and what to call it; `path` is empty where there is no file."""

    source: str
    name: str
    path: str = ""


def known_targets() -> list[Target]:
    """Return what can be run by name here; the nearest folder comes first."""
    from foredeck.services.workflow import builtin

    found: dict[str, Target] = {}
    for folder in _folders():
        for path in sorted(p for p in folder.iterdir() if p.suffix in _SUFFIXES and p.is_file()):
            found.setdefault(path.stem, Target(path.stem, str(path)))
    for name in builtin.NAMES:
        found.setdefault(name, Target(name))
    return list(found.values())


def is_target(wanted: str) -> bool:
    """Whether this names a workflow: a file, or one that can be run by name."""
    return _is_file(wanted) or wanted in {target.name for target in known_targets()}


def _is_file(wanted: str) -> bool:
    path = Path(wanted).expanduser()
    return wanted == "-" or path.is_file() or path.suffix in _SUFFIXES or "/" in wanted


def read_target(wanted: str) -> ReadTarget:
    """Return the text of a workflow; `-` reads stdin. Raises `NotFound` and `InvalidInput`."""
    from foredeck.services.workflow import builtin

    if wanted == "-":
        return ReadTarget(_decoded(sys.stdin.buffer.read(_LIMIT), "stdin"), "<stdin>")
    if _is_file(wanted):
        return _read(Path(wanted).expanduser())
    known = {target.name: target for target in known_targets()}
    if wanted not in known:
        raise NotFound(f"There is no workflow {wanted}.", _advice(wanted, known))
    target = known[wanted]
    return _read(Path(target.path)) if target.path else ReadTarget(builtin.text(wanted), wanted)


def _folders() -> list[Path]:
    here = Path.cwd()
    return [found for one in (here, *here.parents) if (found := one / FOLDER).is_dir()]


def _read(path: Path) -> ReadTarget:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LIMIT)
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", "foredeck dag list shows what is.") from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    return ReadTarget(_decoded(data, str(path)), str(path), str(path.absolute()))


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{name} is not UTF-8 text: byte {error.start} cannot be read.",
            "Convert it first, for example with iconv.",
        ) from error


def _advice(wanted: str, known: dict[str, Target]) -> str:
    from foredeck.services.workflow.near import did_you_mean

    otherwise = "Give a file, or a name that foredeck dag list shows."
    return f"{did_you_mean(wanted, known)} {otherwise}".lstrip()
