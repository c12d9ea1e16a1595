"""What a batch of jobs costs beside the processes that it runs.

    python -m tests.benchmarks.bench_jobs [JOBS]

The same trivial commands, ten at once, in turns within one run: spawned plainly by asyncio,
carried by the shim alone, and as a batch with everything that Foredeck stores. Peers (huey,
APScheduler) take part where they are installed.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from foredeck.services.domain.jobs import BatchWish, JobWish
from foredeck.services.domain.states import JobState
from tests.benchmarks.figures import say, title
from tests.benchmarks.peers import Way, missing, ways
from tests.benchmarks.trivial import WORDS, carried, plainly
from tests.support.job_house import open_jobs

_ROUNDS = 3
_AT_ONCE = 10
_BAR = 0.5


async def as_batch(jobs: int, base: Path) -> float:
    """Run them as one batch, from its submission to its end."""
    async with open_jobs(base, limit=_AT_ONCE) as house:
        wish = BatchWish(JobWish("trivial", project="demo"), word_lists=(WORDS,) * jobs)
        began = time.perf_counter()
        batch = await house.jobs.submit_batch(wish)
        submitted = time.perf_counter() - began
        detail = await house.ended(batch.id)
        seconds = time.perf_counter() - began
        assert detail.job.state is JobState.COMPLETED
    print(f"  submitted {jobs} in {submitted * 1000:.0f} ms", flush=True)
    return seconds


async def main(jobs: int = 1000) -> int:
    """Measure each way in turn, some rounds, and print; 1 if the bar was missed."""
    found: dict[str, Way] = {
        "plain asyncio": lambda number, _base: plainly(number, _AT_ONCE),
        "shim": lambda number, base: carried(number, _AT_ONCE, base),
        "batch": as_batch,
        **ways(_AT_ONCE),
    }
    rates: dict[str, list[float]] = {name: [] for name in found}
    title(f"{jobs} trivial commands, {_AT_ONCE} at once, {_ROUNDS} rounds, per second")
    with tempfile.TemporaryDirectory() as name:
        for number in range(_ROUNDS):
            for way, run in found.items():
                base = Path(name) / f"{way} {number}"
                base.mkdir()
                rates[way].append(jobs / await run(jobs, base))
    middle = {way: statistics.median(all_of) for way, all_of in rates.items()}
    for way, rate in middle.items():
        print(f"  {way:<20} {rate:8.1f}   best {max(rates[way]):8.1f}")
    for absent in missing():
        print(f"  {absent} is not installed: not compared")
    plain = middle["plain asyncio"]
    print(f"  {'shim alone ÷ plain asyncio':<46} {middle['shim'] / plain:.2f}")
    for peer in sorted(set(middle) - {"plain asyncio", "shim", "batch"}):
        print(f"  {f'batch ÷ {peer}':<46} {middle['batch'] / middle[peer]:.2f}")
    ratio = middle["batch"] / plain
    figure = f"{ratio:.2f} ({middle['batch']:.1f} ÷ {plain:.1f})"
    good = say("jobs of a batch ÷ plain asyncio", figure, ratio, _BAR, least=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*map(int, sys.argv[1:2]))))
