"""Jobs that do what no well-behaved program does: each ends right, whole, and nothing is left.

What an executor promises of such commands is in `contract`; here a whole host follows them.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from foredeck.services.domain.jobs import Priority
from foredeck.services.domain.states import JobState
from foredeck.services.jobs.processes import find_marked
from tests.support.house import until
from tests.support.job_house import JobHouse, open_jobs
from tests.support.process_table import mentioning
from tests.support.still_clock import Clock

S = JobState
WAIT = "until test -e go; do sleep 0.02; done"
LINE = 100_000_000


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert mentioning(str(tmp_path)) == []


def printed(house: JobHouse, job_id: str) -> tuple[bytes, bytes]:
    files = house.files(job_id)
    return files.log.read_bytes(), files.errors.read_bytes()


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", code)


# It forks twice, as a daemon does, and the grandchild keeps its output open and would write on.
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("up", "w").close()
        time.sleep(300)
        os.write(1, b"late")
    os._exit(0)
while not os.path.exists("up"):
    time.sleep(0.01)
os.write(1, b"said")
os._exit(4)
"""
ALL_BYTES = (
    "import os; os.write(1, bytes(range(256)) * 300); os.write(2, bytes(range(255, -1, -1)))"
)


@pytest.mark.parametrize(
    ("words", "state", "code", "out", "err"),
    [
        (python(DAEMON), S.FAILED, 4, b"said", b""),
        (python(ALL_BYTES), S.COMPLETED, 0, bytes(range(256)) * 300, bytes(range(255, -1, -1))),
        (("sh", "-c", "printf a; kill -SEGV $$"), S.FAILED, 139, b"a", b""),
        (("sh", "-c", "printf a; kill -TERM $$"), S.FAILED, 143, b"a", b""),
        (("sh", "-c", "printf a >&2; exit 200"), S.FAILED, 200, b"", b"a"),
        (("sh", "-c", "cat; read x || printf none"), S.COMPLETED, 0, b"none", b""),
        (("sh", "-c", "printf a; exec >&- 2>&-; exit 3"), S.FAILED, 3, b"a", b""),
        (("true",), S.COMPLETED, 0, b"", b""),
    ],
    ids=["daemon", "bytes", "signal", "own end", "code", "stdin", "closes", "says nothing"],
)
async def test_its_end_and_all_of_its_output(
    tmp_path: Path, words: tuple[str, ...], state: JobState, code: int, out: bytes, err: bytes
) -> None:
    async with open_jobs(tmp_path, grace=0.3) as house:
        done = await house.ran("", words=words)
        assert (done.job.state, done.job.exit_code) == (state, code)
        assert printed(house, done.job.id) == (out, err)
        assert find_marked(done.job.id) == []


async def test_a_flood_on_both_sides_and_a_line_without_an_end(tmp_path: Path) -> None:
    """A line of 100 MB, and stdout and stderr filled at once, are kept to the last byte."""
    async with open_jobs(tmp_path) as house:
        line = await house.submit(f"head -c {LINE} /dev/zero | tr '\\0' x; printf end")
        flood = await house.submit("seq 1000000 & seq 1000000 >&2 & wait; echo; echo done >&2")
        for job_id in (line, flood):
            assert (await house.ended(job_id)).job.state is S.COMPLETED
        with house.files(line).log.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").digest() == _digest(LINE, b"end")
        numbers = b"".join(b"%d\n" % number for number in range(1, 1_000_001))
        assert printed(house, flood) == (numbers + b"\n", numbers + b"done\n")
        result = await house.result(line)
        assert (len(result.output), result.output[-4:]) == (100_000, "xend")
        assert result.left_out == LINE + 3 - 100_000


def _digest(count: int, end: bytes) -> bytes:
    whole = hashlib.sha256()
    for _ in range(count // 1_000_000):
        whole.update(b"x" * 1_000_000)
    whole.update(end)
    return whole.digest()


async def test_what_ignores_every_request_to_end_is_ended_with_all_that_it_started(
    tmp_path: Path,
) -> None:
    deaf = "trap '' TERM HUP INT"
    text = f'{deaf}; setsid sh -c "{deaf}; (setsid sleep 300 &); touch up; sleep 300; :" & wait'
    async with open_jobs(tmp_path, grace=0.2) as house:
        for ends, fields in ((S.CANCELLED, {}), (S.TIMEOUT, {"timeout": 1})):
            (house.workspace / "up").unlink(missing_ok=True)
            job_id = await house.submit(f"echo begun; {text}; {WAIT}", **fields)
            await until((house.workspace / "up").exists, "the tree")
            if ends is S.CANCELLED:
                await house.jobs.cancel(job_id, "enough")
            assert (await house.ended(job_id)).job.state is ends
            assert printed(house, job_id)[0] == b"begun\n"
            assert find_marked(job_id) == []


async def test_one_that_closed_its_output_is_followed_to_its_end(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        job_id = await house.submit(f"echo said; exec >&- 2>&-; touch up; {WAIT}; exit 3")
        await until((house.workspace / "up").exists, "the job")
        assert await house.state(job_id) is S.IN_PROGRESS
        (house.workspace / "go").touch()
        assert (await house.ended(job_id)).job.exit_code == 3
        assert printed(house, job_id) == (b"said\n", b"")


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
async def test_a_clock_that_jumps_ends_no_job_and_holds_none_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    """What is stored has the new time; how long a job may take goes by another clock."""
    clock = Clock(monkeypatch)
    async with open_jobs(tmp_path, limit=1) as house:
        works = await house.submit(f"touch up; {WAIT}; echo whole", timeout=3600)
        waits = await house.submit("true", priority=Priority.LOW)
        await until((house.workspace / "up").exists, "the job")
        clock.now += jump
        later = await house.submit("true", priority=Priority.LOW)
        assert await house.state(works) is S.IN_PROGRESS
        (house.workspace / "go").touch()
        for job_id in (works, waits, later):
            assert (await house.ended(job_id)).job.state is S.COMPLETED
        assert printed(house, works)[0] == b"whole\n"


async def test_a_clock_that_stands_still_stops_no_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    async with open_jobs(tmp_path, grace=0.2) as house:
        done = await house.ran("sleep 300", timeout=1)
        assert done.job.state is S.TIMEOUT
        assert done.job.started_at == done.job.ended_at == clock.now
