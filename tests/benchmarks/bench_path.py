"""The whole path of output: 32 children → kept → one of them on screen, against the naive way.

    python -m tests.benchmarks.bench_path [--seconds N]

Offered are 20,000 lines/s over 32 pipes. Ours: what is readable goes to an `OutputWriter` per
child, and the output pane shows the file of one. Naive: `readline`, one ORM commit per line,
and `Log.write_line` for every line of the child on screen. Each side runs an app of its own on
a pseudo-terminal of 120×40, one after the other in this one run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from textual.app import ComposeResult

from tests.benchmarks.figures import say, title
from tests.benchmarks.path_app import CHILDREN, MODULE, PathApp
from tests.support.pty_program import PtyProgram

RATE = 20_000
HEADROOM = 3
_END = b"the end\n"
_TICK = 0.02


def produce(pipes: list[int], seconds: float, rate: int) -> None:
    """Write lines to all pipes in turn at a rate, then a last line to each; then close them."""
    body = b" the quick brown fox jumps over the lazy dog and runs through the output\n"
    began, written = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        due = int(passed * rate / len(pipes))
        for pipe in pipes if due > written else []:
            os.write(pipe, b"".join(b"%09d" % n + body for n in range(written, due)))
        written = max(written, due)
        time.sleep(_TICK)
    for pipe in pipes:
        os.write(pipe, _END)
        os.close(pipe)
    print(json.dumps({"offered": written * len(pipes), "ended": time.monotonic()}), flush=True)


class OurApp(PathApp):
    """Batches into files; the pane reads the rows it paints."""

    def compose(self) -> ComposeResult:
        from foredeck.widgets.terminal.output_pane import OutputPane

        yield OutputPane()

    async def take(self, number: int, pipe: int) -> None:
        from foredeck.services.jobs.output import OutputWriter
        from foredeck.widgets.terminal.output_pane import OutputPane

        path = self.scratch / f"{number}.log"
        writer = OutputWriter(path)
        if number == 0:
            self.query_one(OutputPane).show_file(path)
        os.set_blocking(pipe, False)
        try:
            await self._drain(pipe, writer.write)
            writer.flush()
            self.ends.append(time.monotonic())
        finally:
            writer.close()
            os.close(pipe)

    async def _drain(self, pipe: int, write: object) -> None:
        assert callable(write)
        while True:
            # A tick reads what many wake-ups would: the cost is per wake-up, not per byte.
            await asyncio.sleep(0.05)
            try:
                while data := os.read(pipe, 256 * 1024):
                    write(data)
                    self.kept += data.count(b"\n")
            except BlockingIOError:
                continue
            return


def app_for(kind: str) -> type[PathApp]:
    """Return the app of one side; the other's imports stay out of its process."""
    if kind == "ours":
        return OurApp
    from tests.benchmarks.naive_path import NaiveApp

    return NaiveApp


def measure(kind: str, seconds: float, rate: int = RATE) -> dict[str, float]:
    """Run one side on a terminal; return its figures."""
    scratch = Path(tempfile.mkdtemp(prefix="bench-path-"))
    try:
        arguments = ("--app", kind, str(scratch), "--seconds", str(seconds), "--rate", str(rate))
        with PtyProgram(MODULE, *arguments, size=(120, 40)) as program:
            program.wait(timeout=seconds * 6 + 30)
        figures = json.loads((scratch / "figures.json").read_text())
        files = scratch.glob("*.log")
        figures["in_files"] = sum(path.read_bytes().count(b"\n") for path in files)
        figures["late"] = max(figures["ends"], default=float("inf")) - figures.get("ended", 0.0)
        return dict(figures)
    finally:
        shutil.rmtree(scratch)


def compare(seconds: float) -> None:
    """Run both sides and print the ratios."""
    title(f"{CHILDREN} children, {RATE:,} lines/s offered for {seconds:g} s, one on screen")
    ours, naive = measure("ours", seconds), measure("naive", seconds)
    # Ours keeps up, so its rate is the offered one; the naive side works all the time it is given.
    rates = [ours["kept"] / seconds, naive["kept"] / naive["seconds"]]
    for name, rate, figures in (("ours", rates[0], ours), ("naive", rates[1], naive)):
        share = figures["cpu"] / figures["seconds"]
        print(f"  {name:<6} {rate:8,.0f} lines/s, {share:4.0%} of a core")
    ratio = rates[0] / rates[1]
    say("ours ÷ naive", f"{ratio:.1f}", ratio, 30, least=True)
    lost = ours["offered"] + CHILDREN - ours["in_files"]
    more = measure("ours", seconds, HEADROOM * RATE)
    print(
        f"  with {HEADROOM * RATE:,} lines/s offered: ours {more['kept'] / seconds:,.0f} lines/s,"
        f" {more['kept'] / seconds / rates[1]:.0f} times the naive side"
    )
    say("lines lost", f"{lost:.0f} of {ours['offered']:,.0f}", abs(lost), 0)
    late = ours["late"]
    say("last line in its file after the end", f"{late:.2f} s", late, 0.25, " s")


def main() -> None:
    """Run the comparison, or one of its parts when it starts itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rate", type=int, default=RATE, help=argparse.SUPPRESS)
    parser.add_argument("--app", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--produce", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.produce:
        pipes = [int(pipe) for pipe in arguments.produce]
        produce(pipes, arguments.seconds, arguments.rate)
    elif arguments.app:
        kind, scratch = arguments.app
        app_for(kind)(Path(scratch), arguments.seconds, arguments.rate).run()
    else:
        compare(arguments.seconds)


if __name__ == "__main__":
    main()
