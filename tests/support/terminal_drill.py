"""One run in a dashboard on a real terminal that gets into trouble, and what came of it."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

from foredeck.services.domain.records import Mode
from foredeck.services.host.lock import is_held, read_holder
from tests.support.app_server import kill_app_server
from tests.support.cli_desk import Desk, processes_of, until
from tests.support.crew_script import CrewScript, Turn, commands
from tests.support.house import House
from tests.support.once import ROLES, counting, hold_once, lines_of, work
from tests.support.pty_program import PtyProgram

PROGRAM = "foredeck.app.cli.main"
SIZE = (120, 40)
# To the projects, and down from the project to its run.
_TO_THE_RUN = "1\x1b[B"
_SHOWN = re.compile(r"builder-(\d+)-end")


class TerminalDrill:
    """The stages count some lines; the Builder's turn counts until it is `let_go`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.run_id = ""
        self.workspace = desk.base / "code"
        self.workspace.mkdir()
        config = desk.base / "config.toml"
        config.write_text(config.read_text() + "idle_timeout = 1\n")
        self._script = CrewScript()
        desk.server.script = self._script
        self._script.crew("one").codex.update({role: commands(work(role)) for role in ROLES})
        self.builder(commands(counting("builder", "go")))

    def builder(self, turn: Turn) -> None:
        """Give the Builder's codex another turn."""
        self._script.crew("one").codex["builder"] = turn

    def agent_asks(self, question: str) -> None:
        """Let the Planner ask a person."""
        self._script.crew("one").questions["planner"] = {"question": question}

    def dashboard(self) -> PtyProgram:
        """Start a dashboard on a terminal of its own."""
        return PtyProgram(PROGRAM, size=SIZE)

    def begin(self, program: PtyProgram, mode: Mode = Mode.DIRECT) -> None:
        """Start the run in the open dashboard, and select it there."""
        program.read_until("No projects yet")
        words = ("run", "Build it. [run one]", "--workspace", str(self.workspace))
        said = self.desk.run(*words, "--mode", mode.value, "--detach")
        assert said.code == 0, said.err
        (item,) = self.desk.run("runs", "list", "--format", "json").answer["items"]
        self.run_id = item["id"]
        program.read_until("Build it. [run one]")
        program.send(_TO_THE_RUN)
        program.read_until("Planner")

    def begin_counting(self, program: PtyProgram, mode: Mode = Mode.DIRECT) -> None:
        """Start the run, and read until the screen shows what the Builder's codex prints."""
        self.begin(program, mode)
        program.read_until("builder-1", 60)
        assert self.host_pid == program.process.pid

    @property
    def count(self) -> int:
        """How many lines of the Builder's turn are kept."""
        output = self.desk.data / "output" / self.run_id / "builder.1.log"
        return len(lines_of(output, "builder"))

    @property
    def host_pid(self) -> int | None:
        """Which process is the host."""
        holder = read_holder(self.desk.data) if is_held(self.desk.data) else None
        return int(holder["pid"]) if holder else None

    def wait_for_another_host(self, than: PtyProgram) -> None:
        """Wait until a process without a screen is the host."""
        until(lambda: self.host_pid not in {None, than.process.pid}, "another process is the host")

    def let_go(self) -> None:
        """Let the Builder's turn end."""
        (self.workspace / "go").touch()

    @property
    def last(self) -> Path:
        """What the Builder's turn leaves behind at its end: how many lines it has printed."""
        return self.workspace / "last"

    def wait_for_success(self) -> None:
        """Wait until the run has ended, wherever it is worked on."""
        said = self.desk.run("runs", "wait", self.run_id, timeout=120)
        assert (said.code, said.out) == (0, "success\n"), said.err

    def clear(self) -> None:
        """End what a test that failed has left."""
        if (pid := self.host_pid) and pid != os.getpid():
            os.kill(pid, signal.SIGKILL)
        kill_app_server(self.desk.data)

    async def hold(self) -> None:
        """Hold that all of it happened once, when no host is left, and that nothing runs on."""
        until(lambda: not is_held(self.desk.data), "no host is left")
        async with House(self.desk.base, self.desk.server.base_url).open() as home:
            await hold_once(home, {"builder": int(self.last.read_text())})
        until(lambda: not processes_of(self.desk.base), "nothing of it is left")


def shown(program: PtyProgram) -> list[int]:
    """Return the numbers of the Builder's lines on the screen, from the top."""
    return [int(found[1]) for row in program.screen() if (found := _SHOWN.search(row))]


def read_until_shown(program: PtyProgram, number: int, timeout: float = 20.0) -> None:
    """Read until the screen is whole, and shows lines up to that number or later ones."""
    end = time.monotonic() + timeout
    while not _is_whole(program, number):
        assert time.monotonic() < end, f"not {number}:\n" + "\n".join(program.screen())
        program.read(0.02)


def _is_whole(program: PtyProgram, number: int) -> bool:
    """Whether all panes are there and the output is without a gap or an old line."""
    numbers = shown(program)
    if not numbers or numbers[-1] < number:
        return False
    screen = "\n".join(program.screen())
    gapless = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return (
        gapless and len(numbers) > 5 and all(w in screen for w in ("Projects", "Builder", "Quit"))
    )
