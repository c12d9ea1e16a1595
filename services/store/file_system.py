"""Which kind of file system a path lies on, as far as the database cares.

WAL needs memory that is shared between processes; a network file system has none, and two
hosts that each believe to hold the lock would spoil the file (sqlite.org/wal.html).
"""

from __future__ import annotations

import os
from pathlib import Path

from foredeck.services.domain.errors import StoreError

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "lustre", "gpfs", "beegfs",
        "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.rclone", "fuse.s3fs",
    }
)  # fmt: skip
# Fields of a line of mountinfo, proc(5); the type stands behind a lone dash.
_DEVICE, _DASH = 2, "-"


def require_local(directory: Path, mounts: Path = _MOUNTS) -> None:
    """Raise `StoreError` if the directory lies on a network file system."""
    kind = type_of(directory, mounts)
    if kind in _NETWORK:
        raise StoreError(
            f"The data directory {directory} lies on a network file system ({kind}), "
            "where the database is not safe.",
            "Choose a directory on a local disk with --data-dir.",
        )


def type_of(path: Path, mounts: Path = _MOUNTS) -> str:
    """Return the type of the file system that an existing path lies on, empty if not known."""
    try:
        device = path.stat().st_dev
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        fields = line.split(" ")
        if len(fields) > _DEVICE and fields[_DEVICE] == wanted and _DASH in fields:
            return fields[fields.index(_DASH) + 1]
    return ""
