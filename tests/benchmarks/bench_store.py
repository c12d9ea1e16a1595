"""Every query of the dashboard over 100,000 runs and 500,000 steps, and writing transitions.

Run it with `python -m tests.benchmarks.bench_store [RUNS] [PROJECTS]`. The bar (2 ms for a
query) is PERFORMANCE's; a transition through the store is set against the same statements on a
bare sqlite3 connection with synchronous=FULL in the same run.
"""

import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from foredeck.services.domain.states import RunState, StepState
from foredeck.services.event_bus import EventBus
from foredeck.services.store import mapping, tables
from foredeck.services.store.codecs import to_microseconds
from foredeck.services.store.store import Store
from tests.support import records as make

_BAR_MS = 2.0
_STEPS = 5
_REPEATS = 200
_STATES = [RunState.SUCCESS] * 90 + [RunState.FAILED] * 8 + [RunState.CANCELLED] * 2


def insert(connection: sqlite3.Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    columns = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join("?" * len(names))
    connection.executemany(
        f"INSERT INTO {table.name} ({columns}) VALUES ({marks})",
        [tuple(row[name] for name in names) for row in rows],
    )


def fill(path: Path, runs: int, projects: int) -> str:
    """Fill a database that has its schema; return the id of a run with a conversation."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    owners = [make.project(f"project {n}") for n in range(projects)]
    insert(connection, tables.PROJECT, [mapping.PROJECTS.to_row(owner) for owner in owners])
    definition = json.dumps({"steps": ["x" * 300] * _STEPS})
    start = to_microseconds(make.MOMENT)
    run_row = mapping.RUNS.to_row(
        make.run(owners[0], definition=definition, request="Build it. " * 40)
    )
    step_row = mapping.STEPS.to_row(
        make.step(make.run(owners[0]), state=StepState.SUCCESS, summary="Done well. " * 20)
    )
    attempt_row = mapping.ATTEMPTS.to_row(make.attempt(make.step(make.run(owners[0]))))
    run_id = ""
    for first in range(0, runs, 5000):
        run_rows, step_rows, attempt_rows, moves = [], [], [], []
        for number in range(first, min(runs, first + 5000)):
            run_id = f"{number:012x}"[::-1]
            run_rows.append(
                run_row
                | {
                    "id": run_id,
                    "project_id": owners[number % projects].id,
                    "state": (_STATES[number % 100] if number < runs - 20 else RunState.RUNNING),
                    "created_at": start + number * 1_000_000,
                    "usage_input": 1000,
                }
            )
            for position in range(_STEPS):
                step = {"id": f"{run_id}{position}", "run_id": run_id, "position": position}
                step_rows.append(step_row | step | {"key": f"step{position}"})
                own = {"id": step["id"], "step_id": step["id"], "run_id": run_id}
                attempt_rows.append(attempt_row | own)
            for old, new in (("", "created"), ("created", "running"), ("running", "success")):
                moves.append(
                    {"entity": "run", "entity_id": run_id, "run_id": run_id, "old": old}
                    | {"new": new, "at": start, "actor": "host", "reason": ""}
                )
        insert(connection, tables.RUN, run_rows)
        insert(connection, tables.STEP, step_rows)
        insert(connection, tables.ATTEMPT, attempt_rows)
        insert(connection, tables.TRANSITION, moves)
    owner = make.step(make.run(owners[0], id=run_id), id=f"{run_id}0")
    messages = [
        mapping.MESSAGES.to_row(make.message(owner, "words " * 100, position=n))
        for n in range(1, 41)
    ]
    insert(connection, tables.MESSAGE, messages)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return run_id


async def median_ms(work: Callable[[], Awaitable[Any]], repeats: int = _REPEATS) -> float:
    """Return the median time of `work`, after five runs to warm up."""
    times = []
    for turn in range(repeats + 5):
        began = time.perf_counter()
        await work()
        if turn >= 5:
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


async def bench_queries(store: Store, run_id: str, projects: int, runs: int) -> None:
    queries = store.queries
    project = (await queries.projects(limit=1)).items[0].id
    cases: list[tuple[str, Callable[[], Awaitable[Any]]]] = [
        (f"sidebar, {projects} projects × 20 runs", queries.sidebar),
        ("projects", queries.projects),
        ("project by name", lambda: queries.project("project 1")),
        ("50 latest runs", queries.runs),
        ("50 latest runs of a project", lambda: queries.runs(project)),
        ("50 latest runs that failed", lambda: queries.runs(state="failed")),
        ("those of a project", lambda: queries.runs(project, "failed")),
        ("page 20", lambda: queries.runs(offset=950)),
        ("last page", lambda: queries.runs(offset=runs - 50)),
        ("one run", lambda: queries.run(run_id)),
        ("one run by the start of its id", lambda: queries.run(run_id[:9])),
        ("transcript of 40 messages", lambda: queries.transcript(run_id)),
        ("history", lambda: queries.history(run_id)),
        ("counts over all runs", queries.counts),
        ("tokens of all runs", queries.tokens_total),
        ("tokens of a run by model", lambda: queries.usage_by_model(run_id)),
        ("tokens of all runs by model", queries.usage_by_model_total),
    ]
    print(f"\n{'query':38} {'median ms':>10} {'÷ bar (2 ms)':>13}")
    for name, work in cases:
        took = await median_ms(work)
        print(f"{name:38} {took:10.2f} {took / _BAR_MS:13.2f}")


async def bench_transitions(store: Store, run_id: str, path: Path) -> None:
    step_id = f"{run_id}0"
    async with store.transaction() as tx:
        await tx.move_step(step_id, StepState.PENDING)

    async def move() -> None:
        async with store.transaction() as tx:
            step = await tx.steps.get(step_id)
            waiting = step.state is StepState.WAITING
            await tx.move_step(
                step_id,
                StepState.PENDING if waiting else StepState.WAITING,
                reason="bench",
                summary="b" * (len(step.summary) % 7 + 1),
            )

    bare = sqlite3.connect(path, isolation_level=None)
    bare.execute("PRAGMA synchronous=FULL")

    async def move_bare() -> None:
        bare.execute("BEGIN IMMEDIATE")
        bare.execute("SELECT * FROM step WHERE id = ?", (step_id,)).fetchone()
        bare.execute("UPDATE step SET reason = 'b', summary = 'b' WHERE id = ?", (step_id,))
        bare.execute(
            "INSERT INTO transition (entity, entity_id, run_id, old, new, at, actor, reason)"
            " VALUES ('step', ?, ?, 'a', 'b', 1, 'c', 'd')",
            (step_id, run_id),
        )
        bare.execute("COMMIT")

    ours, theirs = await median_ms(move, 500), await median_ms(move_bare, 500)
    bare.close()
    print(f"\n{'durable transition through the store':38} {ours:10.2f} ms")
    print(f"{'the same on a bare sqlite3 connection':38} {theirs:10.2f} ms")
    print(f"{'ratio':38} {ours / theirs:10.1f}")


async def main(runs: int = 100_000, projects: int = 10) -> None:
    """Build the database in a temporary directory, measure, print."""
    with tempfile.TemporaryDirectory() as name:
        data_dir = Path(name)
        store = await Store.open(data_dir, EventBus())
        await store.close()
        began = time.perf_counter()
        run_id = fill(data_dir / "foredeck.db", runs, projects)
        size = (data_dir / "foredeck.db").stat().st_size / 1e6
        print(
            f"{runs:,} runs, {runs * _STEPS:,} steps, {projects} projects: {size:.0f} MB, "
            f"built in {time.perf_counter() - began:.0f} s"
        )
        began = time.perf_counter()
        store = await Store.open(data_dir, EventBus())
        print(f"opened in {(time.perf_counter() - began) * 1000:.0f} ms")
        try:
            await bench_queries(store, run_id, projects, runs)
            await bench_transitions(store, run_id, data_dir / "foredeck.db")
        finally:
            await store.close()


if __name__ == "__main__":
    asyncio.run(main(*(int(argument) for argument in sys.argv[1:3])))
