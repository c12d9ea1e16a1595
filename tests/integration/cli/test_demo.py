"""`foredeck demo`: with and without a screen, finished and broken off."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli_desk import Desk, ended, processes_of, until
from tests.support.pty_program import PtyProgram

pytestmark = pytest.mark.codex


def test_without_a_screen(desk: Desk) -> None:
    words = ("demo", "--fast", "--headless", "--mode", "direct", "--dir", ".", "--format", "json")
    done = desk.run(*words)
    assert done.code == 0, done.err
    assert "REHEARSAL" in done.err
    assert "the model's words are scripted" in done.err
    run = done.answer
    assert run["verdict"] == "APPROVED"
    workspace = Path(run["workspace"])
    assert workspace.is_relative_to(desk.base)
    assert str(workspace) in done.err
    tests = subprocess.run(
        [sys.executable, "-m", "unittest"], cwd=workspace, capture_output=True, text=True
    )
    assert tests.returncode == 0, tests.stderr
    assert processes_of(desk.base) == []


def test_broken_off_it_leaves_nothing(desk: Desk) -> None:
    before = set(desk.base.iterdir())
    process = desk.start("demo", "--headless", "--dir", ".")
    until(lambda: any(desk.base.glob("foredeck-demo-*/workspaces/*/AGENTS.md")), "it is planned")
    process.send_signal(signal.SIGTERM)
    said = ended(process)
    assert said.code == 130
    assert "its throw-away directory is gone" in said.err
    assert set(desk.base.iterdir()) == before
    assert processes_of(desk.base) == []


def test_on_the_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    words = ("foredeck.app.cli.main", "demo", "--fast", "--dir", str(tmp_path))
    with PtyProgram(*words, size=(120, 40)) as program:
        program.read_until("4/4 requirements", timeout=90)
        program.read_until("0 running")
        assert any("REHEARSAL" in row for row in program.screen())
        program.send("q")
        assert program.wait() == 0
    (directory,) = tmp_path.glob("foredeck-demo-*")
    last = bytes(program.output).decode().rpartition("\x1b[?1049l")[2]
    assert "python3 -m unittest -v" in last
    assert os.fspath(directory) in last.replace("\r\n", "")


def test_a_place_that_is_not_there(desk: Desk) -> None:
    said = desk.run("demo", "--headless", "--dir", "nowhere")
    assert said.code == 2
    assert "There is no directory" in said.err
