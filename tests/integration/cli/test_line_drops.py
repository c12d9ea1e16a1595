"""The terminal of a command goes away: what it began goes on in the background."""

import fcntl
import os
import pty
import signal
import subprocess
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest

from foredeck.services.host.lock import read_holder
from foredeck.services.rehearsal.exchange import Action, ModelRequest, Say
from foredeck.services.rehearsal.plays import replay
from tests.support.cli_desk import (
    PATIENCE,
    PROGRAM,
    Desk,
    end_background_host,
    ended,
    processes_of,
    until,
)
from tests.support.crew_script import CrewScript, commands

pytestmark = pytest.mark.codex

# Goes on when there is a file `go`, and tells how often it was begun.
HELD = "echo once >> begun; until [ -e go ]; do sleep 0.1; done"


REQUEST = "Build it. [run held]"


class HeldBuilder(CrewScript):
    """The Builder's codex first waits for leave, and so does codex without a crew."""

    def __init__(self) -> None:
        super().__init__()
        self.crew("held").codex = {"builder": commands(HELD)}

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        if request.prompt == "Wait.":
            return replay(commands(HELD)(), request.turn_outputs)
        if request.prompt == "Do nothing.":
            return [Say("Done.")]
        return super().reply(request)


@pytest.fixture
def code(desk: Desk) -> Path:
    desk.server.script = HeldBuilder()
    (desk.base / "code").mkdir()
    return desk.base / "code"


def begun(code: Path) -> "list[str]":
    return (code / "begun").read_text().split() if (code / "begun").exists() else []


def only_run(desk: Desk) -> str:
    (item,) = desk.run("runs", "list", "--format", "json").answer["items"]
    return str(item["id"])


def gone(desk: Desk) -> None:
    """Nothing of it is left running once the background host has ended."""
    end_background_host(desk)
    until(lambda: processes_of(desk.base) == [], "nothing is left")


