"""What all repositories have in common: records in, records out."""

from __future__ import annotations

import json
from collections.abc import Sized
from typing import Any, ClassVar, Generic

from foredeck.services.domain.audit import AuditEntry
from foredeck.services.domain.errors import NotFound
from foredeck.services.store.codecs import clean_text
from foredeck.services.store.finding import by_beginning
from foredeck.services.store.mapping import R, RecordMap
from foredeck.services.store.unit import Unit


def marks(values: Sized) -> str:
    """Return the question marks of so many values."""
    return ", ".join("?" * len(values))


class Repository(Generic[R]):
    """The records of one table, within one transaction."""

    # Set by each repository; a ClassVar cannot name the type variable.
    map: ClassVar[Any]
    # Whether each change is recorded in the audit trail; what has states is, by its moves.
    audited: ClassVar[bool] = False
    # Whether they are looked up so often by their ids that those read last are kept.
    remembered: ClassVar[bool] = False

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._map: RecordMap[R] = self.map

    async def get(self, record_id: str) -> R:
        """Return the record with exactly this id; raises `NotFound`."""
        known: R | None = self._unit.known.get(record_id) if self.remembered else None
        if known is not None and isinstance(known, self._map.record):
            return known
        found = await self._unit.link.rows(self._map.selecting, (clean_text(record_id),))
        if not found:
            raise NotFound(f"There is no {self._map.noun} {record_id}.")
        record = self._map.to_record(found[0])
        if self.remembered:
            self._unit.known.put(record.id, record)
        return record

    async def find(self, ref: str) -> R:
        """Return the record with this id or the only one whose id begins so.

        Raises `NotFound` and `Ambiguous`.
        """
        return await self.get(await by_beginning(self._unit.link, self._map.noun, ref))

    async def _select(
        self, condition: str, *values: Any, order: str = "", limit: int | None = None
    ) -> tuple[R, ...]:
        """Return the records that fit; `condition` and `order` are SQL of ours, never data."""
        text = f"{self._map.selecting_all} WHERE {condition}"
        text += f" ORDER BY {order}" if order else ""
        text += f" LIMIT {limit:d}" if limit is not None else ""
        return tuple(map(self._map.to_record, await self._unit.link.rows(text, values)))

    async def _insert(self, record: R) -> None:
        text = self._map.inserting
        row = self._map.redacted(self._map.to_row(record), self._unit.redactor)
        await self._unit.link.rows(text.sql, text.values(row))
        self._forget(record)
        if self.audited:
            self._audit("create", record.id, {}, row)

    async def _update(self, old: R, new: R) -> None:
        """Write the columns that changed."""
        if changes := self._map.redacted(self._map.changes(old, new), self._unit.redactor):
            text = self._map.updating(tuple(changes))
            await self._unit.link.rows(text.sql, text.values({**changes, "key": old.id}))
            self._forget(old)
            if self.audited:
                before = self._map.to_row(old)
                self._audit("update", old.id, {name: before[name] for name in changes}, changes)

    def _forget(self, record: R) -> None:
        """Let what was written be read anew, as it came to lie in the file."""
        known = self._unit.known
        known.forget(record.id)
        if self._map.counts_usage:
            for owner in ("step_id", "run_id", "conversation_id"):
                known.forget(getattr(record, owner, None))

    def _audit(
        self, verb: str, record_id: str, before: dict[str, Any], after: dict[str, Any]
    ) -> None:
        noun = self._map.noun
        what = f": {', '.join(after)}" if after else ""
        self._unit.audit(
            AuditEntry(
                action=f"{noun}.{verb}",
                resource=noun,
                resource_id=record_id,
                description=f"{noun} {record_id} {verb}d{what}",
                before=json.dumps(before, default=repr) if before else "",
                after=json.dumps(after, default=repr) if after else "",
            )
        )
