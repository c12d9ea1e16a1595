"""From opening to a usable screen, with 1,000 stored runs of which a killed host left 50 live.

    python -m tests.benchmarks.bench_recovery [ROUNDS]

Four of the live ones have a real codex turn under way (more do not work at once); the others
have one whose thread is gone, which costs most: codex is asked for it in vain, and the loss is
stored. The same is measured with no run stored, and with 1,000 of which none is live. The bar
(1 s) is PERFORMANCE's.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from foredeck.app.joining import join_other
from foredeck.services.domain import clock
from foredeck.services.domain.errors import HostGone
from foredeck.services.domain.records import Project, Run, Step
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.domain.workflow import StepSpec
from foredeck.services.event_bus import EventBus
from foredeck.services.host.commands import CreateCodexRun, CreateProject, StartRun
from foredeck.services.host.interface import Command, Query
from foredeck.services.host.queries import GetSidebar
from foredeck.services.rehearsal.counting import NUMBERS, CountingScript
from foredeck.services.rehearsal.model_server import ModelServer, write_codex_config
from foredeck.services.settings import Settings
from foredeck.services.store import mapping, tables
from foredeck.services.store.store import Store
from foredeck.services.workflow import definition
from foredeck.services.workflow.builtin import four_agents
from tests.benchmarks.bench_start import first_paint
from tests.benchmarks.bench_store import fill, insert
from tests.benchmarks.figures import say, title
from tests.support import records as make
from tests.support.app_server import kill_app_server

R = TypeVar("R")

STORED = 1_000
LIVE = 50
WORKING = 4
_BAR = 1.0
_PATIENCE = 60.0
_PROGRAM = (sys.executable, "-m", "foredeck.app.cli.main")


@dataclass
class Case:
    """A data directory as it is before each opening, and the seconds that each took.

    A usable screen shows the `marker`. `framed` and `usable` are a dashboard's first frame and
    data; `answered` and `obeyed` are a host's first answer and its first command.
    """

    name: str
    root: Path
    marker: bytes
    framed: list[float] = field(default_factory=list)
    usable: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    obeyed: list[float] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.root / "data")

    def environment(self, base_url: str) -> dict[str, str]:
        own = {
            "FOREDECK_CONFIG": str(self.root / "config.toml"),
            "FOREDECK_DATA_DIR": str(self.root / "data"),
            "FOREDECK_WORKSPACES_ROOT": str(self.root / "workspaces"),
            "FOREDECK_CODEX_HOME": str(self.root / "codex"),
            "FOREDECK_BASE_URL": base_url,
            "FOREDECK_REHEARSAL": "true",
            "FOREDECK_HAND_OVER": "false",
            "TERM": "xterm-256color",
        }
        (self.root / "config.toml").touch()
        return {**os.environ, **own}

    def keep(self) -> None:
        """Keep the database for `restore`; a killed host has left some of it in the log."""
        path = self.root / "data" / "foredeck.db"
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        shutil.copy(path, self.root / "kept.db")

    def restore(self) -> None:
        """Put the database back as it was when the host was killed."""
        for path in (self.root / "data").glob("foredeck.db*"):
            path.unlink()
        shutil.copy(self.root / "kept.db", self.root / "data" / "foredeck.db")


async def prepare(case: Case, stored: int, base_url: str) -> None:
    """Make the data directory with so many finished runs."""
    (case.root / "data").mkdir(parents=True)
    write_codex_config(case.root / "codex", base_url)
    store = await Store.open(case.root / "data", EventBus())
    await store.close()
    if stored:
        fill(case.root / "data" / "foredeck.db", stored + 20, 10)
        finish(case.root / "data" / "foredeck.db")


def finish(path: Path) -> None:
    """End the runs that `fill` has left running."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE run SET state = ? WHERE state = ?", ("success", "running"))
    connection.close()


async def begin_turns(case: Case, base_url: str) -> None:
    """Let a host begin real turns, and kill it."""
    host = subprocess.Popen(
        [*_PROGRAM, "serve"], env=case.environment(base_url), stderr=subprocess.DEVNULL
    )
    try:
        for number in range(WORKING):
            project = await do(case, CreateProject(f"working {number}"))
            run = await do(case, CreateCodexRun(project.id, "Count."))
            await do(case, StartRun(run.run_id))
        await until_they_count(case.root / "workspaces")
    finally:
        host.kill()
        host.wait()


def serve(case: Case, base_url: str) -> subprocess.Popen[bytes]:
    environment = case.environment(base_url)
    return subprocess.Popen([*_PROGRAM, "serve"], env=environment, stderr=subprocess.DEVNULL)


async def until_they_count(workspaces: Path) -> None:
    async with asyncio.timeout(_PATIENCE):
        while len(list(workspaces.glob(f"*/{NUMBERS}"))) < WORKING:
            await asyncio.sleep(0.05)


async def do(case: Case, command: Command[R]) -> R:
    """Have the host do something, as soon as it listens."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                async with join_other(case.settings) as joined:
                    return await joined.host.do(command)
            except HostGone:
                await asyncio.sleep(0.005)


async def ask(case: Case, query: Query[R]) -> R:
    """Ask the host, as soon as it listens."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                async with join_other(case.settings) as joined:
                    return await joined.host.ask(query)
            except HostGone:
                await asyncio.sleep(0.005)


