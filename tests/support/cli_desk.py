"""The real program in processes of their own, with a data directory and a scripted model."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foredeck.services.host.lock import is_held, read_holder
from foredeck.services.rehearsal.exchange import Action, Call, ModelRequest
from foredeck.services.rehearsal.model_server import ModelServer, write_codex_config
from foredeck.services.rehearsal.scenario import DemoScript

STORY = "Build fairshare for us"
PROGRAM = (sys.executable, "-m", "foredeck.app.cli.main")
# What each thing may take on a machine that is ten times slower, in seconds.
PATIENCE = 180.0


@dataclass
class Said:
    """What a command wrote and how it ended."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)


class Desk:
    """Runs commands in `base`; they find their settings in `base/config.toml`."""

    def __init__(self, base: Path, server: ModelServer) -> None:
        self.base = base
        self.server = server
        self.data = base / "data"
        write_codex_config(base / "codex-home", server.base_url)
        (base / "config.toml").write_text(
            f'rehearsal = true\nbase_url = "{server.base_url}"\ncodex_home = "codex-home"\n'
            'data_dir = "data"\nworkspaces_root = "workspaces"\ngrace = 1\n'
        )
        self._started: list[subprocess.Popen[str]] = []

    def run(self, *words: str, given: str = "", timeout: float = PATIENCE, **environ: str) -> Said:
        """Run a command to its end."""
        done = subprocess.run(
            [*PROGRAM, *words],
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.base,
            env=self.environment(**environ),
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        process = subprocess.Popen(
            [*PROGRAM, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.base,
            env=self.environment(**environ),
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def environment(self, **changes: str) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FOREDECK_", "XDG_", "OPENAI_"))
        }
        here = {"HOME": str(self.base), "FOREDECK_CONFIG": str(self.base / "config.toml")}
        return {**kept, **here, **changes}

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()


def ended(process: subprocess.Popen[str], timeout: float = PATIENCE) -> Said:
    """Wait for the end of a command that was started."""
    out, err = process.communicate(timeout=timeout)
    assert "Traceback" not in err, err
    return Said(process.returncode, out, err)


def until(true: Callable[[], bool], what: str, timeout: float = PATIENCE) -> None:
    """Wait until something outside this process is so."""
    end = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.05)


def end_background_host(desk: Desk) -> None:
    """End the host that nobody started by hand, and wait until it has let go.

    On a slow machine it may have been idle for so long that it has ended by itself.
    """
    holder = read_holder(desk.data) if is_held(desk.data) else None
    if holder is None:
        return
    assert holder["role"] == "foredeck serve"
    with suppress(ProcessLookupError):
        os.kill(int(holder["pid"]), signal.SIGTERM)
    until(lambda: not is_held(desk.data), "the background host has ended")


def processes_of(directory: Path) -> list[str]:
    """Return the command lines of all processes that belong to this directory.

    They work in it, or name it in their arguments or their environment.
    """
    needle = os.fsencode(directory)
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes()
            place = os.fsencode(os.readlink(entry / "cwd"))
            around = (entry / "environ").read_bytes()
        except OSError:
            continue
        if needle in words or needle in place or needle in around:
            found.append(words.replace(b"\0", b" ").decode("utf-8", "replace"))
    return found


class StuckBuilder:
    """Plays the demo's story, but the Builder's codex runs a command that does not end.

    The command leaves a child in a session of its own and writes `up` once it runs.
    """

    def __init__(self) -> None:
        self._story = DemoScript()

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        if request.from_codex and "You are the Builder" in request.prompt:
            command = "setsid sleep 300 & touch up; sleep 300"
            return [Call("exec_command", {"cmd": command, "yield_time_ms": 30_000})]
        return self._story.reply(request)
