"""A host with a real audit trail, in a real database, for the screen that lists it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from foredeck.services.domain.audit import AuditEntry, AuditRow, AuditVerdict, Severity
from foredeck.services.domain.views import Page
from foredeck.services.event_bus import EventBus
from foredeck.services.host.interface import Query
from foredeck.services.host.queries import ListAudit, VerifyAudit
from foredeck.services.host.query_handlers import StoreQueries
from foredeck.services.host.service import Handler
from foredeck.services.store.store import Store
from tests.support.fake_host import FakeHost, ago

R = TypeVar("R")


@dataclass
class AuditHost(FakeHost):
    """Answers what the store knows of the audit trail from the store."""

    store: Store | None = None
    handlers: dict[type, Handler] = field(default_factory=dict)

    async def ask(self, query: Query[R]) -> R:
        """Answer from the store, everything else from memory."""
        handler = self.handlers.get(type(query))
        if handler is None or "Audit" not in type(query).__name__:
            return await super().ask(query)
        self.asked.append(query)
        await self._pass(type(query))
        return cast("R", await handler(query))

    async def record(self, *entries: AuditEntry) -> None:
        """Add rows to the trail; nobody is told."""
        assert self.store is not None
        async with self.store.transaction("user") as tx:
            for entry in entries:
                tx.audit(entry)


def entry(number: int, severity: Severity = Severity.INFO, **changes: str) -> AuditEntry:
    """Return an entry that can be told from the others."""
    fields = {
        "action": "step.start",
        "resource": "step",
        "resource_id": f"s{number}",
        "description": f"number {number}",
        "run_id": f"run{number % 7}",
    }
    return AuditEntry(**{**fields, **changes}, severity=severity)


@asynccontextmanager
async def audit_host(data: Path, entries: Sequence[AuditEntry] = ()) -> AsyncIterator[AuditHost]:
    """Open a host whose trail has these entries, oldest first."""
    bus = EventBus()
    store = await Store.open(data, bus)
    try:
        host = AuditHost(store=store, handlers=StoreQueries(store, {}).table())
        if entries:
            await host.record(*entries)
        yield host
    finally:
        await store.close()


def tamper(data: Path, statement: str) -> None:
    """Change the trail as somebody would who can write the file."""
    connection = sqlite3.connect(data / "foredeck.db")
    try:
        for name in ("audit_appended", "audit_unchanged", "audit_kept"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        connection.execute(statement)
        connection.commit()
    finally:
        connection.close()


@dataclass
class StillHost(FakeHost):
    """Has these rows, newest first, and this verdict on them; nothing comes meanwhile."""

    rows: tuple[AuditRow, ...] = ()
    verdict: AuditVerdict = field(default_factory=lambda: AuditVerdict(0))

    def _answer(self, query: object) -> object:
        match query:
            case ListAudit():
                found = self.rows if not query.above else ()
                return Page(found, len(found), query.limit, 0)
            case VerifyAudit():
                return self.verdict
            case _:
                return super()._answer(query)


def still_rows() -> tuple[AuditRow, ...]:
    """Return a trail in which something of every severity was done, newest first."""
    acts = (
        ("command.cancel_job", "job", "the dashboard", Severity.INFO, "cancel job j7 done", "", ""),
        (
            *("job.prioritise", "job", "the dashboard", Severity.INFO),
            "job j7 priority normal → high",
            *('{"priority": "normal"}', '{"priority": "high"}'),
        ),
        ("job.lost", "job", "host", Severity.ERROR, "job j6 in_progress → lost", "", ""),
        ("step.retry", "step", "host", Severity.WARNING, "step s2 running → retry: flaky", "", ""),
        ("command.create_run", "run", "a test", Severity.CRITICAL, "create run broke: [/]", "", ""),
        ("run.start", "run", "agent", Severity.INFO, "run r1 created → running", "", ""),
    )
    return tuple(
        AuditRow(
            seq=len(acts) - index,
            at=ago(60 * index),
            action=action,
            resource=resource,
            resource_id=f"{resource[0]}7",
            severity=severity,
            actor=f"ada/{who}",
            trace_id="t1",
            hash=f"{index}c0ffee{index}" * 8,
            description=description,
            before=before,
            after=after,
        )
        for index, (action, resource, who, severity, description, before, after) in enumerate(acts)
    )