def add_lost(case: Case, count: int) -> None:
    """Add runs whose builder works in a turn that is gone."""
    connection = sqlite3.connect(case.root / "data" / "foredeck.db")
    for number in range(count):
        workspace = case.root / "workspaces" / f"left {number}"
        workspace.mkdir(parents=True)
        project = make.project(f"left {number}", workspace=str(workspace))
        insert(connection, tables.PROJECT, [mapping.PROJECTS.to_row(project)])
        add_run(connection, case.root / "data" / "output", project)
    connection.commit()
    connection.close()


def add_run(connection: sqlite3.Connection, outputs: Path, project: Project) -> None:
    """Add a run whose planner is done and whose builder works."""
    spec, now = four_agents(), clock.now()
    run = make.run(
        project,
        definition=definition.to_json(spec),
        title=project.name,
        state=RunState.RUNNING,
        created_at=now,
        started_at=now,
    )
    steps = [make_step(run, place, one) for place, one in enumerate(spec.steps)]
    output = str(outputs / run.id / "builder.1.log")
    attempts = [
        make.attempt(steps[0], state=StepState.SUCCESS, ended_at=now),
        make.attempt(steps[1], output_path=output, started_at=now),
    ]
    job = make.job(
        steps[1],
        state=JobState.IN_PROGRESS,
        workspace=project.workspace,
        output_path=output,
        key="direct-1",
        thread_id=str(uuid.uuid4()),
        turn_id=str(uuid.uuid4()),
        started_at=now,
    )
    insert(connection, tables.RUN, [mapping.RUNS.to_row(run)])
    insert(connection, tables.STEP, [mapping.STEPS.to_row(step) for step in steps])
    insert(connection, tables.ATTEMPT, [mapping.ATTEMPTS.to_row(one) for one in attempts])
    insert(connection, tables.JOB, [mapping.JOBS.to_row(job)])


def make_step(run: Run, place: int, spec: StepSpec) -> Step:
    states = (StepState.SUCCESS, StepState.RUNNING, StepState.PENDING, StepState.PENDING)
    return make.step(
        run,
        spec.id,
        place,
        title=spec.title,
        needs=spec.needs,
        critical=spec.critical,
        state=states[place],
        attempt=int(states[place] is not StepState.PENDING),
        max_attempts=spec.retries.max + 1,
    )


def measure(case: Case, base_url: str) -> None:
    """Open a dashboard, then a host without a screen, each on what the killed host left."""
    environment = case.environment(base_url)
    case.restore()
    framed, usable = first_paint(_PROGRAM, [b"Projects", case.marker], environment)
    case.framed.append(framed)
    case.usable.append(usable)
    case.restore()
    began = time.perf_counter()
    host = serve(case, base_url)
    try:
        asyncio.run(ask(case, GetSidebar()))
        case.answered.append(time.perf_counter() - began)
        asyncio.run(do(case, CreateProject(f"obeyed {len(case.answered)}")))
        case.obeyed.append(time.perf_counter() - began)
    finally:
        host.terminate()
        host.wait()


def report(cases: list[Case]) -> None:
    for case in cases:
        title(case.name)
        for what, times in (
            ("dashboard, first frame", case.framed),
            ("dashboard, runs on the screen", case.usable),
            ("serve, sidebar answered", case.answered),
            ("serve, a command carried out", case.obeyed),
        ):
            print(f"  {what:<46} {shown(times)}")
    title(f"Recovery of {LIVE} live runs")
    empty, _, live = cases
    usable = statistics.median(live.usable)
    say("opening to a usable screen", shown(live.usable), usable, _BAR, " s")
    ratio = usable / statistics.median(empty.usable)
    print(f"  {'÷ opening with nothing stored':<46} {ratio:.2f}")


def shown(times: list[float]) -> str:
    return f"{1000 * statistics.median(times):.0f} ms (best {1000 * min(times):.0f})"


def cases_below(root: Path) -> list[Case]:
    return [
        Case("Nothing stored", root / "empty", b"No projects yet"),
        Case(f"{STORED:,} stored runs, none live", root / "stored", b"Build a thing"),
        Case(f"{STORED:,} stored runs, {LIVE} live", root / "live", b"left "),
    ]


async def build(cases: list[Case], base_url: str) -> None:
    """Make the data directories of the three cases."""
    for case, stored in zip(cases, (0, STORED, STORED - LIVE), strict=True):
        await prepare(case, stored, base_url)
    await begin_turns(cases[2], base_url)
    add_lost(cases[2], LIVE - WORKING)
    for case in cases:
        case.keep()


def main(rounds: int = 5) -> None:
    """Build the cases in a temporary directory, measure them in turn, print."""
    counting = CountingScript(10_000, 0.2)
    with tempfile.TemporaryDirectory() as name, ModelServer(counting, pace=0) as server:
        cases = cases_below(Path(name))
        try:
            asyncio.run(build(cases, server.base_url))
            for _ in range(rounds):
                for case in cases:
                    measure(case, server.base_url)
        finally:
            kill_app_server(cases[2].root / "data")
    report(cases)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
