"""Two real dashboards in terminals of their own, on one data directory."""

from __future__ import annotations

import time

import pytest

from foredeck.services.host.lock import is_held, read_holder
from tests.support.cli_desk import STORY, Desk, StuckBuilder, ended, processes_of, until
from tests.support.pty_program import PtyProgram

pytestmark = [pytest.mark.codex, pytest.mark.usefixtures("at_the_desk")]
PROGRAM = "foredeck.app.cli.main"
SIZE = (120, 40)


def start_stuck_run(desk: Desk) -> str:
    """Start a run that does not end by itself in the host that there is."""
    desk.server.script = StuckBuilder()
    (desk.base / "code").mkdir()
    words = ("run", STORY, "--workspace", "code", "--mode", "direct")
    desk.start(*words)
    until((desk.base / "code/up").exists, "the command runs")
    (item,) = desk.run("runs", "list", "--format", "json").answer["items"]
    return str(item["id"])


def test_the_second_one_attaches_and_takes_over_when_the_first_is_killed(desk: Desk) -> None:
    with PtyProgram(PROGRAM, size=SIZE) as first:
        first.read_until("No projects yet")
        run = start_stuck_run(desk)
        with PtyProgram(PROGRAM, size=SIZE) as second:
            second.read_until(f"attached to the dashboard ({first.process.pid})")
            second.read_until("Builder")
            second.read_until("1 running")
            first.process.kill()
            second.read_until("The host is gone")
            began = time.monotonic()
            second.send("y")
            second.read_until("codex 0")
            until(lambda: is_held(desk.data), "it is the host")
            print(f"taken over in {time.monotonic() - began:.2f} s")
            holder = read_holder(desk.data)
            assert holder is not None
            assert int(holder["pid"]) == second.process.pid
            cancelled = desk.run("runs", "cancel", run)
            assert cancelled.code == 0, cancelled.err
            second.read_until("0 running")
            second.send("q")
            assert second.wait() == 0
    assert processes_of(desk.base) == []


def test_leaving_an_attached_one_stops_nothing(desk: Desk) -> None:
    host = desk.start("serve")
    until((desk.data / "host/socket").exists, "the host listens")
    run = start_stuck_run(desk)
    with PtyProgram(PROGRAM, size=(80, 24)) as program:
        program.read_until(f"attached to foredeck serve ({host.pid})")
        program.read_until("1 running")
        program.send("q")
        assert program.wait() == 0
        assert "Stopping" not in bytes(program.output).decode()
    assert desk.run("runs", "wait", run, "--no-block").out == "running\n"
    assert desk.run("runs", "cancel", run).code == 0
    host.terminate()
    assert ended(host).code == 0


def test_with_a_host_in_the_background_the_run_outlives_the_dashboard(desk: Desk) -> None:
    config = desk.base / "config.toml"
    config.write_text(config.read_text() + 'host = "background"\nidle_timeout = 1\n')
    with PtyProgram(PROGRAM, size=SIZE) as program:
        program.read_until("attached to foredeck serve (")
        run = start_stuck_run(desk)
        program.read_until("1 running")
        program.process.kill()
    assert desk.run("runs", "wait", run, "--no-block").out == "running\n"
    assert desk.run("runs", "cancel", run).code == 0
    until(lambda: not is_held(desk.data), "the background host has ended")
    until(lambda: not processes_of(desk.base), "nothing of it is left")
