"""What every executor promises, as tests: a class of tests that a second one is held to as well.

A subclass named `Test…` brings the `rig` of its executor; see `test_local_executor`. Every look is
taken with a new executor, as a later host would take it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import pytest

from foredeck.services.domain.errors import Conflict, StorageFull
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.jobs.executor import Command, Executor, Found, Handle
from foredeck.services.jobs.processes import find_marked
from tests.support.house import until
from tests.support.small_disk import small_disk

ENVIRONMENT = {"PATH": os.environ["PATH"]}


class Rig(ABC):
    """One kind of executor, and the place where the commands of a test work.

    A cancelled command has about a third of a second to end by itself.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @abstractmethod
    def executor(self) -> Executor:
        """Return a new executor over the same data."""

    @abstractmethod
    def at(self, directory: Path) -> Rig:
        """Return a rig whose data and commands are there."""

    @abstractmethod
    def program(self) -> str:
        """Return Python that makes an executor over the same data, named `executor`."""

    @abstractmethod
    async def orphan(self, handle: Handle) -> None:
        """Kill -9 what watches over a command that runs."""

    def shell(self, text: str, **fields: object) -> Command:
        """Return a command for the shell."""
        return self._command("/bin/sh", "-c", text, **fields)

    def python(self, code: str, **fields: object) -> Command:
        """Return a command that runs Python without its site-packages."""
        return self._command(sys.executable, "-I", "-S", "-c", code, **fields)

    def _command(self, *words: str, **fields: object) -> Command:
        return Command(words, str(self.directory), ENVIRONMENT, **fields)  # type: ignore[arg-type]

    async def run(self, handle: Handle, command: Command) -> Found:
        """Submit it and return how it ended."""
        await self.executor().submit(handle, command)
        return await self.ended(handle)

    async def ended(self, handle: Handle) -> Found:
        """Wait for its end."""
        async with asyncio.timeout(60):
            while (found := await self.executor().probe(handle)).state is JobState.IN_PROGRESS:
                await self.executor().changed(handle, 30)
            return found

    async def printed(self, handle: Handle, *, errors: bool = False) -> bytes:
        """Return the first bytes of its output."""
        return await self.executor().read(handle, 0, 4096, errors=errors)

    async def says(self, handle: Handle, words: bytes) -> None:
        """Wait until it has printed that."""
        async with asyncio.timeout(30):
            while words not in await self.printed(handle):
                await asyncio.sleep(0.01)


