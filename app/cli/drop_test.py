"""`foredeck doctor --drop-test`: proof that a run outlives its dashboard, on this machine.

A dashboard is started on a terminal of its own, a harmless run begins in it, and the terminal
is taken away, as a broken SSH link takes it away. Everything is real but the model's words; it
happens in a throw-away directory and touches neither the user's data nor an account.
"""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from foredeck.app.cli.render import say
from foredeck.app.joining import join_other
from foredeck.services.domain.errors import ForedeckError, HostGone
from foredeck.services.domain.records import Mode, Sandbox
from foredeck.services.domain.states import FINAL_RUNS, RunState
from foredeck.services.domain.views import RunDetail
from foredeck.services.host.commands import CreateCodexRun, CreateProject, StartRun
from foredeck.services.host.interface import Host
from foredeck.services.host.lock import is_held, read_holder
from foredeck.services.host.queries import GetRun
from foredeck.services.rehearsal.counting import NUMBERS, CountingScript
from foredeck.services.rehearsal.model_server import ModelServer, write_codex_config
from foredeck.services.settings import Settings

T = TypeVar("T")

COUNT = 40
PAUSE = 0.2
# How long each thing may take on a slow machine, in seconds.
PATIENCE = 60.0
_POLL = 0.1
# Takes the terminal that it is given as its own, and becomes the dashboard.
_ON_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


class DropTestFailed(ForedeckError):
    """A step of the drop test did not come out as promised."""


@dataclass(frozen=True)
class _Place:
    """The throw-away directory and the settings that hold in it."""

    root: Path
    settings: Settings

    @property
    def numbers(self) -> Path:
        return self.settings.workspaces_root / "drop-test" / NUMBERS

    def environment(self) -> dict[str, str]:
        """Return what the dashboard is started with; a background host inherits it."""
        settings = self.settings
        own = {
            "data_dir": settings.data_dir,
            "workspaces_root": settings.workspaces_root,
            "codex_home": settings.codex_home,
            "base_url": settings.base_url,
            "sandbox": settings.sandbox.value,
            "mode": Mode.DIRECT.value,
            "rehearsal": "true",
            "idle_timeout": "1",
        }
        kept = {n: v for n, v in os.environ.items() if not n.startswith("FOREDECK_")}
        named = {f"FOREDECK_{name.upper()}": str(value) for name, value in own.items()}
        # A file that is not there would be an error, one of the user's would be obeyed.
        empty = self.root / "config.toml"
        empty.touch(mode=0o600)
        return {**kept, **named, "FOREDECK_CONFIG": str(empty), "TERM": "xterm-256color"}


