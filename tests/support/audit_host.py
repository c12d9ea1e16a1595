"""A host with a real audit trail, in a real database, for the screen that lists it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from foredeck.services.domain.audit import AuditEntry, Severity
from foredeck.services.event_bus import EventBus
from foredeck.services.host.interface import Query
from foredeck.services.host.query_handlers import StoreQueries
from foredeck.services.host.service import Handler
from foredeck.services.store.store import Store
from tests.support.fake_host import FakeHost

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
