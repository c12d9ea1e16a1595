"""The audit trail: complete, in one piece with the changes, and nothing can be changed unseen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foredeck.services.domain.audit import AuditEntry, AuditRow, AuditVerdict, Severity
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.event_bus import EventBus
from foredeck.services.store.audit import TRACE, AuditFilter, Trace, system_user
from foredeck.services.store.store import Store
from tests.support import records as make

ROWS = 12


async def all_rows(store: Store) -> tuple[AuditRow, ...]:
    return await store.queries.audit_after(0, 1000)


async def test_every_change_has_its_row(store: Store) -> None:
    project = make.project("shop")
    run = make.run(project)
    step, job = make.step(run), make.job()
    async with store.transaction("user") as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
        await tx.steps.add(step)
        await tx.jobs.add(replace(job, run_id=run.id, step_id=step.id, state=JobState.QUEUED))
    async with store.transaction("agent") as tx:
        await tx.move_run(run.id, RunState.RUNNING)
        await tx.move_step(step.id, StepState.RUNNING)
        await tx.move_job(job.id, JobState.IN_PROGRESS)
        await tx.move_job(job.id, JobState.TIMEOUT, reason="too slow")
        await tx.move_step(step.id, StepState.FAILED, reason="too slow")
        await tx.move_run(run.id, RunState.CANCELLED, reason="enough")
    async with store.transaction("user") as tx:
        await tx.projects.save(replace(project, description="sells things"))
    rows = await all_rows(store)
    user = system_user()
    assert [(row.action, row.severity.value, row.actor) for row in rows] == [
        ("project.create", "INFO", f"{user}/user"),
        ("run.create", "INFO", f"{user}/user"),
        ("step.create", "INFO", f"{user}/user"),
        ("job.submit", "INFO", f"{user}/user"),
        ("run.start", "INFO", f"{user}/agent"),
        ("step.start", "INFO", f"{user}/agent"),
        ("job.start", "INFO", f"{user}/agent"),
        ("job.timeout", "ERROR", f"{user}/agent"),
        ("step.end", "ERROR", f"{user}/agent"),
        ("run.cancel", "WARNING", f"{user}/agent"),
        ("project.update", "INFO", f"{user}/user"),
    ]
    assert [row.seq for row in rows] == list(range(1, 12))
    assert json.loads(rows[7].before) == {"state": "in_progress"}
    assert json.loads(rows[7].after) == {"state": "timeout", "reason": "too slow"}
    assert {row.trace_id for row in rows[1:10]} == {run.id}
    assert json.loads(rows[10].before) == {"description": ""}
    assert json.loads(rows[10].after) == {"description": "sells things"}
    assert await store.queries.verify_audit() == AuditVerdict(11, tip=rows[-1].hash)


async def test_a_change_that_is_undone_leaves_no_row(store: Store) -> None:
    async def broken() -> None:
        async with store.transaction() as tx:
            await tx.projects.add(make.project())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    async with store.transaction() as tx:
        await tx.projects.add(make.project())
    assert [row.seq for row in await all_rows(store)] == [1]
    assert (await store.queries.verify_audit()).broken is None


async def test_two_writers_keep_one_chain(store: Store, tmp_path: Path) -> None:
    other = await Store.open(tmp_path / "data", EventBus())
    try:
        for number in range(6):
            async with (store if number % 3 else other).transaction() as tx:
                await tx.projects.add(make.project(f"number {number}"))
    finally:
        await other.close()
    verdict = await store.queries.verify_audit()
    assert (verdict.rows, verdict.broken) == (6, None)


async def test_a_trace_links_what_a_command_sets_going(store: Store) -> None:
    token = TRACE.set(Trace("trace-1", "the dashboard"))
    try:
        async with store.transaction("user") as tx:
            await tx.projects.add(make.project())
    finally:
        TRACE.reset(token)
    (row,) = await all_rows(store)
    assert (row.trace_id, row.actor) == ("trace-1", f"{system_user()}/the dashboard")


async def test_secrets_are_kept_out(store: Store) -> None:
    store.redactor.learn(["s3cret-value"])
    entry = AuditEntry("a.b", "a", "1", "say s3cret-value", after=json.dumps({"x": "s3cret-value"}))
    async with store.transaction() as tx:
        tx.audit(entry)
    (row,) = await all_rows(store)
    assert (row.description, json.loads(row.after)) == ("say [redacted]", {"x": "[redacted]"})
    assert (await store.queries.verify_audit()).broken is None


async def test_rows_are_found_by_what_they_are_about(store: Store) -> None:
    entries = [
        AuditEntry("run.start", "run", "abc1", "one"),
        AuditEntry("run.end", "run", "abd2", "two", Severity.ERROR),
        AuditEntry("runner.x", "runner", "zzz", "three"),
    ]
    async with store.transaction() as tx:
        for entry in entries:
            tx.audit(entry)

    async def found(wanted: AuditFilter) -> list[str]:
        return [row.description for row in (await store.queries.audit(wanted)).items]

    assert await found(AuditFilter()) == ["three", "two", "one"]
    assert await found(AuditFilter(action="run")) == ["two", "one"]
    assert await found(AuditFilter(action="run.end")) == ["two"]
    assert await found(AuditFilter(resource="abc")) == ["one"]
    assert await found(AuditFilter(resource="run:abd")) == ["two"]
    assert await found(AuditFilter(resource="run")) == ["two", "one"]
    assert await found(AuditFilter(severity=Severity.ERROR)) == ["two"]
    assert await found(AuditFilter(since=2**60)) == []
    page = await store.queries.audit(AuditFilter(), limit=1, offset=1)
    assert ([row.description for row in page.items], page.total) == (["two"], 3)


@pytest.fixture
async def filled(store: Store, tmp_path: Path) -> Path:
    async with store.transaction() as tx:
        for number in range(ROWS):
            tx.audit(AuditEntry("a.b", "a", str(number), f"number {number}"))
    return tmp_path / "data" / "foredeck.db"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET description = 'x' WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 3",
        "INSERT INTO audit SELECT 20, at, action, resource, resource_id, severity, actor,"
        ' trace_id, hash, description, "before", "after" FROM audit WHERE seq = 3',
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 3",
    ],
)
async def test_the_table_refuses_every_other_change(filled: Path, statement: str) -> None:
    connection = sqlite3.connect(filled)
    with pytest.raises(sqlite3.IntegrityError, match="audit trail is"):
        connection.execute(statement)
    connection.close()


def change(column: str, value: object) -> Callable[[sqlite3.Connection, int], None]:
    def apply(connection: sqlite3.Connection, seq: int) -> None:
        connection.execute(f'UPDATE audit SET "{column}" = ? WHERE seq = ?', (value, seq))

    return apply


def remove(connection: sqlite3.Connection, seq: int) -> None:
    connection.execute("DELETE FROM audit WHERE seq = ?", (seq,))


def remove_and_close_up(connection: sqlite3.Connection, seq: int) -> None:
    remove(connection, seq)
    connection.execute("UPDATE audit SET seq = -seq WHERE seq > ?", (seq,))
    connection.execute("UPDATE audit SET seq = -seq - 1 WHERE seq < 0")


def put_in(connection: sqlite3.Connection, seq: int) -> None:
    connection.execute("UPDATE audit SET seq = -seq WHERE seq >= ?", (seq,))
    connection.execute("UPDATE audit SET seq = -seq + 1 WHERE seq < 0")
    connection.execute(
        "INSERT INTO audit SELECT ?, at, action, resource, resource_id, severity, actor, trace_id,"
        ' hash, \'forged\', "before", "after" FROM audit WHERE seq <> ? LIMIT 1',
        (seq, seq),
    )


def swap(connection: sqlite3.Connection, seq: int) -> None:
    other = seq % ROWS + 1
    connection.execute("UPDATE audit SET seq = -1 WHERE seq = ?", (seq,))
    connection.execute("UPDATE audit SET seq = ? WHERE seq = ?", (seq, other))
    connection.execute("UPDATE audit SET seq = ? WHERE seq = -1", (other,))


TAMPERING = [
    *(
        change(column, value)
        for column, value in (
            ("description", "x"),
            ("before", "{}"),
            ("after", "{}"),
            ("actor", "eve"),
            ("severity", "CRITICAL"),
            ("action", "a.c"),
            ("at", 1),
            ("at", b"1"),
            ("hash", "0" * 64),
            ("trace_id", "t"),
            ("resource_id", "99"),
        )
    ),
    remove,
    remove_and_close_up,
    put_in,
    swap,
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tamper=st.sampled_from(TAMPERING), seq=st.integers(1, ROWS))
def test_any_tampering_is_found_where_it_begins(
    filled: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tamper: Callable[[sqlite3.Connection, int], None],
    seq: int,
) -> None:
    import asyncio

    data = tmp_path_factory.mktemp("tampered")
    source, copy = sqlite3.connect(filled), sqlite3.connect(data / "foredeck.db")
    source.backup(copy)
    source.close()
    for name in ("audit_appended", "audit_unchanged", "audit_kept"):
        copy.execute(f"DROP TRIGGER {name}")
    tamper(copy, seq)
    copy.commit()
    copy.close()

    async def verdict() -> AuditVerdict:
        store = await Store.open(data, EventBus(), read_only=True)
        try:
            return await store.queries.verify_audit()
        finally:
            await store.close()

    found = asyncio.run(verdict())
    first = min(seq, seq % ROWS + 1) if tamper is swap else seq
    assert found.broken == first
    assert found.rows == first - 1
    assert found.reason