def drop_test(settings: Settings) -> int:
    """Run the test, saying each step on stderr; return the exit code."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(_directory()))
        server = stack.enter_context(ModelServer(CountingScript(COUNT, PAUSE), pace=0))
        place = _prepare(root, server.base_url, settings)
        say(f"A rehearsal with a scripted model, in {root}.")
        try:
            _prove(place)
        except DropTestFailed as error:
            say(f"✗ {error.message} {error.advice}".rstrip())
            return 1
    say("✓ Nothing was lost, nothing was done twice, nothing is left running.")
    return 0


def _prove(place: _Place) -> None:
    with _dashboard(place) as (process, master):
        run_id = asyncio.run(_with_host(place, _begin))
        _until(lambda: len(_numbers(place)) > 2, "codex's command does not work")
        say(f"✓ A dashboard (process {process.pid}) works on run {run_id}; codex counts.")
        os.close(master)  # what a dead SSH link does to it
        at_drop = len(_numbers(place))
        say(f"  Its terminal is taken away, at {at_drop} of {COUNT}…")
        _until(lambda: process.poll() is not None, "the dashboard did not end")
    _until(lambda: _host_pid(place) not in {None, process.pid}, "nobody took the run over")
    say(f"✓ The dashboard has ended; in the background process {_host_pid(place)} goes on.")
    detail = asyncio.run(_with_host(place, lambda host: _finished(host, run_id)))
    _hold(place, detail)
    say(f"✓ The run ended with {detail.run.state.value}: {COUNT} numbers, each of them once.")
    _until(lambda: not is_held(place.settings.data_dir), "the background host did not end")
    _until(lambda: not _left(place.root), "processes are left")


def _prepare(root: Path, base_url: str, given: Settings) -> _Place:
    from foredeck.services.codex.binary import locate
    from foredeck.services.codex.login import probe_sandbox

    probe = asyncio.run(probe_sandbox(locate(given)))
    write_codex_config(root / "codex", base_url)
    settings = replace(
        given,
        data_dir=root / "data",
        workspaces_root=root / "workspaces",
        codex_home=root / "codex",
        base_url=base_url,
        rehearsal=True,
        sandbox=Sandbox.WORKSPACE_WRITE if probe.ok else Sandbox.DANGER_FULL_ACCESS,
    )
    return _Place(root, settings)


@contextmanager
def _directory() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="foredeck-drop-test-", ignore_cleanup_errors=True) as d:
        yield d


@contextmanager
def _dashboard(place: _Place) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a dashboard on a terminal of its own; yields it and our end of the terminal."""
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, "-m", "foredeck.app.cli.main"],
            env=place.environment(),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
    finally:
        os.close(slave)
    os.set_blocking(master, False)
    try:
        _until(lambda: _drained(master) and _host_pid(place) is not None, "no dashboard came up")
        yield process, master
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _drained(master: int) -> bool:
    """Read what the dashboard paints, so that it does not wait for us."""
    try:
        while os.read(master, 65_536):
            pass
    except BlockingIOError:
        pass
    return True


async def _with_host(place: _Place, work: Callable[[Host], Awaitable[T]]) -> T:
    """Do `work` as a client of whichever host answers."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            async with join_other(place.settings) as joined:
                return await work(joined.host)
        except HostGone as error:
            if time.monotonic() > deadline:
                raise DropTestFailed(error.message) from error
            await asyncio.sleep(_POLL)


async def _begin(host: Host) -> str:
    project = await host.do(CreateProject("drop-test"))
    run = await host.do(CreateCodexRun(project.id, "Count."))
    await host.do(StartRun(run.run_id))
    return run.run_id


async def _finished(host: Host, run_id: str) -> RunDetail:
    deadline = time.monotonic() + PATIENCE
    detail = await host.ask(GetRun(run_id))
    while detail.run.state not in FINAL_RUNS:
        if time.monotonic() > deadline:
            raise DropTestFailed(f"The run is still {detail.run.state.value}.")
        await asyncio.sleep(_POLL)
        detail = await host.ask(GetRun(run_id))
    return detail


def _hold(place: _Place, detail: RunDetail) -> None:
    expected = [str(number) for number in range(1, COUNT + 1)]
    if detail.run.state is not RunState.SUCCESS:
        raise DropTestFailed(f"The run ended as {detail.run.state.value}: {detail.error}")
    if _numbers(place) != expected:
        raise DropTestFailed(f"The numbers are not each there once: {_numbers(place)}")
    output = Path(detail.steps[0].output_path or "").read_text(encoding="utf-8")
    shown = [line for line in output.splitlines() if line.isdecimal()]
    if shown != expected:
        raise DropTestFailed(f"The output is not complete: {shown}")


def _numbers(place: _Place) -> list[str]:
    return place.numbers.read_text(encoding="utf-8").split() if place.numbers.exists() else []


def _host_pid(place: _Place) -> int | None:
    data_dir = place.settings.data_dir
    holder = read_holder(data_dir) if is_held(data_dir) else None
    return int(holder["pid"]) if holder else None


def _left(root: Path) -> list[int]:
    """Return the processes that were started for the test and still run."""
    wanted, found = os.fsencode(root), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if wanted in told:
                found.append(int(entry.name))
    return found


def _until(holds: Callable[[], bool], otherwise: str) -> None:
    """Wait for a state; raises `DropTestFailed` with what did not come true."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise DropTestFailed(f"After {PATIENCE:.0f} s {otherwise}.")
        time.sleep(_POLL)
