"""Where the host's socket is: in a private directory of the data directory."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DIRECTORY = "host"
SOCKET = "socket"

_ADDRESS_LIMIT = 107  # sun_path of unix(7), without its terminating NUL
_BACKLOG = 64


def socket_path(data_dir: Path) -> Path:
    """Return the path of the host's socket."""
    return data_dir / DIRECTORY / SOCKET


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Yield a way to a socket that fits into a socket address, however long its path is.

    Raises `OSError` if the directory is not there.
    """
    if len(os.fsencode(path)) <= _ADDRESS_LIMIT:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def listen(data_dir: Path) -> socket.socket:
    """Return a listening socket for this user alone; the one of a dead host is replaced.

    Only for who holds the lock of the data directory. Raises `OSError`.
    """
    path = socket_path(data_dir)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.parent.chmod(0o700)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        with reachable(path) as address:
            listener.bind(address)
        path.chmod(0o600)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def user_of(peer: socket.socket) -> int:
    """Return the user id of the process at the other end."""
    return _credentials(peer)[1]


def process_of(peer: socket.socket) -> int:
    """Return the id of the process at the other end."""
    return _credentials(peer)[0]


def _credentials(peer: socket.socket) -> tuple[int, int, int]:
    """Return process, user and group, as the kernel took note of them: socket(7), SO_PEERCRED."""
    size = struct.calcsize("3i")
    process, user, group = struct.unpack(
        "3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    )
    return process, user, group
