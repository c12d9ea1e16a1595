"""A real terminal that stops reading: the event loop goes on, and the screen is whole again."""

from __future__ import annotations

import os
import select
import signal
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from foredeck.app.driver import QUEUED_BYTES, SteadyWriter
from tests.support.hostile import HOSTILE
from tests.support.pty_program import PtyProgram, foreign_sequences

# Many times what a queue of thirty writes, as Textual's own has, would let through.
TICKS = 150
PROGRAM = "tests.support.pane_program"


def count(path: Path) -> int:
    return int(path.read_text()) if path.exists() else 0


def wait_for_ticks(path: Path, at_least: int, timeout: float = 30.0) -> None:
    end = time.monotonic() + timeout
    while count(path) < at_least:
        assert time.monotonic() < end, f"the loop stands still at {count(path)}"
        time.sleep(0.05)


def test_the_loop_ticks_on_and_the_screen_is_whole_afterwards(tmp_path: Path) -> None:
    log, ticks = tmp_path / "out.log", tmp_path / "ticks"
    log.write_text("the beginning\n")
    with PtyProgram(PROGRAM, str(log), "--ticks", str(ticks)) as program:
        program.read_until("the beginning")
        # Nobody reads now, and every frame is another one: a stock writer blocks the loop.
        writer = threading.Thread(target=flood, args=(log, ticks, count(ticks) + TICKS))
        writer.start()
        wait_for_ticks(ticks, count(ticks) + TICKS)
        writer.join()
        with log.open("a") as file:
            file.write("".join(f"row {n} of the last screen\n" for n in range(30)))
        program.read_until("row 29 of the last screen")
        expected = [f"row {n} of the last screen" for n in range(7, 30)]
        wait_for_rows(program, expected)
        program.send("q")
        assert program.wait() == 0
        assert b"\x1b[?1049l" in program.output


def flood(log: Path, ticks: Path, until: int) -> None:
    number = 0
    with log.open("a") as file:
        while count(ticks) < until and number < 100_000:
            file.write("".join(f"{number + n} {'x' * 70}\n" for n in range(50)))
            file.flush()
            number += 50
            time.sleep(0.02)


def wait_for_rows(program: PtyProgram, expected: list[str], timeout: float = 10.0) -> None:
    end = time.monotonic() + timeout
    while [row.rstrip(" ▐") for row in program.screen()[1:]] != expected:
        assert time.monotonic() < end, "\n".join(program.screen())
        program.read(0.05)


def test_after_a_stop_the_terminal_is_taken_again_and_given_back_as_it_was(tmp_path: Path) -> None:
    log = tmp_path / "out.log"
    log.write_text("".join(f"row {n}\n" for n in range(30)))
    with PtyProgram(PROGRAM, str(log)) as program:
        before = termios.tcgetattr(program.master)
        program.read_until("row 29")
        threads = program.threads()
        for _ in range(3):
            program.process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, program.process.pid, os.WSTOPPED)
            termios.tcsetattr(program.master, termios.TCSANOW, before)  # as a shell does
            program.forget()
            program.process.send_signal(signal.SIGCONT)
            program.read_until("row 29")
        assert b"\x1b[?1049h" in program.output
        assert program.threads() == threads
        program.send("q")
        assert program.wait() == 0
        assert termios.tcgetattr(program.master) == before


def test_no_foreign_sequence_reaches_the_terminal(tmp_path: Path) -> None:
    for name, data in HOSTILE.items():
        (tmp_path / name).write_bytes(data)
    with PtyProgram(PROGRAM, str(tmp_path)) as program:
        for name in sorted(HOSTILE):
            program.read_until(f"== {name} ==")
            program.send("0\x1b[H")  # start of the lines, top
            program.send("n")
        program.read_until("== no more files ==")
        program.send("q")
        assert program.wait() == 0
        output = program.output.decode("utf-8", "replace")
    assert foreign_sequences(output) == []
    assert "\ufffd" in output


# --- the writer alone --------------------------------------------------------------------


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_frames_are_dropped_whole_and_modes_are_not(pipe: tuple[int, int]) -> None:
    drained = threading.Event()
    writer = SteadyWriter(pipe[1], drained.set)
    writer.start()
    frame = "\x1b[1;1H" + "x" * 10_000
    for _ in range(100):
        for part in ("\x1b[?2026h", frame, "\x1b[?2026l"):
            writer.write(part)
    writer.write("\x1b[?1049l")
    received = b""
    while not received.endswith(b"\x1b[?1049l"):
        received += os.read(pipe[0], 65536)
    assert drained.wait(10)
    assert len(received) < QUEUED_BYTES + 65536 + 2 * len(frame)
    assert received.count(b"\x1b[?2026h") == received.count(b"\x1b[?2026l")
    assert received.count(b"x" * 10_000) == received.count(b"x") // 10_000
    writer.write("after")
    assert os.read(pipe[0], 100) == b"after"
    writer.stop()


def test_what_rings_is_refused_while_the_terminal_has_not_taken_everything(
    pipe: tuple[int, int],
) -> None:
    drained = threading.Event()
    writer = SteadyWriter(pipe[1], drained.set)
    assert writer.offer("\a")  # nothing is under way
    assert not writer.offer("\a")  # that is
    for _ in range(20):
        writer.write("x" * 10_000)
    writer.start()
    assert not writer.offer("\a")
    received = b""
    # Drained means written: the last of it may still be in the pipe.
    while (taken := select.select([pipe[0]], [], [], 0.05)[0]) or not drained.is_set():
        received += os.read(pipe[0], 65536) if taken else b""
    assert received.count(b"\a") == 1
    assert writer.offer("\a")
    assert os.read(pipe[0], 100) == b"\a"
    writer.stop()
    assert not writer.offer("\a")


def test_a_terminal_that_is_gone_ends_the_writer() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    writer = SteadyWriter(writing, lambda: None)
    writer.start()
    writer.write("x")
    writer.stop()
    writer.write("y")
    os.close(writing)
