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
from pathlib import Path

from foredeck.services.domain.states import RunState
from tests.benchmarks.figures import say, title
from tests.benchmarks.peers import Way, missing, ways
from tests.benchmarks.trivial import carried, plainly
from tests.support.command_house import command, open_commands

_ROUNDS = 3
_BAR = 0.45
_PEER_BARS = {"huey": 1.7, "APScheduler": 4.0}
_AT_ONCE = os.cpu_count() or 1


async def as_steps(steps: int, base: Path) -> float:
    """Run them as the steps of one run, side by side."""
    async with open_commands(base, limit=_AT_ONCE) as house:
        specs = [command(f"s{number}", ":") for number in range(steps)]
        began = time.perf_counter()
        detail = await house.ran(*specs)
        seconds = time.perf_counter() - began
        assert detail.run.state is RunState.SUCCESS, detail.error
    return seconds


async def main(steps: int = 200) -> int:
    """Measure each way in turn, some rounds, and print; 1 if a bar was missed."""
    found: dict[str, Way] = {
        "plain asyncio": lambda number, _base: plainly(number, _AT_ONCE),
        "shim": lambda number, base: carried(number, _AT_ONCE, base),
        "steps": as_steps,
        **ways(_AT_ONCE),
    }
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
