"""One host at a time, and the lock is free at once when the holder dies."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from foredeck.services.domain.errors import HostBusy, StoreError
from foredeck.services.host.lock import HostLock, read_holder

HOLD = """
import sys
import threading
from pathlib import Path
from foredeck.services.host.lock import HostLock
lock = HostLock.acquire(Path(sys.argv[1]), "dashboard")
import subprocess
child = subprocess.Popen(["sleep", "60"])
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_the_second_one_is_told_who_holds_it(tmp_path: Path) -> None:
    lock = HostLock.acquire(tmp_path, "dashboard")
    with pytest.raises(HostBusy, match=f"dashboard .process {os.getpid()}"):
        HostLock.acquire(tmp_path, "foredeck run")
    lock.release()
    lock.release()
    HostLock.acquire(tmp_path, "foredeck run").release()
    assert read_holder(tmp_path) is None


def test_kill_9_frees_it_even_while_a_child_lives(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stdin
    child = int(holder.stdout.readline())
    try:
        with pytest.raises(HostBusy):
            HostLock.acquire(tmp_path, "test")
        holder.kill()
        holder.wait()
        HostLock.acquire(tmp_path, "test").release()
    finally:
        os.kill(child, signal.SIGKILL)
        holder.stdin.close()
        holder.stdout.close()


def test_a_directory_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        HostLock.acquire(blocker / "data", "test")


def test_a_look_at_who_holds_it_does_not_turn_a_host_away(tmp_path: Path) -> None:
    HostLock.acquire(tmp_path, "dashboard").release()
    look = os.open(tmp_path / "host.lock", os.O_RDONLY)
    fcntl.flock(look, fcntl.LOCK_SH)
    threading.Timer(0.05, os.close, (look,)).start()
    HostLock.acquire(tmp_path, "foredeck run").release()