def on_a_terminal(desk: Desk, *words: str) -> "tuple[subprocess.Popen[bytes], int]":
    """Start a command on a terminal of its own; return it and the terminal's other end."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=desk.base,
        env=desk.environment(),
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    return process, master


@pytest.mark.parametrize("mode", ["direct", "agent"])
def test_a_run_goes_on_in_the_background(desk: Desk, code: Path, mode: str) -> None:
    process = desk.start("run", REQUEST, "--workspace", "code", "--mode", mode)
    until(lambda: bool(begun(code)), "the command runs")
    run = only_run(desk)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)  # the kernel and the shell both say it
    said = ended(process)
    assert (said.code, said.out) == (130, ""), said.err
    assert "The runs go on in the background" in said.err
    assert f"foredeck runs watch {run}" in said.err
    assert "Stopping" not in said.err
    holder = read_holder(desk.data)
    assert holder is not None
    assert holder["role"] == "foredeck serve"
    (code / "go").touch()
    assert desk.run("runs", "wait", run).out == "success\n"
    assert begun(code) == ["once"]
    gone(desk)


def test_a_terminal_that_is_gone_takes_no_run_with_it(desk: Desk, code: Path) -> None:
    words = ("run", REQUEST, "--workspace", "code", "--mode", "direct", "--no-start")
    run = desk.run(*words).out.strip()
    process, master = on_a_terminal(desk, "runs", "start", run)
    until(lambda: bool(begun(code)), "the command runs")
    os.close(master)
    assert process.wait(PATIENCE) == 130
    (code / "go").touch()
    assert desk.run("runs", "wait", run).out == "success\n"
    assert begun(code) == ["once"]
    gone(desk)


@pytest.mark.parametrize("engine", ["app-server", "exec"])
def test_a_codex_run_goes_on_and_has_its_summary(desk: Desk, code: Path, engine: str) -> None:
    environ = {"FOREDECK_CODEX_ENGINE": engine}
    process = desk.start("codex", "run", "--repo", "code", "--task", "Wait.", **environ)
    until(lambda: bool(begun(code)), "the command runs")
    run = only_run(desk)
    process.send_signal(signal.SIGHUP)
    said = ended(process)
    assert said.code == 130, said.err
    assert "codex_exit_code" not in said.out
    (code / "go").touch()
    assert desk.run("runs", "wait", run).out == "success\n"
    first = dict(line.split("=", 1) for line in said.out.splitlines())
    until(Path(first["summary_file_pending"]).exists, "there is a summary")
    assert begun(code) == ["once"]
    gone(desk)


def test_a_run_in_another_host_goes_on_there(desk: Desk, code: Path) -> None:
    host = desk.start("serve")
    until((desk.data / "host/socket").exists, "the host listens")
    process = desk.start("run", REQUEST, "--workspace", "code", "--mode", "direct")
    until(lambda: bool(begun(code)), "the command runs")
    process.send_signal(signal.SIGHUP)
    assert ended(process).code == 130
    holder = read_holder(desk.data)
    assert holder is not None
    assert holder["pid"] == str(host.pid)
    (code / "go").touch()
    assert desk.run("runs", "wait", only_run(desk)).out == "success\n"
    host.send_signal(signal.SIGTERM)
    assert ended(host).code == 0


def test_the_host_leaves_what_others_began_in_it_too(desk: Desk, code: Path) -> None:
    """The first command's own run has ended: it is there only for the second one's."""
    (desk.base / "empty").mkdir()
    first = desk.start("codex", "run", "--repo", "empty", "--task", "Do nothing.")
    second = desk.start("run", REQUEST, "--workspace", "code", "--mode", "direct")
    until(lambda: bool(begun(code)) or second.poll() is not None, "the second command runs")
    assert second.poll() is None, second.communicate()
    first.send_signal(signal.SIGHUP)
    second.send_signal(signal.SIGHUP)
    ended(first)
    assert ended(second).code == 130
    (code / "go").touch()
    runs = desk.run("runs", "list", "--format", "json").answer["items"]
    for run in runs:
        assert desk.run("runs", "wait", run["id"]).out == "success\n"
    assert begun(code) == ["once"]
    gone(desk)


def test_where_nobody_may_go_on_it_waits_for_the_next_start(desk: Desk, code: Path) -> None:
    environ = {"FOREDECK_HAND_OVER": "false"}
    process = desk.start("run", REQUEST, "--workspace", "code", "--mode", "direct", **environ)
    until(lambda: bool(begun(code)), "the command runs")
    process.send_signal(signal.SIGHUP)
    assert ended(process).code == 130
    assert read_holder(desk.data) is None
    (code / "go").touch()
    host = desk.start("serve")
    until((desk.data / "host/socket").exists, "the next host listens")
    assert desk.run("runs", "wait", only_run(desk)).out == "success\n"
    assert begun(code) == ["once"]
    host.send_signal(signal.SIGTERM)
    assert ended(host).code == 0


def test_ctrl_c_and_sigterm_still_cancel(desk: Desk, code: Path) -> None:
    process = desk.start("run", REQUEST, "--workspace", "code", "--mode", "direct")
    until(lambda: bool(begun(code)), "the command runs")
    process.send_signal(signal.SIGTERM)
    said = ended(process)
    assert (said.code, "■ cancelled" in said.out) == (130, True), said.err
    until(lambda: processes_of(desk.base) == [], "nothing is left")


def test_a_rehearsal_ends_with_its_terminal(desk: Desk) -> None:
    process = desk.start("demo", "--headless", "--dir", ".")
    errors = process.stderr
    assert errors is not None
    until(lambda: "Run " in errors.readline(), "the run works")
    process.send_signal(signal.SIGHUP)
    said = ended(process)
    assert said.code == 130
    assert "throw-away directory is gone" in said.err
    until(lambda: processes_of(desk.base) == [], "nothing is left")
