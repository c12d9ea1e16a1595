"""Finding and ending real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.domain.ids import new_id
from foredeck.services.jobs.processes import (
    MARK,
    ProcessId,
    find_marked,
    identify,
    is_alive,
    send_signal,
    sweep,
)

# Each kind of child is hostile in its own way; all print a line when they are ready.
KINDS = {
    "plain": "print('ready', flush=True); time.sleep(300)",
    "own session": "os.setsid(); print('ready', flush=True); time.sleep(300)",
    "daemon": """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                print('ready', flush=True)
                time.sleep(300)
            os._exit(0)
        os._exit(0)
    """,
    "deaf": "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); "
    "time.sleep(300)",
    "respawner": """
        def again(*_):
            if os.fork():
                os._exit(0)
        signal.signal(signal.SIGTERM, again)
        print('ready', flush=True)
        while True:
            time.sleep(300)
    """,
}


@pytest.fixture
async def mark() -> AsyncIterator[str]:
    value = new_id()
    yield value
    await sweep(value, 0)
    assert find_marked(value) == []


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "300"])
    yield process
    process.kill()
    process.wait()


def start(kind: str, mark: str) -> subprocess.Popen[str]:
    code = "import os, signal, time\n" + textwrap.dedent(KINDS[kind])
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code],
        env=dict(os.environ, **{MARK: mark}),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdout.close()
    return process


def test_a_process_is_more_than_its_id(stranger: subprocess.Popen[bytes]) -> None:
    process = identify(stranger.pid)
    assert process is not None
    assert is_alive(process)
    assert not is_alive(replace(process, start_time=process.start_time - 1))
    assert not is_alive(replace(process, boot_id="another"))
    stranger.kill()
    os.waitid(os.P_PID, stranger.pid, os.WEXITED | os.WNOWAIT)
    assert identify(stranger.pid) is None, "a zombie does not run"


def test_a_signal_never_reaches_a_successor(stranger: subprocess.Popen[bytes]) -> None:
    process = identify(stranger.pid)
    assert process is not None
    before = replace(process, start_time=process.start_time - 1)
    assert not send_signal(before, signal.SIGKILL)
    assert stranger.poll() is None
    assert send_signal(process, signal.SIGTERM)
    assert stranger.wait(5) == -signal.SIGTERM
    assert not send_signal(process, signal.SIGTERM)
    assert not send_signal(ProcessId(2**22, 1, process.boot_id), signal.SIGTERM)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_sweep_ends_every_kind(
    kind: str, mark: str, stranger: subprocess.Popen[bytes]
) -> None:
    process = start(kind, mark)
    assert len(find_marked(mark)) == 1
    ended = await sweep(mark, 0.3)
    assert ended >= 1
    assert find_marked(mark) == []
    process.wait(5)
    assert stranger.poll() is None


async def test_a_sweep_of_nothing_ends_nothing(mark: str) -> None:
    assert await sweep(mark, 5) == 0


async def test_another_mark_is_not_touched(mark: str) -> None:
    process = start("plain", mark)
    assert await sweep(mark[:-1], 0) == 0
    assert await sweep(mark + "x", 0) == 0
    assert process.poll() is None
    assert await sweep(mark, 1) == 1
    process.wait(5)


async def test_we_never_end_ourselves(mark: str, tmp_path: Path) -> None:
    code = textwrap.dedent(
        f"""
        import asyncio
        from foredeck.services.jobs.processes import sweep
        print(asyncio.run(sweep({mark!r}, 0)))
        """
    )
    sweeper = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=dict(os.environ, **{MARK: mark}), stdout=subprocess.PIPE
    )
    answer, _ = await asyncio.wait_for(sweeper.communicate(), 20)
    assert (answer, sweeper.returncode) == (b"0\n", 0)


async def test_the_loop_stays_free_during_a_sweep(mark: str) -> None:
    process = start("deaf", mark)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticker = asyncio.create_task(tick())
    assert await sweep(mark, 0.2) == 1
    ticker.cancel()
    process.wait(5)
    assert ticks > 10
