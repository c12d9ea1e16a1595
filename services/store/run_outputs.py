"""Whose output is kept, and whose is not any more (SPEC J7)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from foredeck.services.domain import clock
from foredeck.services.domain.audit import AuditEntry
from foredeck.services.domain.states import FINAL_RUNS
from foredeck.services.store.codecs import clean_text, to_microseconds, to_path
from foredeck.services.store.repositories import RunRepository
from foredeck.services.store.repository import marks
from foredeck.services.store.unit import Unit

_DUE = """
    SELECT id FROM run WHERE state IN (%s) AND ended_at < ? AND started_at IS NOT NULL
    AND (output_removed_at IS NULL OR output_removed_at <= ended_at) AND id > ?
    ORDER BY id LIMIT ?
"""
_PATHS = "SELECT output_path FROM attempt WHERE run_id = ?"
_MARKED = "SELECT id FROM run WHERE output_removed_at IS NOT NULL AND id IN (%s)"
# Ids of one statement: SQLite takes no more than 32,766 values (limits.html).
_AT_ONCE = 5000
# So many runs are named in a description.
_NAMED = 5


class RunOutputs:
    """What runs have printed, as far as the database knows of it."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    async def due(self, before: datetime, limit: int, after: str = "") -> list[str]:
        """Return the ids of runs that ended before then and whose output is kept.

        They come by their ids, those behind `after`.
        """
        states = sorted(state.value for state in FINAL_RUNS)
        values = (*states, to_microseconds(before), after, limit)
        return [row[0] for row in await self._unit.link.rows(_DUE % marks(states), values)]

    async def marked(self, ids: Iterable[str]) -> set[str]:
        """Return those of the runs whose output is said to be removed."""
        wanted, found = list(ids), set()
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            found |= {row[0] for row in await self._unit.link.rows(_MARKED % marks(some), some)}
        return found

    async def paths(self, run_id: str) -> list[str]:
        """Return the files that the attempts of a run have printed into."""
        return [
            to_path(row[0]) for row in await self._unit.link.rows(_PATHS, (clean_text(run_id),))
        ]

    async def removed(self, ids: Sequence[str], days: int) -> None:
        """Store that the output of these runs is gone, after so many days."""
        runs = RunRepository(self._unit)
        for run_id in ids:
            run = await runs.get(run_id)
            await runs.save(replace(run, output_removed_at=clock.now()))
        shown = ", ".join(ids[:_NAMED]) + (", …" if len(ids) > _NAMED else "")
        noun = "run" if len(ids) == 1 else "runs"
        ago = "a day ago" if days == 1 else f"{days} days ago"
        self._unit.audit(
            AuditEntry(
                action="run.remove_output",
                resource="run",
                resource_id=ids[0] if len(ids) == 1 else "",
                description=(f"removed the output of {len(ids)} {noun} that ended {ago}: {shown}"),
                after=json.dumps({"runs": list(ids), "days": days}),
            )
        )
