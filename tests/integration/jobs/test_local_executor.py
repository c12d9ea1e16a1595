"""The local executor, with real processes; each test makes a new one to look with."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from foredeck.services.domain.errors import Conflict, StorageFull
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.states import JobState
from foredeck.services.jobs.executor import Command, Found, Handle
from foredeck.services.jobs.local_executor import LocalExecutor
from foredeck.services.jobs.processes import find_marked
from foredeck.services.jobs.run_dir import RunDir
from tests.support.house import until
from tests.support.process_table import zombies
from tests.support.small_disk import small_disk

ENVIRONMENT = {"PATH": os.environ["PATH"]}


@pytest.fixture
def handle() -> Iterator[Handle]:
    handle = Handle(new_id(), 2)
    yield handle
    left = find_marked(handle.job_id)
    for process in left:
        os.kill(process.pid, signal.SIGKILL)
    assert left == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "jobs"


@pytest.fixture(autouse=True)
async def executors() -> AsyncIterator[None]:
    yield
    while _MADE:
        _MADE.pop().close()
    assert zombies() == []


def executor(root: Path, grace: float = 0.3) -> LocalExecutor:
    _MADE.append(LocalExecutor(root, grace))
    return _MADE[-1]


_MADE: list[LocalExecutor] = []


def shell(root: Path, text: str, timeout: float | None = None) -> Command:
    root.parent.mkdir(exist_ok=True)
    return Command(("/bin/sh", "-c", text), str(root.parent), ENVIRONMENT, timeout)


async def ended(root: Path, handle: Handle) -> Found:
    async with asyncio.timeout(30):
        while (found := await executor(root).probe(handle)).state is JobState.IN_PROGRESS:
            await executor(root).changed(handle, 30)
        return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("echo out; echo err >&2", Found(JobState.COMPLETED, 0)),
        ("echo out; echo err >&2; exit 7", Found(JobState.FAILED, 7)),
        ("echo out; echo err >&2; kill -SEGV $$", Found(JobState.FAILED, None, 11)),
    ],
)
async def test_what_became_of_a_command_is_read_back_by_anybody(
    root: Path, handle: Handle, text: str, found: Found
) -> None:
    assert await executor(root).probe(handle) == Found(JobState.QUEUED)
    await executor(root).submit(handle, shell(root, text))
    assert await ended(root, handle) == found
    assert await executor(root).read(handle, 0, 100) == b"out\nerr\n"
    assert await executor(root).read(handle, 4, 2) == b"er"
    assert await executor(root).read(handle, 8, 100) == b""


async def test_what_a_whole_tree_has_cost_is_told(root: Path, handle: Handle) -> None:
    burn = "import os, time\nkept = bytearray(150 << 20)\nwhile time.process_time() < 0.5: pass"
    await executor(root).submit(
        handle, shell(root, f"(setsid {sys.executable} -c '{burn}') & wait")
    )
    found = await ended(root, handle)
    assert found == Found(JobState.COMPLETED, 0)
    assert found.cpu_seconds is not None
    assert 0.5 <= found.cpu_seconds < 30
    assert found.peak_memory is not None
    assert 150 << 20 <= found.peak_memory < 1 << 30


async def test_an_attempt_is_started_once_however_often_it_is_submitted(
    root: Path, handle: Handle
) -> None:
    count = shell(root, "echo once >> count; sleep 0.2")
    await asyncio.gather(*(executor(root).submit(handle, count) for _ in range(4)))
    assert (await ended(root, handle)).state is JobState.COMPLETED
    await executor(root).submit(handle, count)
    assert (await ended(root, handle)).state is JobState.COMPLETED
    assert (root.parent / "count").read_text() == "once\n"
    await executor(root).submit(Handle(handle.job_id, 3), count)
    assert (await ended(root, Handle(handle.job_id, 3))).state is JobState.COMPLETED
    assert (root.parent / "count").read_text() == "once\nonce\n"


async def test_the_time_is_up_also_while_nobody_watches(root: Path, handle: Handle) -> None:
    stubborn = "trap '' TERM; echo up; while :; do sleep 1; done"
    await executor(root).submit(handle, shell(root, stubborn, timeout=0.3))
    carrier = RunDir(root / f"{handle.job_id}.{handle.attempt}")
    await until(lambda: carrier.ending is not None, "the end of the command")
    assert (await executor(root).probe(handle)).state is JobState.TIMEOUT
    assert find_marked(handle.job_id) == []


async def test_cancelling_ends_the_whole_tree(root: Path, handle: Handle) -> None:
    await executor(root).submit(handle, shell(root, DEAF_TREE))
    await until(lambda: len(find_marked(handle.job_id)) >= 3, "the tree")
    await executor(root).cancel(handle)
    assert find_marked(handle.job_id) == []
    assert (await executor(root).probe(handle)).state is JobState.CANCELLED


async def test_a_command_that_lost_its_shim_is_lost_and_can_be_ended(
    root: Path, handle: Handle
) -> None:
    await executor(root).submit(handle, shell(root, DEAF_TREE))
    await until(lambda: len(find_marked(handle.job_id)) >= 3, "the tree")
    carrier = RunDir(root / f"{handle.job_id}.{handle.attempt}").carrier
    assert carrier is not None
    os.kill(carrier.pid, signal.SIGKILL)
    assert await ended(root, handle) == Found(JobState.LOST)
    await executor(root).submit(handle, shell(root, "touch again"))
    assert not (root.parent / "again").exists()
    await executor(root).cancel(handle)
    assert find_marked(handle.job_id) == []
    assert await executor(root).probe(handle) == Found(JobState.LOST)


async def test_what_was_never_started_can_be_cancelled_and_discarded(
    root: Path, handle: Handle
) -> None:
    await executor(root).cancel(handle)
    await executor(root).discard(handle)
    assert await executor(root).read(handle, 0, 10) == b""
    assert await executor(root).probe(handle) == Found(JobState.QUEUED)


async def test_a_missing_workspace_is_told(root: Path, handle: Handle) -> None:
    with pytest.raises(Conflict, match="not there any more"):
        await executor(root).submit(handle, Command(("true",), str(root / "none")))
    assert await executor(root).probe(handle) == Found(JobState.QUEUED)


async def test_a_full_disk_is_told_and_the_attempt_can_be_started_later(
    tmp_path: Path, handle: Handle
) -> None:
    with small_disk(tmp_path / "disk", "256k") as disk:
        root = disk.path / "jobs"
        root.mkdir()
        with disk.filled(), pytest.raises(StorageFull, match="could not be started"):
            await executor(root).submit(handle, shell(root, "echo there"))
        assert await executor(root).probe(handle) == Found(JobState.QUEUED)
        await executor(root).submit(handle, shell(root, "echo there"))
        assert await ended(root, handle) == Found(JobState.COMPLETED, 0)
        assert await executor(root).read(handle, 0, 10) == b"there\n"


async def test_how_a_command_ended_is_told_although_its_output_filled_the_disk(
    tmp_path: Path, handle: Handle
) -> None:
    with small_disk(tmp_path / "disk", "256k") as disk:
        root = disk.path / "jobs"
        await executor(root).submit(handle, shell(root, "seq 1000000; exit 3"))
        assert await ended(root, handle) == Found(JobState.FAILED, 3)


DEAF_TREE = """
trap '' TERM
setsid sh -c 'trap "" TERM; (setsid sh -c "sleep 300; :" &) ; sleep 300; :' &
sleep 300
:
"""


async def test_stderr_that_is_split_off_has_a_file_of_its_own(root: Path, handle: Handle) -> None:
    run = executor(root)
    text = "echo out; echo err >&2; echo more"
    command = Command(("/bin/sh", "-c", text), str(root.parent), ENVIRONMENT, split=True)
    await run.submit(handle, command)
    await until(lambda: RunDir(root / f"{handle.job_id}.2").ending is not None, "its end")
    assert await run.read(handle, 0, 100) == b"out\nmore\n"
    assert await run.read(handle, 0, 100, errors=True) == b"err\n"
    assert Path(run.path(handle)).read_bytes() == b"out\nmore\n"
    assert Path(run.path(handle, errors=True)).stat().st_mode & 0o777 == 0o600


async def test_a_split_program_that_cannot_be_started_says_so_on_its_stderr(
    root: Path, handle: Handle
) -> None:
    run = executor(root)
    root.parent.mkdir(exist_ok=True)
    await run.submit(
        handle, Command(("/no/such/program",), str(root.parent), ENVIRONMENT, split=True)
    )
    await until(lambda: RunDir(root / f"{handle.job_id}.2").ending is not None, "its end")
    assert b"cannot be started" in await run.read(handle, 0, 200, errors=True)
    assert await run.read(handle, 0, 200) == b""
    assert (await run.probe(handle)).code == 127


def hungry(root: Path, code: str, memory: int) -> Command:
    root.parent.mkdir(exist_ok=True)
    words = (sys.executable, "-I", "-S", "-c", code)
    return Command(words, str(root.parent), ENVIRONMENT, memory=memory)


@pytest.mark.parametrize("code", ["GREEDY", "SHARED", "MANY"])
async def test_a_tree_that_holds_too_much_memory_is_ended(
    root: Path, handle: Handle, code: str
) -> None:
    await executor(root).submit(handle, hungry(root, globals()[code], 128 << 20))
    assert await ended(root, handle) == Found(JobState.FAILED, None, 9, over_memory=True)
    assert find_marked(handle.job_id) == []


async def test_what_cannot_be_had_at_all_is_refused_and_memory_in_common_counts_once(
    root: Path, handle: Handle
) -> None:
    await executor(root).submit(handle, hungry(root, FRUGAL, 128 << 20))
    assert await ended(root, handle) == Found(JobState.COMPLETED, 0)
    assert await executor(root).read(handle, 0, 100) == b"refused\nenough\n"


# One process that takes more and more; memory that is nobody's own; many small processes.
GREEDY = """
import time
kept = []
while True:
    kept.append(bytearray(8 << 20))
    time.sleep(0.05)
"""
SHARED = """
import mmap, time
kept = mmap.mmap(-1, 200 << 20)
for at in range(0, len(kept), 4096): kept[at] = 1
time.sleep(300)
"""
MANY = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        os.setsid()
        kept = bytearray(40 << 20)
        time.sleep(300)
time.sleep(300)
"""
# Four processes see the same 80 MiB, long enough to be looked at more than once.
FRUGAL = """
import os, time
try:
    bytearray(1 << 30)
except MemoryError:
    print("refused", flush=True)
kept = bytearray(80 << 20)
for _ in range(4):
    if os.fork() == 0:
        time.sleep(0.5)
        os._exit(0)
for _ in range(4):
    os.wait()
print("enough")
"""
