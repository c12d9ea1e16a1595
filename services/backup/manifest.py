"""The last member of a backup: what the others are, and how one can tell that they are whole."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from foredeck.services.backup.contents import LEFT_OUT
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.store.place import NAME as DATABASE

NAME = "manifest.json"
FORMAT = "foredeck-backup"
FORMAT_VERSION = 1
# Everything but the database lies below this name.
FILES = "data/"
# Of the manifest itself, in bytes: a million files have less.
MOST = 256 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its size in bytes and its content's SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds; `files` are its other members by their names."""

    version: str
    schema: int
    created_at: datetime
    data_dir: str
    output: bool
    audit_rows: int
    audit_seal: str
    files: Mapping[str, Entry]
    skipped: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Return it as the member of the archive."""
        fields = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            **asdict(self),
            "created_at": self.created_at.isoformat(),
        }
        return json.dumps(fields, indent=1).encode()


def read_manifest(data: bytes) -> Manifest:
    """Return the manifest; raises `InvalidInput` for what is none, or one of a later form."""
    try:
        fields = json.loads(data)
        if fields["format"] != FORMAT:
            raise ValueError
        if fields["format_version"] > FORMAT_VERSION:
            raise InvalidInput(
                "The backup was made by a later version of Foredeck.", "Upgrade Foredeck first."
            )
        return _manifest(fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidInput(
            "The backup's manifest cannot be understood.", "Use another backup."
        ) from None


def _manifest(fields: dict[str, Any]) -> Manifest:
    files = {
        _member(name): Entry(_count(entry["size"]), _digest(entry["sha256"]))
        for name, entry in fields["files"].items()
    }
    if DATABASE not in files:
        raise ValueError
    return Manifest(
        version=str(fields["version"]),
        schema=_count(fields["schema"]),
        created_at=datetime.fromisoformat(fields["created_at"]),
        data_dir=str(fields["data_dir"]),
        output=bool(fields["output"]),
        audit_rows=_count(fields["audit_rows"]),
        audit_seal=str(fields["audit_seal"]),
        files=files,
        skipped=tuple(str(name) for name in fields["skipped"]),
    )


def _member(name: object) -> str:
    if not isinstance(name, str) or not is_member(name):
        raise ValueError
    return name


def is_member(name: str) -> bool:
    """Whether a name may stand in a backup: the database, or a path that leads nowhere else."""
    if name == DATABASE:
        return True
    parts = name.split("/")
    safe = all(part not in ("", ".", "..") and "\0" not in part for part in parts)
    return name.startswith(FILES) and safe and parts[1] not in LEFT_OUT


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError
    return value


def _digest(value: object) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError
    return value
