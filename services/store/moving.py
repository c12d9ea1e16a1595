"""What has to be stored anew when the data directory has come from elsewhere."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from foredeck.services.domain.notices import DeliveryState
from foredeck.services.store.codecs import to_microseconds
from foredeck.services.store.unit import Unit

# Where absolute paths into the data directory are stored; those of reports are relative.
_PLACES = (("attempt", "output_path"), ("job", "output_path"))
_RUNS_LEFT_OUT = "UPDATE run SET output_removed_at = ? WHERE started_at IS NOT NULL"
_JOBS_LEFT_OUT = "UPDATE job_order SET output_removed_at = ? WHERE children IS NULL"
_PAUSE_SCHEDULES = "UPDATE scheduler SET paused_at = ? WHERE paused_at IS NULL"
_NOT_TOLD = 'UPDATE attention SET transition_id = (SELECT coalesce(max(id), 0) FROM "transition")'
_NOT_SENT = "UPDATE delivery SET state = ?, next_at = NULL, error = ? WHERE next_at IS NOT NULL"
_PAUSE_JOBS = "UPDATE job_queue SET paused_at = ? WHERE paused_at IS NULL"


class Moving:
    """Changes of many rows at once, which no record's history tells: the audit trail does."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    async def to(self, old: Path, new: Path) -> None:
        """Let the paths below one directory be below another one from now on."""
        if old == new:
            return
        before, after = f"{old}/", f"{new}/"
        for table, column in _PLACES:
            await self._unit.link.rows(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
                f"WHERE substr({column}, 1, ?) = ?",
                (after, len(before) + 1, len(before), before),
            )
        # The directory of a codex run stands in its definition, which is JSON.
        was, will_be = (f'"log_dir":{json.dumps(str(path))[:-1]}/' for path in (old, new))
        await self._unit.link.rows(
            "UPDATE run SET definition = replace(definition, ?, ?) WHERE instr(definition, ?) > 0",
            (was, will_be, was),
        )
        self._unit.known.clear()

    async def without_output(self, moment: datetime) -> None:
        """Store that what everything had printed by then is not there any more."""
        for statement in (_RUNS_LEFT_OUT, _JOBS_LEFT_OUT):
            await self._unit.link.rows(statement, (to_microseconds(moment),))
        self._unit.known.clear()

    async def pause(self, moment: datetime) -> None:
        """Let the queue of jobs and the schedules start nothing until a person says so."""
        for statement in (_PAUSE_JOBS, _PAUSE_SCHEDULES):
            await self._unit.link.rows(statement, (to_microseconds(moment),))

    async def tell_nobody(self, reason: str) -> None:
        """Let nothing of what happened so far be told to anybody from now on."""
        await self._unit.link.rows(_NOT_TOLD)
        await self._unit.link.rows(_NOT_SENT, (DeliveryState.WITHDRAWN.value, reason))
        self._unit.known.clear()
