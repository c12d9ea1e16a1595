"""The audit trail: complete, in one piece with the changes, and nothing can be changed unseen."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from foredeck.services.domain.audit import AuditEntry, AuditRow, AuditVerdict, Severity
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.event_bus import EventBus
from foredeck.services.store.audit import TRACE, AuditFilter, Trace, digest_of, system_user
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


def put_in_front(connection: sqlite3.Connection, seq: int) -> None:
    copy_to(connection, seq, -seq)


def repeat_at_the_end(connection: sqlite3.Connection, seq: int) -> None:
    copy_to(connection, seq, ROWS + 1)


def copy_to(connection: sqlite3.Connection, seq: int, to: int) -> None:
    connection.execute(
        "INSERT INTO audit SELECT ?, at, action, resource, resource_id, severity, actor, trace_id,"
        ' hash, description, "before", "after" FROM audit WHERE seq = ?',
        (to, seq),
    )


def repeat_behind_the_counter(connection: sqlite3.Connection, seq: int) -> None:
    repeat_at_the_end(connection, seq)
    connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit'", (ROWS,))


def set_the_counter_back(connection: sqlite3.Connection, seq: int) -> None:
    connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit'", (seq - 1,))


def cut_off(connection: sqlite3.Connection, seq: int) -> None:
    connection.execute("DELETE FROM audit WHERE seq >= ?", (seq,))


def swap(connection: sqlite3.Connection, seq: int) -> None:
    exchange(connection, seq, seq % ROWS + 1)


def move_to_the_end(connection: sqlite3.Connection, seq: int) -> None:
    for place in range(seq, ROWS):
        exchange(connection, place, place + 1)
    if seq == ROWS:
        exchange(connection, 1, ROWS)


def exchange(connection: sqlite3.Connection, one: int, other: int) -> None:
    connection.execute("UPDATE audit SET seq = -1 WHERE seq = ?", (one,))
    connection.execute("UPDATE audit SET seq = ? WHERE seq = ?", (one, other))
    connection.execute("UPDATE audit SET seq = ? WHERE seq = -1", (other,))


COLUMNS = (
    *("at", "action", "resource", "resource_id", "severity", "actor"),
    *("trace_id", "hash", "description", "before", "after"),
)
# As SQLite takes them: of any type, text that is no text, and what looks like the old value.
VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(max_size=4),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
)


@st.composite
def changes(draw: st.DrawFn) -> Callable[[sqlite3.Connection, int], None]:
    """One column of one row is given another value, of whatever type."""
    column, value = draw(st.sampled_from(COLUMNS)), draw(VALUES)
    as_text = " AS TEXT)" if isinstance(value, bytes) and draw(st.booleans()) else ""

    def apply(connection: sqlite3.Connection, seq: int) -> None:
        new = f"CAST(?{as_text}" if as_text else "?"
        same = f'"{column}" IS {new} AND typeof("{column}") = typeof({new})'
        changed = connection.execute(
            f'UPDATE audit SET "{column}" = {new} WHERE seq = ? AND NOT ({same})',
            (value, seq, value, value),
        )
        note(f"{column} = {value!r} {as_text}")
        assume(changed.rowcount == 1)

    return apply


OTHER_TAMPERING = [
    change("description", b"number 3"),
    remove,
    remove_and_close_up,
    put_in,
    swap,
    move_to_the_end,
    cut_off,
    repeat_at_the_end,
    repeat_behind_the_counter,
    set_the_counter_back,
    put_in_front,
]


def first_broken(tamper: Callable[[sqlite3.Connection, int], None], seq: int) -> int:
    """Return the first row that is not as it was."""
    if tamper is swap:
        return min(seq, seq % ROWS + 1)
    if tamper is move_to_the_end:
        return seq % ROWS if seq < ROWS else 1
    if tamper in (repeat_at_the_end, repeat_behind_the_counter):
        return ROWS + 1
    return -seq if tamper is put_in_front else seq


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tamper=st.sampled_from(OTHER_TAMPERING) | changes(), seq=st.integers(1, ROWS))
def test_any_tampering_is_found_where_it_begins(
    filled: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tamper: Callable[[sqlite3.Connection, int], None],
    seq: int,
) -> None:
    found = verdict_on(copy_of(filled, tmp_path_factory.mktemp("tampered"), tamper, seq))
    first = first_broken(tamper, seq)
    assert found.broken == first
    assert found.rows == (first - 1 if first > 0 else ROWS)
    assert found.reason


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_is_sealed(filled: Path, tmp_path: Path, column: str) -> None:
    value = "CRITICAL" if column == "severity" else 7 if column == "at" else "other"
    for seq in (1, ROWS // 2, ROWS):
        data = tmp_path / str(seq)
        data.mkdir()
        found = verdict_on(copy_of(filled, data, change(column, value), seq))
        assert (found.broken, found.rows) == (seq, seq - 1)


def test_bytes_in_place_of_a_text_that_reads_like_them(filled: Path, tmp_path: Path) -> None:
    """The seal of a text `b'x'` is not that of the byte x."""
    row = [1, 2, "a", "b", "c", "INFO", "d", "e", "", "b'x'", "", ""]
    assert digest_of("", row) != digest_of("", [b"x" if cell == "b'x'" else cell for cell in row])


def test_what_a_chain_alone_cannot_show(filled: Path, tmp_path: Path) -> None:
    """The end cut off and the counter set back: only a seal kept elsewhere tells."""

    def cut_and_count(connection: sqlite3.Connection, seq: int) -> None:
        cut_off(connection, seq)
        set_the_counter_back(connection, seq)

    before = verdict_on(filled.parent)
    data = tmp_path / "cut"
    data.mkdir()
    found = verdict_on(copy_of(filled, data, cut_and_count, 5))
    assert found.broken is None
    assert (before.rows, found.rows) == (ROWS, 4)
    assert before.tip != found.tip


async def test_it_is_verified_in_parts(store: Store, filled: Path) -> None:
    del filled
    whole, part, rows = await store.queries.verify_audit(), AuditVerdict(0, complete=False), []
    while not part.complete:
        part = await store.queries.verify_audit(part.rows, part.tip, 5)
        rows.append(part.rows)
    assert part == whole
    assert rows == [5, 10, 12]
    wrong = await store.queries.verify_audit(5, "0" * 64, 5)
    assert wrong.broken == 6


Tampering = Callable[[sqlite3.Connection, int], None]


def copy_of(original: Path, data: Path, tamper: Tampering, seq: int) -> Path:
    """Return `data` with a copy of the database in it that somebody has changed."""
    source, copy = sqlite3.connect(original), sqlite3.connect(data / "foredeck.db")
    try:
        source.backup(copy)
        for name in ("audit_appended", "audit_unchanged", "audit_kept"):
            copy.execute(f"DROP TRIGGER {name}")
        copy.execute("PRAGMA ignore_check_constraints = ON")
        tamper(copy, seq)
        copy.commit()
    finally:
        source.close()
        copy.close()
    return data


def verdict_on(data: Path) -> AuditVerdict:
    """Return what `verify` finds, asked by a reader beside whoever has it open."""

    async def verdict() -> AuditVerdict:
        store = await Store.open(data, EventBus(), read_only=True)
        try:
            return await store.queries.verify_audit()
        finally:
            await store.close()

    return asyncio.run(verdict())
