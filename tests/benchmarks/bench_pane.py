"""The output pane against Textual's Log, `tail -f`, `grep` and a bare Textual start.

    python -m tests.benchmarks.bench_pane [--quick] [--only PART …]

Both sides of every ratio run in this one run, each on a pseudo-terminal of 120×40. The bars
are those of the project's PERFORMANCE notes. Takes about three minutes, `--quick` one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.app import App, ComposeResult

from foredeck.widgets.terminal.finder import Finder
from foredeck.widgets.terminal.output_file import OutputFile
from foredeck.widgets.terminal.output_pane import OutputPane
from foredeck.widgets.terminal.search import Needle
from tests.benchmarks.figures import percentile, say, title
from tests.support.pty_program import PtyProgram

SIZE = (120, 40)
APP = "tests.benchmarks.screen_app"
FRAME_MS = 16.7
TOOLONG_MB = 688
"""Anonymous memory of toolong with a 1 GB log, as PERFORMANCE has it; it is not run here."""


@dataclass
class Options:
    """How much to do; `scratch` is removed at the end."""

    quick: bool
    scratch: Path

    @property
    def seconds(self) -> float:
        return 3.0 if self.quick else 6.0


def line(number: int) -> bytes:
    return (
        b"%09d the quick brown fox jumps over the lazy dog and runs through the output\n" % number
    )


@contextmanager
def producer(path: Path, rate: int) -> Iterator[None]:
    """Append lines at a rate until the end of the block."""
    stop = threading.Event()
    path.write_bytes(b"first\n")

    def produce() -> None:
        began, written = time.monotonic(), 0
        with path.open("ab", buffering=0) as file:
            while not stop.wait(0.01):
                due = int((time.monotonic() - began) * rate)
                if due > written:
                    file.write(b"".join(map(line, range(written, due))))
                    written = due

    thread = threading.Thread(target=produce)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass
class Session:
    """A screen app on a terminal, and what it measured."""

    program: PtyProgram
    figures_path: Path

    def drain(self, seconds: float) -> int:
        """Read for so long; return the number of bytes that came."""
        end, count = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            count += len(self.program.read(left))
        return count

    def press(self, keys: Sequence[str], times: int, pause: float = 0.05) -> None:
        for number in range(times):
            self.program.send(keys[number % len(keys)])
            self.drain(pause)

    def end(self) -> dict[str, list[float]]:
        """Leave the app and return its figures."""
        self.program.send("q")
        self.program.wait()
        figures: dict[str, list[float]] = json.loads(self.figures_path.read_text())
        return figures


@contextmanager
def session(kind: str, path: Path, options: Options) -> Iterator[Session]:
    figures = options.scratch / "figures.json"
    figures.unlink(missing_ok=True)
    with PtyProgram(APP, kind, str(path), str(figures), size=SIZE) as program:
        yield Session(program, figures)


# --- the parts ---------------------------------------------------------------------------


def bench_lag(options: Options) -> None:
    """Loop lag and key-to-paint under load."""
    path = options.scratch / "lag.log"
    idle = _keys_when_idle(path, options)
    for rate in (10_000, 50_000):
        title(f"Loop lag and key-to-paint at {rate:,} lines/s")
        p99: dict[str, float] = {}
        for kind in ("log", "pane"):
            with producer(path, rate), session(kind, path, options) as run:
                run.drain(1.5)
                run.program.send("z")
                run.drain(options.seconds)
                run.program.send("\x1b[H")
                run.press("jk", 40)
                figures = run.end()
            p99[kind] = percentile(figures["lags"], 0.99)
            keys = figures["keys"][1:] or [float("nan")]
            print(f"  {kind:<5} lag p99 {p99[kind]:6.1f} ms   key p50 {percentile(keys, 0.5):6.1f}"
                  f" p99 {percentile(keys, 0.99):6.1f} ms ({len(keys)} keys)")  # fmt: skip
        say("loop lag p99", f"{p99['pane']:.1f} ms", p99["pane"], FRAME_MS, " ms")
        ratio = p99["pane"] / p99["log"]
        say("loop lag p99 ÷ Textual Log", f"{ratio:.2f}", ratio, 0.5)
        under_load = percentile(keys, 0.5) / idle
        say("key-to-paint p50 ÷ idle", f"{under_load:.2f} (idle {idle:.1f} ms)", under_load, 2.5)
        slowest = percentile(keys, 0.99)
        say("key-to-paint p99", f"{slowest:.1f} ms", slowest, 50, " ms")


def _keys_when_idle(path: Path, options: Options) -> float:
    path.write_bytes(b"".join(map(line, range(10_000))))
    with session("pane", path, options) as run:
        run.drain(1.5)
        run.program.send("z\x1b[H")
        run.press("jk", 40)
        return percentile(run.end()["keys"][1:], 0.5)


def bench_gigabyte(options: Options) -> None:
    """A large finished output: its last line on screen, jumps, memory."""
    megabytes = 200 if options.quick else 1000
    title(f"A finished output of {megabytes} MB")
    path = options.scratch / "large.log"
    block = b"".join(map(line, range(100_000)))
    with path.open("wb") as file:
        for _ in range(megabytes * 1_000_000 // len(block)):
            file.write(block)
        file.write(b"the very last line\n")
    rounds = 3 if options.quick else 5
    bare = [_first_text("bare", path, "a bare line", options) for _ in range(rounds)]
    opened = [_first_text("pane", path, "the very last line", options) for _ in range(rounds)]
    ours, theirs = (1000 * statistics.median(times) for times in (opened, bare))
    shown = f"{ours:.0f} ms against {theirs:.0f}"
    ratio = ours / theirs
    say("last line on screen ÷ bare Textual", f"{ratio:.2f} ({shown})", ratio, 1.5)
    with session("bare", path, options) as run:
        run.drain(1.0)
        bare_kb = run.end()["anonymous"]
    with session("pane", path, options) as run:
        run.program.read_until("the very last line")
        run.drain(3.0)
        run.program.send("z")
        for _ in range(10):
            run.press(["\x1b[H", "G"], 2, 0.2)
        figures = run.end()
    middle, slowest = statistics.median(figures["keys"]), max(figures["keys"])
    jumps = f"{slowest:.1f} ms (median {middle:.1f} of {len(figures['keys'])})"
    say("slowest jump (key to paint)", jumps, slowest, 50, " ms")
    used = int(figures["anonymous"]) / 1000  # type: ignore[call-overload]
    over = (int(figures["anonymous"]) - int(bare_kb)) / 1000  # type: ignore[call-overload]
    label = f"{used:.0f} MB ({over:.1f} over a bare app)"
    say("memory ÷ toolong's (as noted)", label, used / TOOLONG_MB, 0.05)
    path.unlink()


def _first_text(kind: str, path: Path, text: str, options: Options) -> float:
    began = time.perf_counter()
    with session(kind, path, options) as run:
        run.program.read_until(text)
        return time.perf_counter() - began


def bench_million(options: Options) -> None:
    """A million lines: memory per line, and searching them."""
    title("A million lines")
    path = options.scratch / "million.log"
    with path.open("wb") as file:
        file.writelines(map(line, range(900_000)))
        file.write(b"here is the Needle\n")
        file.writelines(map(line, range(100_000)))
    tracemalloc.start()
    output = _opened(path)
    output.rows(500_000, 40)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    per_line = used / output.lines
    say("memory per line", f"{per_line:.3f} B (index {output.index.memory} B)", per_line, 2, " B")
    for word, grep in (("Needle", ["grep", "-n"]), ("needle", ["grep", "-n", "-i"])):
        ours, first = asyncio.run(_search(output, word))
        theirs = _best(lambda g=grep, w=word: subprocess.run(  # type: ignore[misc]
            [*g, w, str(path)], check=True, stdout=subprocess.DEVNULL))  # fmt: skip
        label = f"{ours / theirs:.2f} ({1000 * ours:.0f} ms against {1000 * theirs:.0f})"
        say(f"all of “{word}” ÷ {' '.join(grep)}", label, ours / theirs, 3)
        say("its first hit before the end", f"{1000 * first:.0f} ms", first, ours)
    began = time.perf_counter()
    asyncio.run(Finder(output).error(0, forward=True))
    print(f"  no error in all of it: {1000 * (time.perf_counter() - began):.0f} ms")
    output.close()


def _opened(path: Path) -> OutputFile:
    output = OutputFile(path)
    output.poll()
    while not output.complete:
        output.catch_up()()()
    return output


async def _search(output: OutputFile, word: str) -> tuple[float, float]:
    """Return the seconds for the whole file and for the first hit."""
    finder, needle = Finder(output), Needle(word)
    times: list[tuple[float, float]] = []
    for _ in range(3):
        began = time.perf_counter()
        hit = await finder.word(needle, 0, forward=True)
        first = time.perf_counter() - began
        assert hit == 900_000
        began = time.perf_counter()
        async for found, _share in finder.count(needle):
            total = found
        assert total == 1
        times.append((max(first, time.perf_counter() - began), first))
    return min(times)


def _best(call: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


class _PaneApp(App[None]):
    def compose(self) -> ComposeResult:
        yield OutputPane()


def bench_long_line(options: Options) -> None:
    """One line of 6.3 MB: the longest the loop is kept from anything else (CPU time)."""
    title("A line of 6.3 MB")
    path = options.scratch / "long.log"
    path.write_bytes(b"x\n" + b"0123456789" * 630_000 + b"\nend\n")
    worst = 1000 * asyncio.run(_long_line(path))
    say("worst stall", f"{worst:.1f} ms", worst, FRAME_MS, " ms")


async def _long_line(path: Path) -> float:
    app = _PaneApp()
    async with app.run_test(size=SIZE) as pilot:
        pane = app.query_one(OutputPane)
        pane.show_file(path)
        await pilot.pause(0.5)
        assert any("… +6.3 MB" in pane.render_line(y).text for y in range(3))
        pane.search("89012")
        steps: list[Callable[[], object]] = [
            lambda: pane.show_file(path),
            *[lambda shift=shift: pane._shift_to(shift) for shift in (10, 3_000_000, 6_299_990)],
        ]
        return max(_stall(pane, step) for step in steps)


def _stall(pane: OutputPane, step: Callable[[], object]) -> float:
    began = time.thread_time()
    step()
    for y in range(pane.size.height):
        pane.render_line(y)
    return time.thread_time() - began


def bench_bytes(options: Options) -> None:
    """What the terminal is sent: while tailing, idle, per key."""
    path = options.scratch / "bytes.log"
    for rate in (1_000, 10_000):
        title(f"Bytes to the terminal at {rate:,} lines/s")
        sent = {kind: _tailed(kind, path, rate, options) for kind in ("tail", "log", "pane")}
        print("  " + ", ".join(f"{kind} {count / 1000:.0f} kB/s" for kind, count in sent.items()))
        for kind, bar in (("tail", 0.5), ("log", 0.15)):
            ratio = sent["pane"] / sent[kind]
            say(f"pane ÷ {kind}", f"{ratio:.2f}", ratio, bar)
    title("Bytes to the terminal when nothing happens, and per key")
    path.write_bytes(b"".join(map(line, range(10_000))))
    with session("pane", path, options) as run:
        run.drain(2.0)
        idle = run.drain(3.0) / 3
        run.program.send("\x1b[H")
        frame = run.drain(0.5)
        say("idle", f"{idle:.0f} B/s", idle, 0, " B/s")
        for name, key in (("j", "j"), ("PageDown", "\x1b[6~"), ("G", "G"), ("l", "l")):
            run.program.send(key)
            count = run.drain(0.4)
            say(f"key {name}", f"{count} B (a frame: {frame} B)", count, frame * 1.1, " B")
        run.end()


def _tailed(kind: str, path: Path, rate: int, options: Options) -> float:
    """Return the bytes per second that a terminal is sent."""
    with producer(path, rate):
        if kind == "tail":
            command = ["tail", "-f", str(path)]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
                assert process.stdout is not None
                end, count, began = time.monotonic() + options.seconds, 0, time.monotonic()
                while time.monotonic() < end:
                    count += len(os.read(process.stdout.fileno(), 65536))
                process.kill()
            # A terminal gets a carriage return with every newline.
            return count / (time.monotonic() - began) * (1 + 1 / len(line(0)))
        with session(kind, path, options) as run:
            run.drain(1.5)
            count = run.drain(options.seconds)
            run.end()
            return count / options.seconds


PARTS: dict[str, Callable[[Options], None]] = {
    "lag": bench_lag,
    "gigabyte": bench_gigabyte,
    "million": bench_million,
    "line": bench_long_line,
    "bytes": bench_bytes,
}


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="bench-pane-"))
    try:
        for name in arguments.only:
            PARTS[name](Options(arguments.quick, scratch))
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
