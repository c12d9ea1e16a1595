"""What happened since a time: runs that ended or wait, due times without a run, reports."""

# Only constants of this module are put together; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from foredeck.services.domain.away import Away, AwayItem, AwayKind
from foredeck.services.store import rows
from foredeck.services.store.codecs import to_microseconds, to_moment
from foredeck.services.store.engine import Link
from foredeck.services.store.fires import more_missed_since

MOST_ITEMS = 50
"""The list holds no more; the counts are of everything."""

# Not by their states: of 100,000 runs a few have ended since.
_ENDED = """
    SELECT r.state, count(*) FROM run r INDEXED BY run_by_end
    WHERE r.ended_at > ? GROUP BY r.state
"""
# What a task did hundreds of times in a night is one line, else it would hide all the rest. With
# one max() SQLite takes the other columns from its row: https://sqlite.org/lang_select.html#bareagg
_ENDED_SO = """
    SELECT max(r.ended_at), r.title, p.name, r.id, r.error, count(*), total(o.made)
    FROM run r INDEXED BY run_by_end
    CROSS JOIN project p ON p.id = r.project_id
    LEFT JOIN execution e ON e.id = r.id
    LEFT JOIN (
        SELECT run_id, count(*) AS made FROM report WHERE created_at > ? GROUP BY run_id
    ) o ON o.run_id = r.id
    WHERE r.ended_at > ? AND r.state IN ({})
    GROUP BY coalesce(e.task_id, r.id), r.state, r.error
    ORDER BY max(r.ended_at) DESC, r.id DESC LIMIT ?
"""
# What a person has to end, in runs that are under way; it began to wait after the time.
_WAITING = """
    SELECT w.at, r.title, p.name, r.id, w.what
    FROM (
        SELECT q.run_id, q.asked_at AS at, q.title AS what, 0 AS place
        FROM question q WHERE q.state = 'open'
        UNION ALL
        SELECT s.run_id, (
            SELECT max(t.at) FROM "transition" t WHERE t.entity_id = s.id AND t.new = 'waiting'
        ), s.reason, 1
        FROM run n CROSS JOIN step s ON s.run_id = n.id AND s.state = 'waiting'
        WHERE n.state IN ('running', 'waiting') AND s.retry_at IS NULL
    ) w
    CROSS JOIN run r ON r.id = w.run_id
    CROSS JOIN project p ON p.id = r.project_id
    WHERE w.at > ? ORDER BY w.at DESC, w.place, r.id
"""
_ODD = "f.at > ? AND f.state IN ('missed', 'failed', 'skipped')"
# One that failed has to be mended; what overlap left out may be much, and was asked for.
_FIRES = f"""
    SELECT f.at, k.name, p.name, f.run_id, f.state, f.reason, max(f.due_at), count(*)
    FROM fire f JOIN task k ON k.id = f.task_id JOIN project p ON p.id = k.project_id
    WHERE {_ODD} GROUP BY f.task_id, f.state, CASE f.state WHEN 'failed' THEN f.reason END
    ORDER BY f.state = 'skipped', f.state = 'missed', f.at DESC, max(f.due_at) DESC LIMIT ?
"""
_FIRE_COUNTS = f"SELECT f.state, count(*) FROM fire f WHERE {_ODD} GROUP BY f.state"
# Those about runs that have ended since stand in the lines of these.
_REPORTS = """
    SELECT o.created_at, o.title, p.name, o.run_id, upper(o.format)
    FROM report o JOIN run r ON r.id = o.run_id JOIN project p ON p.id = r.project_id
    WHERE o.created_at > ? AND (r.ended_at IS NULL OR r.ended_at <= ?)
    ORDER BY o.created_at DESC, o.id LIMIT ?
"""
_STATES = {
    AwayKind.FAILED: ("failed", "partial_success"),
    AwayKind.SUCCEEDED: ("success",),
    AwayKind.CANCELLED: ("cancelled",),
}
_DUE = {
    "failed": AwayKind.DUE_FAILED,
    "missed": AwayKind.MISSED,
    "skipped": AwayKind.SKIPPED,
}


async def away(link: Link, since: datetime, until: datetime) -> Away:
    """Return what happened since a time; `until` is the present."""
    after = to_microseconds(since)
    waiting = _one_each(rows.each(_waiting, await link.rows(_WAITING, (after,))))
    ended = dict(await link.rows(_ENDED, (after,)))
    counts = {
        AwayKind.WAITING: len(waiting),
        AwayKind.REPORT: await _count(link, "report o WHERE o.created_at > ?", after),
        **{kind: sum(ended.get(s, 0) for s in states) for kind, states in _STATES.items()},
        **{_DUE[state]: count for state, count in await link.rows(_FIRE_COUNTS, (after,))},
    }
    items = [
        *waiting[:MOST_ITEMS],
        *await _ended(link, AwayKind.FAILED, after),
        *rows.each(_fire, await link.rows(_FIRES, (after, MOST_ITEMS))),
        *await _the_rest(link, after),
    ]
    counts[AwayKind.MISSED] = counts.get(AwayKind.MISSED, 0) + await more_missed_since(link, after)
    known = tuple((kind, counts[kind]) for kind in AwayKind if counts.get(kind))
    return Away(since, until, known, tuple(items[:MOST_ITEMS]))


async def _the_rest(link: Link, after: int) -> Iterable[AwayItem]:
    found = [
        *await _ended(link, AwayKind.SUCCEEDED, after),
        *await _ended(link, AwayKind.CANCELLED, after),
        *rows.each(_report, await link.rows(_REPORTS, (after, after, MOST_ITEMS))),
    ]
    return sorted(found, key=lambda item: item.at, reverse=True)


async def _ended(link: Link, kind: AwayKind, after: int) -> tuple[AwayItem, ...]:
    states = _STATES[kind]
    sql = _ENDED_SO.format(", ".join("?" * len(states)))

    def item(row: Any) -> AwayItem:
        at, title, project, run_id, error, times, reports = row
        when = to_moment(at)
        return AwayItem(kind, when, title, project, run_id, error, times, int(reports))

    return rows.each(item, await link.rows(sql, (after, after, *states, MOST_ITEMS)))


async def _count(link: Link, of: str, after: int) -> int:
    return int((await link.rows(f"SELECT count(*) FROM {of}", (after,)))[0][0])


def _one_each(items: Iterable[AwayItem]) -> list[AwayItem]:
    """Return the first item of each run."""
    by_run: dict[str | None, AwayItem] = {}
    for item in items:
        by_run.setdefault(item.run_id, item)
    return list(by_run.values())


def _waiting(row: Any) -> AwayItem:
    at, title, project, run_id, what = row
    return AwayItem(AwayKind.WAITING, to_moment(at), title, project, run_id, what)


def _fire(row: Any) -> AwayItem:
    at, task, project, run_id, state, reason, due_at, times = row
    detail = "" if times == 1 else "the last "
    detail += f"due {to_moment(due_at).astimezone():%a %H:%M}"
    detail += f": {reason}" if reason else ""
    return AwayItem(_DUE[state], to_moment(at), task, project, run_id, detail, times)


def _report(row: Any) -> AwayItem:
    at, title, project, run_id, what = row
    return AwayItem(AwayKind.REPORT, to_moment(at), title, project, run_id, what)
