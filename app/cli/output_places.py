"""Where an answer that goes to a file cannot be written: the same errors for every command."""

from __future__ import annotations

import errno
from pathlib import Path

from foredeck.services.domain.errors import ForedeckError, InvalidInput, StorageFull, StoreError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


def unwritable(path: Path, error: OSError) -> ForedeckError:
    """Return what is said of a file that cannot be written.

    That is `InvalidInput` where there is no such directory, else `StorageFull` or `StoreError`.
    """
    if not path.parent.is_dir():
        return InvalidInput(f"There is no directory {path.parent}.", "Make it first.")
    kind = StorageFull if error.errno in _NO_ROOM else StoreError
    return kind(
        f"{path} cannot be written: {error.strerror or error}.",
        "Choose another place with --output.",
    )
