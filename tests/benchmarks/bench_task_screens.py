"""Key to paint on the screens of tasks, of the audit trail and of reports, and at rest.

    python -m tests.benchmarks.bench_task_screens [REST]

The real dashboard with its host in the same process, on a pseudo-terminal of 120×40: over 1,000
tasks, the first with 5,000 executions; over 100,000 rows of the audit trail; over a report of
10,000 events. Then its CPU over REST seconds (20) with 100 scheduled tasks. The bars (60 ms as on
the screen of jobs, 1 % of a core) are PERFORMANCE's. Takes about a minute.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from foredeck.services.domain.audit import AuditEntry
from foredeck.services.domain.schedules import Schedule
from foredeck.services.domain.states import RunState
from foredeck.services.domain.tasks import Execution, Task
from foredeck.services.event_bus import EventBus
from foredeck.services.store import mapping, tables, task_tables
from foredeck.services.store.store import Store
from tests.benchmarks import bench_reports
from tests.benchmarks.bench_job_screen import drain, press
from tests.benchmarks.bench_store import insert
from tests.benchmarks.figures import percentile, say, title
from tests.support import records as make
from tests.support.pty_program import PtyProgram

_SIZE = (120, 40)
_PRESSES = 90
_TASKS, _EXECUTIONS, _ROWS, _EVENTS = 1_000, 5_000, 100_000, 10_000
_SCHEDULED, _REST = 100, 20.0
_KEY_BAR, _IDLE_BAR = 60.0, 0.01
_AT_ONCE = 10_000
_ONCE_A_YEAR = Schedule("0 3 1 1 *")


def task_of(project_id: str, number: int, *, scheduled: bool) -> Task:
    """Return a task; a scheduled one is due in a year."""
    return Task(
        f"task{number:08d}",
        f"task {number}",
        project_id,
        make.MOMENT,
        make.MOMENT,
        prompt="Check {{branch}} and mend what is broken.\n" * 20,
        variables=(("branch", "main"),),
        schedule=_ONCE_A_YEAR if scheduled else None,
        tags=("nightly", "database"),
    )


async def fill(base: Path, tasks: int, executions: int, rows: int, *, scheduled: bool) -> None:
    """Store so many tasks, executions of the latest of them, and rows of the audit trail."""
    project = make.project()
    store = await Store.open(base / "data", EventBus())
    try:
        async with store.transaction("user") as tx:
            await tx.projects.add(project)
            for number in range(tasks):
                await tx.tasks.add(task_of(project.id, number, scheduled=scheduled))
        for first in range(0, rows, _AT_ONCE):
            async with store.transaction("user") as tx:
                for number in range(first, min(rows, first + _AT_ONCE)):
                    tx.audit(AuditEntry("step.start", "step", f"s{number}", f"number {number}"))
    finally:
        await store.close()
    if executions:
        fill_executions(base / "data" / "foredeck.db", project.id, executions)


def fill_executions(path: Path, project_id: str, count: int) -> None:
    """Store ended runs of the latest task."""
    runs, mine = [], []
    for number in range(count):
        at = make.MOMENT + timedelta(seconds=number)
        run = make.run(
            project_id, state=RunState.SUCCESS, created_at=at, started_at=at, ended_at=at
        )
        runs.append(mapping.RUNS.to_row(run))
        execution = Execution(run.id, f"task{_TASKS - 1:08d}", at, (("branch", "main"),))
        mine.append(mapping.EXECUTIONS.to_row(execution))
    connection = sqlite3.connect(path)
    insert(connection, tables.RUN, runs)
    insert(connection, task_tables.EXECUTION, mine)
    connection.execute("UPDATE task SET executions = ? WHERE id = ?", (count, mine[0]["task_id"]))
    connection.commit()
    connection.close()


def walk(base: Path, key: str, shows: str) -> bool:
    """Open a screen by its key, walk through it, and print the times from key to paint."""
    figures = base / "figures.json"
    with PtyProgram("tests.benchmarks.kept_app", str(base), str(figures), size=_SIZE) as program:
        program.read_until("demo", 30.0)
        drain(program, 1.0)
        began = time.monotonic()
        program.send(key)
        program.read_until(shows, 30.0)
        opened = 1000 * (time.monotonic() - began)
        drain(program, 1.0)
        program.send("Z")
        press(program, _PRESSES)
        program.send("Q")
        program.wait(60.0)
    found = json.loads(figures.read_text())
    keys, lags = found["keys"], found["lags"]
    worst = percentile(keys, 0.95)
    figure = f"p50 {percentile(keys, 0.5):.0f}, p95 {worst:.0f} ms ({len(keys)} keys)"
    met = say(f"{key}, there after {opened:.0f} ms", figure, worst, _KEY_BAR, " ms")
    print(f"  {'':<46} loop lag p99 {percentile(lags, 0.99):.0f}, most {max(lags):.0f} ms")
    return met


def idle(base: Path, seconds: float) -> float:
    """Return the share of a core that the dashboard takes while nothing happens."""
    arguments = ("--data-dir", str(base / "data"))
    with PtyProgram("foredeck.app.cli.main", *arguments, size=_SIZE) as program:
        program.read_until("demo", 30.0)
        drain(program, 8.0)  # what begins late, like asking codex for its version, is over then
        before = cpu_of(program.process.pid)
        drain(program, seconds)
        return (cpu_of(program.process.pid) - before) / seconds


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def report_material(base: Path) -> None:
    """Store a run with many events."""
    store = await Store.open(base / "data", EventBus())
    try:
        await bench_reports.fill(store, _EVENTS, base)
    finally:
        await store.close()


def main(rest: float = _REST) -> int:
    """Measure and print; 1 if a bar was missed."""
    met = True
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        asyncio.run(fill(base, _TASKS, _EXECUTIONS, _ROWS, scheduled=False))
        title(f"{_TASKS:,} tasks, {_EXECUTIONS:,} executions, {_ROWS:,} rows of audit, at 120×40")
        met &= walk(base, "T", f"{_TASKS:,} tasks")
        met &= walk(base, "A", "Row ")
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(report_material(Path(name)))
        title(f"A report of {_EVENTS:,} events")
        met &= walk(Path(name), "o", "What went wrong")
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        asyncio.run(fill(base, _SCHEDULED, 0, 0, scheduled=True))
        title(f"At rest for {rest:.0f} s with {_SCHEDULED} scheduled tasks")
        share = idle(base, rest)
        met &= say("CPU of the dashboard", f"{share:.2%} of a core", share, _IDLE_BAR)
    return int(not met)


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:2])))
