"""What a durable, supervised step costs beside the process it runs.

    python -m tests.benchmarks.bench_dag [STEPS]

The same trivial commands, so many at once as there are cores, in turns within one run: spawned
plainly by asyncio, carried by the shim alone, and as the steps of a fan-out with everything
that Foredeck stores. Peers (huey, APScheduler) take part where they are installed.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from foredeck.services.domain.ids import new_id
from foredeck.services.domain.states import JobState, RunState
from foredeck.services.jobs.executor import Command, Handle
from foredeck.services.jobs.local_executor import LocalExecutor
from tests.benchmarks.figures import say, title
from tests.benchmarks.peers import Way, missing, ways
from tests.support.command_house import command, open_commands

_ROUNDS = 3
_BAR = 0.45
_PEER_BARS = {"huey": 1.7, "APScheduler": 4.0}
_WORDS = ("/bin/sh", "-c", ":")
_AT_ONCE = os.cpu_count() or 1


async def plainly(steps: int, base: Path) -> float:
    """Spawn the processes with asyncio and nothing else; return the seconds it took."""

    async def spawn() -> None:
        process = await asyncio.create_subprocess_exec(
            *_WORDS, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() == 0

    return await _timed(steps, spawn)


async def carried(steps: int, base: Path) -> float:
    """Let the executor carry them, with nothing stored but its own files."""
    executor = LocalExecutor(base / "jobs", 5.0)

    async def carry() -> None:
        handle = Handle(new_id())
        await executor.submit(handle, Command(_WORDS, str(base), dict(os.environ)))
        while (found := await executor.probe(handle)).state is JobState.IN_PROGRESS:
            await executor.changed(handle, 1.0)
        assert found.state is JobState.COMPLETED
        await executor.discard(handle)

    try:
        return await _timed(steps, carry)
    finally:
        executor.close()


async def as_steps(steps: int, base: Path) -> float:
    """Run them as the steps of one run, side by side."""
    async with open_commands(base, limit=_AT_ONCE) as house:
        specs = [command(f"s{number}", ":") for number in range(steps)]
        began = time.perf_counter()
        detail = await house.ran(*specs)
        seconds = time.perf_counter() - began
        assert detail.run.state is RunState.SUCCESS, detail.error
    return seconds


async def _timed(steps: int, work: Callable[[], Awaitable[None]]) -> float:
    async def worker(numbers: Iterator[int]) -> None:
        for _ in numbers:
            await work()

    numbers = iter(range(steps))
    began = time.perf_counter()
    await asyncio.gather(*(worker(numbers) for _ in range(_AT_ONCE)))
    return time.perf_counter() - began


async def main(steps: int = 200) -> int:
    """Measure each way in turn, some rounds, and print; 1 if a bar was missed."""
    found: dict[str, Way] = {"plain asyncio": plainly, "shim": carried, "steps": as_steps}
    found |= ways(_AT_ONCE)
    rates: dict[str, list[float]] = {name: [] for name in found}
    with tempfile.TemporaryDirectory() as name:
        for number in range(_ROUNDS):
            for way, run in found.items():
                base = Path(name) / f"{way} {number}"
                base.mkdir()
                rates[way].append(steps / await run(steps, base))
    title(f"{steps} trivial commands, {_AT_ONCE} at once, {_ROUNDS} rounds, per second")
    middle = {way: statistics.median(all_of) for way, all_of in rates.items()}
    for way, rate in middle.items():
        print(f"  {way:<20} {rate:8.1f}   best {max(rates[way]):8.1f}")
    for absent in missing():
        print(f"  {absent} is not installed: not compared")
    figure = f"{middle['steps']:.1f} ÷ {middle['plain asyncio']:.1f}"
    ratio = middle["steps"] / middle["plain asyncio"]
    good = say("durable steps ÷ plain asyncio", f"{ratio:.2f} ({figure})", ratio, _BAR, least=True)
    shim = middle["shim"] / middle["plain asyncio"]
    print(f"  {'shim alone ÷ plain asyncio':<46} {shim:.2f}")
    for peer, bar in _PEER_BARS.items():
        if peer in middle:
            ratio = middle["steps"] / middle[peer]
            good = say(f"durable steps ÷ {peer}", f"{ratio:.2f}", ratio, bar, least=True) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*map(int, sys.argv[1:2]))))
