"""A program on a pseudo-terminal of its own, and the screen that its output paints."""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import TracebackType

from rich.cells import get_character_cell_size

ROOT = Path(__file__).resolve().parents[2]
_TOKEN = re.compile(
    r"\x1b\[(?P<parameters>[0-?]*)[ -/]*(?P<final>[@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b.|(?P<text>[^\x00-\x1f\x7f-\x9f]+)|(?P<control>[\x00-\x1f\x7f-\x9f])",
    re.DOTALL,
)
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?)?\Z")
# What Textual itself sends: modes, cursor moves, colours, erasing, keyboard protocol, queries.
_OWN = re.compile(
    r"\x1b\[\?(?:1049|1000|1003|1015|1006|1016|25|1004|2004|2026|2048|7)[hl]"
    r"|\x1b\[\?20(?:26|48)\$p|\x1b\[[<>]\d*u|\x1b\]22;default\x07|\x1b\[[0-9;]*[Hm]|\x1b\[[0-9]*[ABCD]"
)


class PtyProgram:
    """Runs `python -m MODULE ARGUMENTS…` on a terminal of the given size."""

    def __init__(self, module: str, *arguments: str, size: tuple[int, int] = (80, 24)) -> None:
        self.size = size
        self.output = bytearray()
        self._hung_up = False
        self._screen = Screen(*size)
        self.master, slave = os.openpty()
        window = struct.pack("HHHH", size[1], size[0], 0, 0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, window)
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PYTHONPATH": str(ROOT),
        }
        for name in ("LINES", "COLUMNS", "NO_COLOR"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def __enter__(self) -> PtyProgram:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if not self._hung_up:
            os.close(self.master)

    def hang_up(self, timeout: float = 20.0) -> int:
        """Take its terminal away, as a dead link does; return the program's exit code."""
        os.close(self.master)
        self._hung_up = True
        return self.process.wait(timeout)

    def forget(self) -> None:
        """Begin anew with an empty screen."""
        self.output.clear()
        self._screen = Screen(*self.size)

    def threads(self) -> int:
        """Return how many threads the program has."""
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def unread(self) -> int:
        """Return how many bytes the terminal holds that nobody has read."""
        answer = fcntl.ioctl(self.master, termios.FIONREAD, struct.pack("i", 0))
        return int(struct.unpack("i", answer)[0])

    def send(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def read(self, seconds: float) -> bytes:
        """Read for so long at most, or until something came."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return b""
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return b""
        self.output += data
        self._screen.feed(data)
        return data

    def read_until(self, text: str, timeout: float = 20.0) -> None:
        """Read until the screen shows the text."""
        end = time.monotonic() + timeout
        data = b"first look"
        while time.monotonic() < end:
            if data and text in "\n".join(self.screen()):
                return
            data = self.read(0.05)
        raise AssertionError(f"{text!r} is not on the screen:\n" + "\n".join(self.screen()))

    def screen(self) -> list[str]:
        """Return the rows as the output so far has painted them."""
        return self._screen.rows

    def wait(self, timeout: float = 20.0) -> int:
        """Read until the program has ended; return its exit code."""
        end = time.monotonic() + timeout
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        while self.read(0.05):
            pass
        assert self.process.poll() is not None, "it runs still:\n" + "\n".join(self.screen())
        return self.process.returncode


class Screen:
    """The rows of a terminal, fed with what a program sends it."""

    def __init__(self, width: int, height: int) -> None:
        self._cells = [[" "] * width for _ in range(height)]
        self._x = self._y = 0
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""

    @property
    def rows(self) -> list[str]:
        return ["".join(row).rstrip() for row in self._cells]

    def feed(self, data: bytes) -> None:
        text = self._rest + self._decode(data)
        cut = _UNFINISHED.search(text)
        end = cut.start() if cut else len(text)
        self._rest = text[end:]
        for match in _TOKEN.finditer(text[:end]):
            self._apply(match)

    def _apply(self, match: re.Match[str]) -> None:
        if match["final"] == "H":
            row, _, column = match["parameters"].partition(";")
            self._y, self._x = int(row or 1) - 1, int(column or 1) - 1
        elif match["control"] == "\n":
            self._y, self._x = self._y + 1, 0
        elif match["control"] == "\r":
            self._x = 0
        elif match["text"]:
            self._put(match["text"])

    def _put(self, text: str) -> None:
        row = self._cells[self._y] if self._y < len(self._cells) else []
        for character in text:
            wide = get_character_cell_size(character)
            if wide and self._x + wide <= len(row):
                row[self._x : self._x + wide] = [character, *[""] * (wide - 1)]
            self._x += wide


def foreign_sequences(output: str) -> list[str]:
    """Return every control in the output that Textual's own painting does not account for."""
    return [
        match[0]
        for match in _TOKEN.finditer(output)
        if not match["text"] and match["control"] not in {"\r", "\n"} and not _OWN.match(match[0])
    ]
