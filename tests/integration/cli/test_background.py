"""A host in the background comes up whatever else is at the data directory in that moment."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from foredeck.app.cli import background
from foredeck.app.cli.background import ensure_background_host, leave_to_background
from foredeck.app.container import open_services
from foredeck.services.domain.errors import HostBusy, HostGone
from foredeck.services.host.lock import HostLock, is_held, read_holder
from foredeck.services.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    config = tmp_path / "config.toml"
    config.write_text('idle_timeout = 30\ncodex_home = "codex-home"\n')
    monkeypatch.setenv("FOREDECK_CONFIG", str(config))
    start, started = background._start, []

    def keep(settings: Settings) -> subprocess.Popen[bytes]:
        started.append(start(settings))
        return started[-1]

    monkeypatch.setattr(background, "_start", keep)
    yield Settings(data_dir=tmp_path / "data")
    for process in started:
        process.terminate()
        process.wait()


def _host(settings: Settings) -> int | None:
    """Return the process of the host in the background."""
    held = is_held(settings.data_dir)
    holder = read_holder(settings.data_dir) if held else None
    return int(holder["pid"]) if holder and int(holder["pid"]) != os.getpid() else None


def test_one_that_finds_the_directory_held_for_a_moment_is_started_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = background._start
    codes: list[int] = []

    def start_beside_another(settings: Settings) -> subprocess.Popen[bytes]:
        lock = None if codes else HostLock.acquire(settings.data_dir, "a command")
        process = start(settings)
        if lock:
            codes.append(process.wait())
            lock.release()
        return process

    monkeypatch.setattr(background, "_start", start_beside_another)
    ensure_background_host(settings)
    assert codes == [1]
    assert _host(settings)


async def test_a_command_that_is_the_host_for_a_moment_does_not_go_on_with_runs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    answers = background._answers

    def count(data_dir: Path, *, takes_up: bool) -> bool:
        asked.append(answers(data_dir, takes_up=takes_up))
        return asked[-1]

    monkeypatch.setattr(background, "_answers", count)
    async with open_services(settings, "a command", recover=False):
        await asyncio.to_thread(ensure_background_host, settings)
        assert asked == [True]  # good enough for one that begins a run: it stays for that
        leaving = asyncio.create_task(asyncio.to_thread(leave_to_background, settings))
        while len(asked) < 2:
            await asyncio.sleep(0.01)
    await leaving
    assert asked[1] is False
    assert _host(settings)


def test_nothing_is_imported_from_the_working_directory(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "click.py").write_text("raise SystemExit('from the workspace')\n")
    monkeypatch.chdir(workspace)
    ensure_background_host(settings)
    assert _host(settings)


def test_one_that_never_comes_up_is_given_up_with_what_it_said(settings: Settings) -> None:
    Path(os.environ["FOREDECK_CONFIG"]).write_text("idle_timeout = soon\n")
    with pytest.raises(HostGone, match=r"ended at once \(code 2\).*config\.toml"):
        ensure_background_host(settings)


def test_one_that_holds_the_data_and_does_not_answer_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "START_SECONDS", 0.1)
    lock = HostLock.acquire(settings.data_dir, "foredeck serve")
    try:
        with pytest.raises(HostBusy, match=r"foredeck serve \(process \d+, .*does not answer"):
            ensure_background_host(settings)
    finally:
        lock.release()


_DROPPED_TWICE = """
import os, signal, sys
from foredeck.app.application import ForedeckApp
from foredeck.app.cli import background, dashboard
from foredeck.services.settings import Settings

class Left(ForedeckApp):
    works_on = True
    def __init__(self, *_given, **_options): pass
    def run(self): return 129

def leave(_settings):
    for number in (signal.SIGHUP, signal.SIGTERM):
        os.kill(os.getpid(), number)
    print("left")

dashboard.ForedeckApp, background.leave_to_background = Left, leave
sys.stdin.isatty = sys.stdout.isatty = lambda: True
print(dashboard.run_dashboard(Settings(data_dir=__import__("pathlib").Path(sys.argv[1]))))
"""


def test_a_second_signal_does_not_keep_a_dashboard_from_leaving_its_runs(tmp_path: Path) -> None:
    (tmp_path / "foredeck.db").write_bytes(b"not to be read: something may work")
    words = [sys.executable, "-c", _DROPPED_TWICE, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "left\n129\n"), done.stderr