class ExecutorContract:
    """Each test has a handle of its own, and nothing that it started may be left."""

    @pytest.fixture
    def handle(self) -> Iterator[Handle]:
        handle = Handle(new_id(), 2)
        yield handle
        left = find_marked(handle.job_id)
        for process in left:
            os.kill(process.pid, signal.SIGKILL)
        assert left == []

    # How it ended.

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("echo out; echo err >&2", Found(JobState.COMPLETED, 0)),
            ("echo out; echo err >&2; exit 7", Found(JobState.FAILED, 7)),
            ("echo out; echo err >&2; exec /no/such", Found(JobState.FAILED, 127)),
            ("echo out; echo err >&2; kill -SEGV $$", Found(JobState.FAILED, None, 11)),
        ],
    )
    async def test_what_became_of_a_command_is_read_back_by_anybody(
        self, rig: Rig, handle: Handle, text: str, found: Found
    ) -> None:
        assert await rig.executor().probe(handle) == Found(JobState.QUEUED)
        assert await rig.run(handle, rig.shell(text)) == found
        assert (await rig.printed(handle)).startswith(b"out\nerr\n")

    async def test_a_program_that_is_not_there(self, rig: Rig, handle: Handle) -> None:
        command = Command(("/no/such/program",), str(rig.directory), ENVIRONMENT, split=True)
        assert await rig.run(handle, command) == Found(JobState.FAILED, 127)
        assert await rig.printed(handle) == b""
        said = await rig.printed(handle, errors=True)
        assert said == b"/no/such/program cannot be started: No such file or directory\n"

    async def test_nothing_comes_in(self, rig: Rig, handle: Handle) -> None:
        assert await rig.run(handle, rig.shell("read line || echo none")) == DONE
        assert await rig.printed(handle) == b"none\n"

    async def test_what_a_whole_tree_has_cost_is_told(self, rig: Rig, handle: Handle) -> None:
        burn = "import time\nkept = bytearray(150 << 20)\nwhile time.process_time() < 0.5: pass"
        tree = f"(setsid {sys.executable} -c '{burn}') & wait"
        found = await rig.run(handle, rig.shell(tree))
        assert found == DONE
        assert found.cpu_seconds is not None
        assert 0.5 <= found.cpu_seconds < 30
        assert found.peak_memory is not None
        assert 150 << 20 <= found.peak_memory < 1 << 30

    # What it prints.

    async def test_reading_goes_on_where_it_was_left(self, rig: Rig, handle: Handle) -> None:
        text = "echo one; until test -e go; do sleep 0.02; done; echo two"
        await rig.executor().submit(handle, rig.shell(text))
        await rig.says(handle, b"one\n")
        assert await rig.executor().read(handle, 4, 100) == b""
        (rig.directory / "go").touch()
        assert await rig.ended(handle) == DONE
        assert await rig.executor().read(handle, 4, 100) == b"two\n"
        assert await rig.executor().read(handle, 5, 2) == b"wo"
        assert await rig.executor().read(handle, 8, 100) == b""
        assert await rig.executor().read(handle, 1 << 40, 100) == b""

    async def test_stderr_that_is_split_off_has_a_file_of_its_own(
        self, rig: Rig, handle: Handle
    ) -> None:
        text = "echo out; echo err >&2; echo more"
        assert await rig.run(handle, rig.shell(text, split=True)) == DONE
        assert await rig.printed(handle) == b"out\nmore\n"
        assert await rig.printed(handle, errors=True) == b"err\n"
        executor = rig.executor()
        assert Path(executor.path(handle)).read_bytes() == b"out\nmore\n"
        assert Path(executor.path(handle, errors=True)).read_bytes() == b"err\n"
        for errors in (False, True):
            assert Path(executor.path(handle, errors=errors)).stat().st_mode & 0o777 == 0o600

    async def test_without_a_split_there_is_no_other_output(self, rig: Rig, handle: Handle) -> None:
        assert await rig.run(handle, rig.shell("echo err >&2")) == DONE
        assert await rig.printed(handle) == b"err\n"
        assert await rig.printed(handle, errors=True) == b""

    async def test_binary_output_is_kept_as_it_is(self, rig: Rig, handle: Handle) -> None:
        code = "import os; os.write(1, bytes(range(256)) * 4)"
        assert await rig.run(handle, rig.python(code)) == DONE
        assert await rig.printed(handle) == bytes(range(256)) * 4

    async def test_a_flood_and_an_endless_line(self, rig: Rig, handle: Handle) -> None:
        text = "seq 1000000; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo end"
        assert await rig.run(handle, rig.shell(text)) == DONE
        lines = len(b"".join(b"%d\n" % number for number in range(1, 1_000_001)))
        executor = rig.executor()
        assert await executor.read(handle, lines - 8, 9) == b"1000000\nx"
        assert await executor.read(handle, lines + 99_999_999, 100) == b"x\nend\n"

    async def test_it_may_close_its_output(self, rig: Rig, handle: Handle) -> None:
        text = "echo said; exec >&- 2>&-; until test -e go; do sleep 0.02; done; exit 3"
        await rig.executor().submit(handle, rig.shell(text))
        await rig.says(handle, b"said\n")
        assert (await rig.executor().probe(handle)).state is JobState.IN_PROGRESS
        (rig.directory / "go").touch()
        assert await rig.ended(handle) == Found(JobState.FAILED, 3)

    # What it leaves behind, and how it is ended.

    async def test_the_end_of_a_program_is_the_end_of_what_it_left(
        self, rig: Rig, handle: Handle
    ) -> None:
        """A grandchild in a session of its own holds the file, and would go on to write."""
        stay = "trap '' TERM HUP; echo up; touch up; sleep 300; :"
        wait = "until test -e up; do sleep 0.02; done; exit 4"
        text = f'(setsid sh -c "{stay}" &); {wait}'
        assert await rig.run(handle, rig.shell(text)) == Found(JobState.FAILED, 4)
        assert await rig.printed(handle) == b"up\n"
        assert find_marked(handle.job_id) == []

    async def test_the_time_is_up_also_while_nobody_watches(self, rig: Rig, handle: Handle) -> None:
        stubborn = "trap '' TERM; echo up; while :; do sleep 1; done"
        await rig.executor().submit(handle, rig.shell(stubborn, timeout=0.3))
        await until(lambda: not find_marked(handle.job_id), "the end of the command")
        assert (await rig.ended(handle)).state is JobState.TIMEOUT

    async def test_cancelling_ends_the_whole_tree(self, rig: Rig, handle: Handle) -> None:
        await rig.executor().submit(handle, rig.shell(DEAF_TREE))
        await until(lambda: len(find_marked(handle.job_id)) >= 3, "the tree")
        await rig.executor().cancel(handle)
        assert find_marked(handle.job_id) == []
        assert (await rig.executor().probe(handle)).state is JobState.CANCELLED

    async def test_one_that_is_to_be_contained_and_is_not_is_ended_as_any_other(
        self, rig: Rig, handle: Handle
    ) -> None:
        text = "trap 'echo asked; exit 3' TERM; echo up; sleep 300 & wait"
        await rig.executor().submit(handle, rig.shell(text, contained=True))
        await rig.says(handle, b"up")
        await rig.executor().cancel(handle)
        assert (await rig.executor().probe(handle)).state is JobState.CANCELLED
        assert b"asked" in await rig.printed(handle)

    async def test_cancelling_what_has_ended_changes_nothing(
        self, rig: Rig, handle: Handle
    ) -> None:
        assert await rig.run(handle, rig.shell("exit 5")) == Found(JobState.FAILED, 5)
        await rig.executor().cancel(handle)
        assert await rig.executor().probe(handle) == Found(JobState.FAILED, 5)

    async def test_cancelling_against_its_start_and_its_end(self, rig: Rig, handle: Handle) -> None:
        """Whoever comes first: it is over, nothing is left, and everybody is told the same."""
        for attempt in range(1, 9):
            one = Handle(handle.job_id, attempt)
            executor = rig.executor()
            starting = executor.submit(one, rig.shell(f"sleep 0.0{attempt}", timeout=0.05))
            await asyncio.gather(starting, rig.executor().cancel(one))
            await executor.cancel(one)
            found = await rig.executor().probe(one)
            assert found.state in FINAL_JOBS - {JobState.LOST}
            assert await rig.executor().probe(one) == found
            assert find_marked(handle.job_id) == []

    # Starts, and deaths of who started it or watches over it.

    async def test_the_process_is_told_while_it_works(self, rig: Rig, handle: Handle) -> None:
        assert await rig.executor().process_id(handle) is None
        await rig.executor().submit(
            handle, rig.shell("echo $$; until test -e go; do sleep 0.02; done")
        )
        while not (said := await rig.executor().read(handle, 0, 100)).endswith(b"\n"):
            await rig.executor().changed(handle, 0.02)
        assert await rig.executor().process_id(handle) == int(said)
        (rig.directory / "go").touch()
        await rig.ended(handle)
        assert await rig.executor().process_id(handle) is None

    async def test_an_attempt_is_started_once_however_often_it_is_submitted(
        self, rig: Rig, handle: Handle
    ) -> None:
        count = rig.shell("echo once >> count; sleep 0.2")
        await asyncio.gather(*(rig.executor().submit(handle, count) for _ in range(4)))
        assert await rig.ended(handle) == DONE
        assert await rig.run(handle, count) == DONE
        assert (rig.directory / "count").read_text() == "once\n"
        assert await rig.run(Handle(handle.job_id, 3), count) == DONE
        assert (rig.directory / "count").read_text() == "once\nonce\n"

    async def test_it_outlives_who_submitted_it(self, rig: Rig, handle: Handle) -> None:
        """The submitter and its whole process group are killed while the command runs."""
        text = "echo up; until test -e go; do sleep 0.02; done; echo on; exit 6"
        submitter = subprocess.Popen(
            [sys.executable, "-c", SUBMIT.format(rig=rig.program(), handle=handle, text=text)],
            cwd=rig.directory,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        with submitter:
            assert submitter.stdout is not None
            await asyncio.to_thread(submitter.stdout.readline)
            os.killpg(submitter.pid, signal.SIGKILL)
        assert (await rig.executor().probe(handle)).state is JobState.IN_PROGRESS
        await rig.executor().submit(handle, rig.shell("touch again"))
        (rig.directory / "go").touch()
        assert await rig.ended(handle) == Found(JobState.FAILED, 6)
        assert await rig.printed(handle) == b"up\non\n"
        assert not (rig.directory / "again").exists()

    async def test_a_command_that_nobody_watches_over_is_lost_and_can_be_ended(
        self, rig: Rig, handle: Handle
    ) -> None:
        await rig.executor().submit(handle, rig.shell(DEAF_TREE))
        await until(lambda: len(find_marked(handle.job_id)) >= 3, "the tree")
        await rig.orphan(handle)
        assert await rig.ended(handle) == Found(JobState.LOST)
        await rig.executor().submit(handle, rig.shell("touch again"))
        assert not (rig.directory / "again").exists()
        await rig.executor().cancel(handle)
        assert find_marked(handle.job_id) == []
        assert await rig.executor().probe(handle) == Found(JobState.LOST)

    async def test_what_was_never_started_can_be_asked_for_cancelled_and_discarded(
        self, rig: Rig, handle: Handle
    ) -> None:
        await rig.executor().changed(handle, 0.01)
        await rig.executor().cancel(handle)
        await rig.executor().discard(handle)
        assert await rig.printed(handle) == b""
        assert await rig.printed(handle, errors=True) == b""
        assert await rig.executor().probe(handle) == Found(JobState.QUEUED)

    async def test_what_was_submitted_is_kept_until_it_is_discarded(
        self, rig: Rig, handle: Handle
    ) -> None:
        assert await rig.executor().kept() == ()
        second = Handle(handle.job_id, 3)
        for one in (handle, second):
            assert await rig.run(one, rig.shell("echo out; echo err >&2", split=True)) == DONE
        assert set(await rig.executor().kept()) == {handle, second}
        await rig.executor().discard(handle)
        assert await rig.executor().kept() == (second,)
        assert await rig.printed(handle) == b""
        assert await rig.printed(second, errors=True) == b"err\n"

    async def test_a_missing_directory_is_told(self, rig: Rig, handle: Handle) -> None:
        with pytest.raises(Conflict, match="not there any more"):
            await rig.executor().submit(handle, Command(("true",), str(rig.directory / "none")))
        assert await rig.executor().probe(handle) == Found(JobState.QUEUED)

    # A full disk, and a full memory.

    async def test_a_full_disk_is_told_and_the_attempt_can_be_started_later(
        self, rig: Rig, handle: Handle, tmp_path: Path
    ) -> None:
        with small_disk(tmp_path / "disk", "256k") as disk:
            small = rig.at(disk.path)
            command = small.shell("echo there")
            with disk.filled(), pytest.raises(StorageFull, match="could not be started"):
                await small.executor().submit(handle, command)
            assert await small.executor().probe(handle) == Found(JobState.QUEUED)
            assert await small.run(handle, command) == DONE
            assert await small.printed(handle) == b"there\n"

    async def test_how_a_command_ended_is_told_although_its_output_filled_the_disk(
        self, rig: Rig, handle: Handle, tmp_path: Path
    ) -> None:
        with small_disk(tmp_path / "disk", "256k") as disk:
            small = rig.at(disk.path)
            command = small.shell("seq 1000000; exit 3")
            assert await small.run(handle, command) == Found(JobState.FAILED, 3)

    async def test_a_program_may_fill_the_disk_before_anything_is_told_of_it(
        self, rig: Rig, handle: Handle, tmp_path: Path
    ) -> None:
        """Who fills it first is chance: each attempt is another."""
        for attempt in range(10):
            with small_disk(tmp_path / f"disk{attempt}", "64k") as disk:
                small = rig.at(disk.path)
                command = small.shell("head -c 200000 /dev/zero; exit 9")
                assert await small.run(handle, command) == Found(JobState.FAILED, 9)

    @pytest.mark.parametrize("code", ["GREEDY", "SHARED", "MANY"])
    async def test_a_tree_that_holds_too_much_memory_is_ended(
        self, rig: Rig, handle: Handle, code: str
    ) -> None:
        command = rig.python(globals()[code], memory=128 << 20)
        assert await rig.run(handle, command) == Found(JobState.FAILED, None, 9, over_memory=True)
        assert find_marked(handle.job_id) == []

    async def test_what_cannot_be_had_is_refused_and_memory_in_common_counts_once(
        self, rig: Rig, handle: Handle
    ) -> None:
        assert await rig.run(handle, rig.python(FRUGAL, memory=128 << 20)) == DONE
        assert await rig.printed(handle) == b"refused\nenough\n"


DONE = Found(JobState.COMPLETED, 0)

# It ignores SIGTERM, and so does what it started, in sessions of their own and forked twice.
DEAF_TREE = """
trap '' TERM
setsid sh -c 'trap "" TERM; (setsid sh -c "sleep 300; :" &) ; sleep 300; :' &
sleep 300
:
"""

SUBMIT = """
import asyncio, os, time
{rig}
from foredeck.services.jobs.executor import Command, Handle

async def main():
    words = ("/bin/sh", "-c", {text!r})
    await executor.submit({handle!r}, Command(words, os.getcwd(), dict(PATH=os.environ["PATH"])))
    print("started", flush=True)
    time.sleep(300)

asyncio.run(main())
"""

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
