"""A dashboard whose host is stopped: it says so, its keys work, and it goes on with the host."""

from __future__ import annotations

import signal

import pytest

from tests.support.cli_desk import Desk, until
from tests.support.pty_program import PtyProgram

pytestmark = pytest.mark.usefixtures("at_the_desk")
PROGRAM = "foredeck.app.cli.main"


def test_a_stopped_host_is_told_until_it_answers_again(desk: Desk) -> None:
    host = desk.start("serve")
    until((desk.data / "host/socket").exists, "the host listens")
    name = f"foredeck serve ({host.pid})"
    with PtyProgram(PROGRAM, size=(60, 20)) as program:
        program.read_until(f"attached to {name}")
        host.send_signal(signal.SIGSTOP)
        program.read_until(f" {name} does not answer  ")  # the line, before what else it tells
        program.send("?")
        program.read_until("Help: Projects")
        host.send_signal(signal.SIGCONT)
        program.send("?")
        program.read_until(f"attached to {name}")
        host.send_signal(signal.SIGSTOP)
        program.read_until(f" {name} does not answer  ")
        program.send("\x11")  # ctrl+q, which leaves from everywhere
        assert program.wait() == 0
        host.send_signal(signal.SIGCONT)
