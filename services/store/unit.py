"""One unit of work: a connection inside a transaction, and what it will have made true."""

from __future__ import annotations

from foredeck.services.domain import clock
from foredeck.services.domain.events import Event
from foredeck.services.domain.records import EntityKind
from foredeck.services.store.codecs import clean_text, to_microseconds
from foredeck.services.store.engine import Link
from foredeck.services.store.tables import TRANSITION


class Unit:
    """What the repositories of one transaction share; `actor` is who does it."""

    def __init__(self, link: Link, actor: str) -> None:
        self.link = link
        self.actor = actor
        self.events: list[Event] = []

    def publish(self, event: Event) -> None:
        """Keep an event until the commit."""
        self.events.append(event)

    async def record(
        self,
        entity: EntityKind,
        entity_id: str,
        run_id: str | None,
        old: str,
        new: str,
        reason: str = "",
    ) -> None:
        """Add a transition to the history."""
        await self.link.run(
            TRANSITION.insert().values(
                entity=entity.value,
                entity_id=entity_id,
                run_id=run_id,
                old=old,
                new=new,
                at=to_microseconds(clock.now()),
                actor=clean_text(self.actor),
                reason=clean_text(reason),
            )
        )
