"""What became of the due times of schedules, and whether they are paused; and its queries."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from foredeck.services.domain.audit import AuditEntry, Severity
from foredeck.services.domain.events import ScheduleChanged
from foredeck.services.domain.schedules import (
    MORE_MISSED,
    Fire,
    FireRow,
    FireState,
    ScheduleBoard,
    count_more_missed,
)
from foredeck.services.domain.views import Page
from foredeck.services.store import mapping
from foredeck.services.store.codecs import to_microseconds, to_moment, to_optional_moment
from foredeck.services.store.engine import Link
from foredeck.services.store.repository import Repository
from foredeck.services.store.unit import Unit

_DAY = timedelta(days=1)
_PAUSED = "SELECT paused_at FROM scheduler WHERE id = 1"
_PAUSE = "UPDATE scheduler SET paused_at = ? WHERE id = 1"
_ANSWERED = "SELECT due_at FROM fire WHERE task_id = ? AND due_at >= ?"

_ROWS = """
    SELECT f.id, f.task_id, t.name, f.due_at, f.at, f.state, f.run_id, f.reason
    FROM fire f JOIN task t ON t.id = f.task_id WHERE {} ORDER BY {} LIMIT ? OFFSET ?
"""
_COUNT = "SELECT count(*) FROM fire f WHERE {}"
# One that was made up for late has a reason.
_ODD = "(f.state <> 'started' OR f.reason <> '')"
_NEXT = """
    SELECT id, name, next_at FROM task WHERE next_at IS NOT NULL ORDER BY next_at, id LIMIT 1
"""
_SCHEDULED = "SELECT count(*) FROM task WHERE next_at IS NOT NULL"
_QUEUED = "SELECT count(*) FROM fire WHERE state = 'queued'"
_MORE_MISSED = """
    SELECT reason FROM fire WHERE at > ? AND state = 'missed' AND instr(reason, ?) > 0
"""
_BECAME = "SELECT count(*) FROM fire WHERE at > ? AND state = ?"


class FireRepository(Repository[Fire]):
    """The due times that were answered; there is one at most for each of a task."""

    map = mapping.FIRES

    async def add(self, fire: Fire) -> None:
        """Store what became of a due time; what did not simply start is audited."""
        await self._insert(fire)
        self._tell(fire)

    async def save(self, fire: Fire) -> None:
        """Store what has become of one that was queued."""
        await self._update(await self.get(fire.id), fire)
        self._tell(fire)

    async def queued(self, task_id: str | None = None) -> tuple[Fire, ...]:
        """Return those that wait, of one task or of all, the earliest first."""
        if task_id is None:
            return await self._select("state = 'queued'", order="due_at, id")
        return await self._select("state = 'queued' AND task_id = ?", task_id, order="due_at, id")

    async def answered(self, task_id: str, since: datetime) -> frozenset[datetime]:
        """Return the moments of a task from `since` on that are answered already."""
        found = await self._unit.link.rows(_ANSWERED, (task_id, to_microseconds(since)))
        return frozenset(to_moment(row[0]) for row in found)

    async def before(self, fire: Fire) -> Fire | None:
        """Return what became of the due time of the task before this one."""
        found = await self._select(
            "task_id = ? AND due_at < ?",
            fire.task_id,
            to_microseconds(fire.due_at),
            order="due_at DESC",
            limit=1,
        )
        return found[0] if found else None

    def _tell(self, fire: Fire) -> None:
        self._unit.publish(ScheduleChanged(task_id=fire.task_id))
        if fire.state is FireState.STARTED and not fire.reason:
            return  # the run tells it
        bad = fire.state in (FireState.MISSED, FireState.FAILED)
        self._unit.audit(
            AuditEntry(
                action=f"schedule.{fire.state.value}",
                resource="task",
                resource_id=fire.task_id,
                description=f"due at {fire.due_at.isoformat()}: {fire.state.value}. {fire.reason}",
                severity=Severity.WARNING if bad else Severity.INFO,
                after=json.dumps({"due_at": fire.due_at.isoformat(), "run_id": fire.run_id}),
                run_id=fire.run_id or "",
            )
        )


class SchedulerRow:
    """Whether a person has paused all schedules."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    async def paused_at(self) -> datetime | None:
        """Return since when they are paused, None if they are not."""
        return await _paused_at(self._unit.link)

    async def pause(self, at: datetime | None) -> None:
        """Pause them, or let them go on with None."""
        before = await self.paused_at()
        value = None if at is None else to_microseconds(at)
        await self._unit.link.rows(_PAUSE, (value,))
        self._unit.publish(ScheduleChanged())
        verb = "resume" if at is None else "pause"
        self._unit.audit(
            AuditEntry(
                action=f"scheduler.{verb}",
                resource="scheduler",
                resource_id="",
                description=f"all schedules: {verb}",
                before=json.dumps({"paused_at": before.isoformat() if before else None}),
                after=json.dumps({"paused_at": at.isoformat() if at else None}),
            )
        )


async def page(
    link: Link, task_id: str | None, limit: int, offset: int, *, odd: bool
) -> Page[FireRow]:
    """Return due times that were answered, of one task or of all, the latest first."""
    conditions = ["f.task_id = ?"] if task_id else ["f.at > -1"]
    conditions += [_ODD] if odd else []
    condition = " AND ".join(conditions)
    order = "f.due_at DESC" if task_id else "f.at DESC, f.due_at DESC, f.id"
    whose = (task_id,) if task_id else ()
    found = await link.rows(_ROWS.format(condition, order), (*whose, limit, offset))
    total = (await link.rows(_COUNT.format(condition), whose))[0][0]
    return Page(tuple(map(_row, found)), total, limit, offset)


async def board(link: Link, now: datetime) -> ScheduleBoard:
    """Return how the schedules stand; whether a host starts them, the store does not know."""
    soonest, day = await link.rows(_NEXT), to_microseconds(now - _DAY)
    task_id, name, next_at = soonest[0] if soonest else ("", "", None)
    return ScheduleBoard(
        paused_at=await _paused_at(link),
        scheduled=await _number(link, _SCHEDULED),
        next_task_id=task_id,
        next_task_name=name,
        next_at=to_optional_moment(next_at),
        missed=await _number(link, _BECAME, day, FireState.MISSED.value)
        + await more_missed_since(link, day),
        failed=await _number(link, _BECAME, day, FireState.FAILED.value),
        queued=await _number(link, _QUEUED),
    )


async def more_missed_since(link: Link, at: int) -> int:
    """Return how many due times without a row were found to be missed after a time (µs)."""
    found = await link.rows(_MORE_MISSED, (at, MORE_MISSED))
    return sum(count_more_missed(row[0]) for row in found)


async def _paused_at(link: Link) -> datetime | None:
    return to_optional_moment((await link.rows(_PAUSED))[0][0])


async def _number(link: Link, text: str, *values: Any) -> int:
    return int((await link.rows(text, values))[0][0])


def _row(row: Any) -> FireRow:
    identity, task_id, name, due_at, at, state, run_id, reason = row
    return FireRow(
        identity, task_id, name, to_moment(due_at), to_moment(at), FireState(state), run_id, reason
    )
