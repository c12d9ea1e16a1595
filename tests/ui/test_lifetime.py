"""Opening, failing to open, and every way of leaving: the connection is always closed in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from foredeck.app.connection import Connection
from foredeck.app.screens.pane import Pane
from foredeck.services.domain.errors import NewerDatabase, StoreError
from foredeck.services.domain.events import RunSaved
from foredeck.services.domain.states import RunState
from tests.support import fake_host
from tests.support.dashboard import dashboard, messages, until, workbench_of
from tests.support.fake_host import BrokenConnect

_TIMEOUT = 30.0
_ROOT = Path(__file__).resolve().parents[2]


async def test_the_frame_stands_while_the_data_is_being_opened() -> None:
    host, gate = fake_host.empty(), asyncio.Event()

    async def connect() -> Connection:
        await gate.wait()
        return await host.connect()

    async with dashboard(host, connect=connect) as pilot:
        workbench = workbench_of(pilot)
        await until(pilot, lambda: workbench.query_one("#pane-output", Pane).notice == "Opening…")
        await pilot.press("n")
        await until(pilot, lambda: messages(pilot) == ["New run: The data is not open yet."])
        gate.set()
        await until(pilot, lambda: workbench.desk.reader.sidebar is not None)


async def test_a_failure_is_shown_with_its_advice_and_ctrl_r_tries_again(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    connect = BrokenConnect(host, NewerDatabase("It is too new.", "Update Foredeck."))
    async with dashboard(host, connect=connect) as pilot:
        workbench = workbench_of(pilot)
        await until(pilot, lambda: workbench.failure is not None)
        notice = workbench.query_one("#pane-output", Pane).notice
        assert "It is too new. Update Foredeck." in notice
        assert "ctrl+r" in notice
        await pilot.press("ctrl+r")
        await until(pilot, lambda: workbench.desk.view.detail is not None)
        assert workbench.failure is None


async def test_what_is_stored_is_shown_before_all_is_open_and_taken_back_if_that_fails(
    tmp_path: Path,
) -> None:
    host, gate, shown = fake_host.running(tmp_path), asyncio.Event(), asyncio.Event()
    tries = 0

    async def opened() -> None:
        await gate.wait()
        if tries == 1:
            raise StoreError("The disk is full.", "Make room.")

    async def connect() -> Connection:
        nonlocal tries
        tries += 1
        return Connection(host, host.close, opened, shown.set)

    async with dashboard(host, connect=connect) as pilot:
        workbench = workbench_of(pilot)
        await until(pilot, shown.is_set)
        await until(pilot, lambda: workbench.desk.view.detail is not None)
        assert workbench.failure is None
        gate.set()
        await until(pilot, lambda: workbench.failure is not None)
        assert host.closed
        notice = workbench.query_one("#pane-output", Pane).notice
        assert "The disk is full. Make room." in notice
        assert pilot.app.host is None  # type: ignore[attr-defined]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: workbench.failure is None)
        await until(pilot, lambda: pilot.app.host is host)  # type: ignore[attr-defined]


async def test_quitting_after_a_failure_keeps_its_exit_code() -> None:
    host = fake_host.empty()
    error = NewerDatabase("It is too new.")
    error.exit_code = 2
    async with dashboard(host, connect=BrokenConnect(host, error, times=9)) as pilot:
        await until(pilot, lambda: workbench_of(pilot).failure is not None)
        await pilot.press("q")
        await until(pilot, lambda: pilot.app.return_code == 2)


async def test_an_unexpected_failure_is_one_sentence_and_in_the_log() -> None:
    host, errors = fake_host.empty(), list[BaseException]()

    async def connect() -> Connection:
        raise ZeroDivisionError("secret detail")

    async with dashboard(host, connect=connect, errors=errors) as pilot:
        await until(pilot, lambda: workbench_of(pilot).failure is not None)
        notice = workbench_of(pilot).query_one("#pane-output", Pane).notice
        assert "could not be opened" in notice
        assert "secret detail" not in notice
    assert [type(error) for error in errors] == [ZeroDivisionError]


async def test_leaving_while_opening_closes_what_was_opened() -> None:
    host, gate, began = fake_host.empty(), asyncio.Event(), asyncio.Event()

    async def connect() -> Connection:
        began.set()
        await gate.wait()
        return await host.connect()

    async with dashboard(host, connect=connect) as pilot:
        await until(pilot, began.is_set)
        await pilot.press("q")
        await until(pilot, lambda: pilot.app.return_code == 0)
        gate.set()
    assert host.closed


async def test_a_lost_event_stream_is_taken_up_again(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        workbench = workbench_of(pilot)
        host.break_subscriptions()
        host.runs.pop("run0")
        await until(pilot, lambda: len(workbench.desk.reader.sidebar.projects[0].runs) == 1)  # type: ignore[union-attr]
        host.publish(RunSaved(run_id="run1", project_id="p1", state=RunState.RUNNING))


class Terminal:
    """The dashboard in a pty of its own."""

    def __init__(self, state: str, directory: Path) -> None:
        self.directory = directory
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.run_dashboard", state, str(directory)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=_ROOT,
            env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        self.screen = b""

    def read_until(self, text: bytes) -> None:
        """Read the screen until a text has been on it."""
        deadline = time.monotonic() + _TIMEOUT
        while text not in self.screen:
            assert time.monotonic() < deadline, self.screen[-2000:]
            assert self.process.poll() is None, self.screen[-2000:]
            self._read(0.1)

    def wait(self) -> int:
        """Read on until the program has ended; return its exit code."""
        deadline = time.monotonic() + _TIMEOUT
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "the dashboard does not end"
            self._read(0.05)
        self._read(0.05)
        return self.process.returncode

    def hang_up(self) -> None:
        """Take the terminal away, as a lost connection does."""
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGHUP)

    def close(self) -> None:
        for number in (self.master, self.slave):
            if number >= 0:
                os.close(number)
        self.process.kill()
        self.process.wait()

    def _read(self, seconds: float) -> None:
        if self.master >= 0 and select.select([self.master], [], [], seconds)[0]:
            with contextlib.suppress(OSError):
                self.screen += os.read(self.master, 65536)
        elif self.master < 0:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal("running", tmp_path)
    try:
        opened.read_until(b"Builder")
        yield opened
    finally:
        opened.close()


def test_sigterm_ends_in_order_and_leaves_a_clean_terminal(terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait() == 128 + signal.SIGTERM
    assert (terminal.directory / "closed").read_text() == "2"
    assert b"\x1b[?1049l" in terminal.screen
    assert b"\x1b[?1000l" in terminal.screen
    assert termios.tcgetattr(terminal.slave) == terminal.before
    assert "Traceback" not in terminal.screen.decode(errors="replace")


def test_a_lost_terminal_closes_the_connection(terminal: Terminal) -> None:
    terminal.hang_up()
    terminal.wait()
    assert (terminal.directory / "closed").exists()


def test_the_person_leaves(terminal: Terminal) -> None:
    os.write(terminal.master, b"q")
    terminal.read_until(b"Quit while")
    os.write(terminal.master, b"y")
    assert terminal.wait() == 0
    assert (terminal.directory / "closed").exists()
    assert termios.tcgetattr(terminal.slave) == terminal.before
