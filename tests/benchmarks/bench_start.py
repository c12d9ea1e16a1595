"""First paint of the dashboard against a bare Textual app, and `--help` against nothing.

Run it with `python -m tests.benchmarks.bench_start [ROUNDS]`. Each round starts both sides in
a pty, in turn; a start ends when a text of the first frame has arrived. The bars (1.5 times
bare Textual, 150 ms over an empty interpreter) are PERFORMANCE's.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from pathlib import Path

_BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("painted")
Bare().run()
"""
_PAINT_BAR = 1.5
_HELP_BAR_MS = 150.0
_TIMEOUT = 60.0


def first_paint(
    command: Sequence[str], texts: Sequence[bytes], environment: dict[str, str]
) -> list[float]:
    """Return the seconds from exec until each of the texts has been on a 120×40 terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    seen, times, data = b"", [], b""
    try:
        for text in texts:
            while text not in seen:
                if (
                    time.perf_counter() - began > _TIMEOUT
                    or not select.select([master], [], [], _TIMEOUT)[0]
                ):
                    raise TimeoutError(f"{command[0]} never showed {text!r}")
                try:
                    data = os.read(master, 65536)
                except OSError as error:
                    raise RuntimeError(seen.decode(errors="replace")) from error
                seen += data
            times.append(time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        _drain(master, process)
        os.close(master)
    return times


def _drain(master: int, process: subprocess.Popen[bytes]) -> None:
    """Read on until the program has ended: it restores the terminal on its way out."""
    while process.poll() is None:
        if select.select([master], [], [], 0.05)[0]:
            try:
                os.read(master, 65536)
            except OSError:
                process.wait()


def run_time(command: Sequence[str], environment: dict[str, str]) -> float:
    """Return the seconds that a command takes."""
    began = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print the ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    foredeck = str(Path(sys.executable).with_name("foredeck"))
    bare: list[float] = []
    frame: list[float] = []
    usable: list[float] = []
    empty: list[float] = []
    helped: list[float] = []
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "XDG_DATA_HOME": directory,
            "XDG_CONFIG_HOME": directory,
        }
        for _ in range(rounds):
            bare += first_paint([sys.executable, "-c", _BARE], [b"painted"], environment)
            shown = first_paint([foredeck], [b"Projects", b"No projects yet"], environment)
            frame.append(shown[0])
            usable.append(shown[1])
            empty.append(run_time([sys.executable, "-c", "pass"], environment))
            helped.append(run_time([foredeck, "--help"], environment))
    ratio, best = statistics.median(frame) / statistics.median(bare), min(frame) / min(bare)
    over = 1000 * (statistics.median(helped) - statistics.median(empty))
    print(f"bare Textual, first paint      {_ms(bare)}")
    print(f"foredeck, first paint          {_ms(frame)}")
    print(f"  ÷ bare Textual               {ratio:.2f}, of the best {best:.2f} (bar {_PAINT_BAR})")
    print(f"foredeck, data on screen       {_ms(usable)}")
    print(f"empty interpreter              {_ms(empty)}")
    print(f"foredeck --help                {_ms(helped)}   +{over:.0f} ms (bar {_HELP_BAR_MS:.0f})")


def _ms(times: list[float]) -> str:
    return f"{1000 * statistics.median(times):6.0f} ms (best {1000 * min(times):.0f})"


if __name__ == "__main__":
    main()
