"""What forks shims may die; what it has started goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from foredeck.services.jobs.nursery import Nursery
from foredeck.services.jobs.run_dir import RunDir
from tests.support.house import until
from tests.support.process_table import zombies


def servers() -> list[int]:
    """Return the waiting processes of this one, without the shims that left it."""
    own, found = str(os.getpid()), []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and b"--serve" in (entry / "cmdline").read_bytes():
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                found += [int(entry.name)] if parent == own else []
        except OSError:
            continue
    return found


async def start(nursery: Nursery, path: Path, text: str) -> int:
    path.mkdir()
    words = ["/bin/sh", "-c", text]
    return await nursery.carry(path, words, {}, 0.3, timeout=None, directory=str(path))


async def test_it_is_there_again_after_it_was_killed(tmp_path: Path) -> None:
    nursery = Nursery()
    go = "until test -e go; do /bin/sleep 0.02; done"
    assert await start(nursery, tmp_path / "one", go) == 0
    (server,) = servers()
    os.kill(server, signal.SIGKILL)
    await until(lambda: servers() == [] or _is_zombie(server), "its end")
    assert await start(nursery, tmp_path / "two", "exit 3") == 0
    nursery.close()
    assert servers() == []
    assert zombies() == []
    (tmp_path / "one" / "go").touch()
    one, two = RunDir(tmp_path / "one"), RunDir(tmp_path / "two")
    await until(lambda: None not in (one.ending, two.ending), "the ends of both")
    assert one.ending is not None
    assert two.ending is not None
    assert (one.ending["code"], two.ending["code"]) == (0, 3)


async def test_a_directory_that_is_not_there_is_an_answer_too(tmp_path: Path) -> None:
    nursery = Nursery()
    try:
        code = await nursery.carry(
            tmp_path / "none", ["true"], {}, 0.3, timeout=None, directory=str(tmp_path)
        )
        assert code not in {0, 75}
    finally:
        nursery.close()


async def test_who_waits_is_told_when_it_dies(tmp_path: Path) -> None:
    nursery = Nursery()
    assert await start(nursery, tmp_path / "one", "true") == 0
    (server,) = servers()
    os.kill(server, signal.SIGSTOP)
    (tmp_path / "two").mkdir()
    waiting = asyncio.create_task(
        nursery.carry(
            tmp_path / "two", ["true"], {}, 0.3, timeout=None, directory=str(tmp_path / "two")
        )
    )
    await asyncio.sleep(0)
    os.kill(server, signal.SIGKILL)
    with pytest.raises(OSError, match="has ended"):
        await waiting
    nursery.close()
    assert zombies() == []


def _is_zombie(pid: int) -> bool:
    return str(pid) in zombies()
