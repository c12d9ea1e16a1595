"""The screen of jobs while a batch of a thousand works: key to paint, and the loop's lag.

    python -m tests.benchmarks.bench_job_screen [JOBS]

The real dashboard with its host in the same process, on a pseudo-terminal of 120×40, in the list
of the batch's jobs, ten of which really run at a time. The first figures are those of the same
list at rest. Takes about twenty seconds.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.figures import percentile, say, title
from tests.support.pty_program import PtyProgram

_SIZE = (120, 40)
_KEYS = ("j", "j", "k", "j", "\x1b[6~", "j", "k", "\x1b[5~")
_PRESSES, _PAUSE = 90, 0.06
# Milliseconds, of the issue on jobs.
_KEY_BAR = 60.0

Figures = dict[str, list[float]]


def press(program: PtyProgram, times: int) -> None:
    """Walk through the list, as a person does who reads."""
    for number in range(times):
        program.send(_KEYS[number % len(_KEYS)])
        drain(program, _PAUSE)


def drain(program: PtyProgram, seconds: float) -> None:
    """Read what is painted for so long."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        program.read(left)


def measure(base: Path, jobs: int, *, at_work: bool) -> Figures:
    """Walk through the list of a batch, at rest or while its jobs come and go."""
    figures = base / "figures.json"
    program = PtyProgram(
        "tests.benchmarks.jobs_app", str(base), str(jobs), str(figures), size=_SIZE
    )
    with program:
        program.read_until("demo", 30.0)
        program.send("J")
        program.read_until("many", 30.0)
        program.send("\r")
        program.read_until("Batch", 30.0)
        program.send("Zp" if at_work else "Z")
        press(program, _PRESSES)
        program.send("Q")
        program.wait(60.0)
    found: Figures = json.loads(figures.read_text())
    return found


def main(jobs: int = 1000) -> int:
    """Measure and print; 1 if the bar was missed."""
    title(f"Key to paint in a batch of {jobs:,} jobs, at 120×40")
    met = True
    for name, at_work in (("at rest", False), ("ten at work", True)):
        with tempfile.TemporaryDirectory() as base:
            found = measure(Path(base), jobs, at_work=at_work)
        keys, lags = found["keys"], found["lags"]
        worst = percentile(keys, 0.95)
        figure = f"p50 {percentile(keys, 0.5):.0f}, p95 {worst:.0f} ms ({len(keys)} keys)"
        met &= say(name, figure, worst, _KEY_BAR, " ms")
        print(f"  {'':<46} loop lag p99 {percentile(lags, 0.99):.0f}, most {max(lags):.0f} ms")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
