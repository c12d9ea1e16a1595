"""The same trivial command, many times: spawned plainly, and carried by the shim alone."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from foredeck.services.domain.ids import new_id
from foredeck.services.domain.states import JobState
from foredeck.services.jobs.executor import Command, Handle
from foredeck.services.jobs.local_executor import LocalExecutor

WORDS = ("/bin/sh", "-c", ":")


async def plainly(number: int, at_once: int) -> float:
    """Spawn the processes with asyncio and nothing else; return the seconds it took."""

    async def spawn() -> None:
        process = await asyncio.create_subprocess_exec(
            *WORDS, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() == 0

    return await _timed(number, at_once, spawn)


async def carried(number: int, at_once: int, base: Path) -> float:
    """Let the executor carry them, with nothing stored but its own files; return the seconds."""
    executor = LocalExecutor(base / "jobs", 5.0)

    async def carry() -> None:
        handle = Handle(new_id())
        await executor.submit(handle, Command(WORDS, str(base), dict(os.environ)))
        while (found := await executor.probe(handle)).state is JobState.IN_PROGRESS:
            await executor.changed(handle, 1.0)
        assert found.state is JobState.COMPLETED
        await executor.discard(handle)

    try:
        return await _timed(number, at_once, carry)
    finally:
        executor.close()


async def _timed(number: int, at_once: int, work: Callable[[], Awaitable[None]]) -> float:
    async def worker(numbers: Iterator[int]) -> None:
        for _ in numbers:
            await work()

    numbers = iter(range(number))
    began = time.perf_counter()
    await asyncio.gather(*(worker(numbers) for _ in range(at_once)))
    return time.perf_counter() - began
