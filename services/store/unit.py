"""One unit of work: a connection inside a transaction, and what it will have made true."""

from __future__ import annotations

from foredeck.services.domain import clock
from foredeck.services.domain.audit import AuditEntry
from foredeck.services.domain.events import Event
from foredeck.services.domain.records import EntityKind
from foredeck.services.redaction import Redactor
from foredeck.services.store.audit import TRACE, Traced, Trail
from foredeck.services.store.audited_transitions import entry_of
from foredeck.services.store.codecs import clean_text, to_microseconds
from foredeck.services.store.engine import Link
from foredeck.services.store.known import Known
from foredeck.services.store.tables import TRANSITION
from foredeck.services.store.text import Text

_RECORD = Text.of(
    TRANSITION.insert(),
    ["entity", "entity_id", "run_id", "old", "new", "at", "actor", "reason"],
)


class Unit:
    """What the repositories of one transaction share; `actor` is who does it."""

    def __init__(self, link: Link, actor: str, redactor: Redactor, known: Known) -> None:
        self.link = link
        self.known = known
        self.actor = actor
        self.redactor = redactor
        self.events: list[Event] = []
        self._entries: list[Traced] = []

    def publish(self, event: Event) -> None:
        """Keep an event until the commit."""
        self.events.append(event)

    def audit(self, entry: AuditEntry) -> None:
        """Keep an entry of the audit trail until `seal`, and on whose behalf it is."""
        self._entries.append((entry, TRACE.get()))

    async def seal(self, trail: Trail) -> None:
        """Write the entries of the audit trail: the last thing before the commit."""
        if self._entries:
            await trail.add(self.link, self._entries, self.actor, self.redactor)

    async def record(
        self,
        entity: EntityKind,
        entity_id: str,
        run_id: str | None,
        old: str,
        new: str,
        reason: str = "",
    ) -> None:
        """Add a transition to the history and to the audit trail."""
        self.audit(entry_of(entity, entity_id, run_id or "", str(old), str(new), reason))
        values = {
            "entity": entity.value,
            "entity_id": entity_id,
            "run_id": run_id,
            "old": str(old),
            "new": str(new),
            "at": to_microseconds(clock.now()),
            "actor": clean_text(self.actor),
            "reason": self.redactor.text(clean_text(reason)),
        }
        await self.link.rows(_RECORD.sql, _RECORD.values(values))
