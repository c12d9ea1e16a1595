"""A glance at what there is, for completion in a shell: quick, and silent about any trouble.

It reads with the standard library alone: SQLAlchemy would take longer than a person who has
pressed Tab waits.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from foredeck.services.store.place import NAME

# More than that no shell shows.
_LIMIT = 100
# How long a locked database is waited for, in seconds.
_PATIENCE = 0.1
_RUNS = """
    SELECT run.id, project.name || ': ' || run.title
    FROM run JOIN project ON project.id = run.project_id
    WHERE run.id >= ? AND run.id < ? ORDER BY run.created_at DESC LIMIT ?
"""
# The states of `domain.states.ACTIVE_RUNS`, in any order; and jobs of their own.
_ACTIVE = """
    SELECT * FROM (
        SELECT id, state FROM run WHERE state IN ('running', 'waiting', 'retry') LIMIT 1
    ) UNION ALL SELECT * FROM (
        SELECT j.id, j.state FROM job j JOIN job_order o ON o.id = j.id
        WHERE j.run_id IS NULL AND j.state IN ('queued', 'in_progress') LIMIT 1
    )
"""
_JOBS = """
    SELECT id, name FROM job WHERE id >= ? AND id < ? ORDER BY created_at DESC LIMIT ?
"""
_REPORTS = """
    SELECT id, format || ': ' || title FROM report
    WHERE id >= ? AND id < ? ORDER BY created_at DESC LIMIT ?
"""
_PROJECTS = """
    SELECT id, name FROM project
    WHERE archived_at IS NULL AND (substr(name, 1, ?) = ? OR id >= ? AND id < ?)
    ORDER BY created_at DESC LIMIT ?
"""

_TASKS = """
    SELECT id, name FROM task
    WHERE deleted_at IS NULL AND (substr(name, 1, ?) = ? OR id >= ? AND id < ?)
    ORDER BY created_at DESC LIMIT ?
"""


def works(data_dir: Path) -> bool:
    """Whether a run or a job is under way; True also where nobody can say: it is better to look."""
    try:
        return bool(_read(data_dir, _ACTIVE, ()))
    except (sqlite3.Error, UnicodeError):
        return True


def runs(data_dir: Path, beginning: str) -> list[tuple[str, str]]:
    """Return the ids that begin so, the newest first, each with what the run is about."""
    return _rows(data_dir, _RUNS, (*_between(beginning), _LIMIT))


def jobs(data_dir: Path, beginning: str) -> list[tuple[str, str]]:
    """Return the ids of jobs that begin so, the newest first, each with its name."""
    return _rows(data_dir, _JOBS, (*_between(beginning), _LIMIT))


def reports(data_dir: Path, beginning: str) -> list[tuple[str, str]]:
    """Return the ids of reports that begin so, the newest first, each with its title."""
    return _rows(data_dir, _REPORTS, (*_between(beginning), _LIMIT))


def projects(data_dir: Path, beginning: str) -> list[tuple[str, str]]:
    """Return id and name of the projects whose name or id begins so, the newest first."""
    named = (len(beginning), beginning)
    return _rows(data_dir, _PROJECTS, (*named, *_between(beginning), _LIMIT))


def tasks(data_dir: Path, beginning: str) -> list[tuple[str, str]]:
    """Return id and name of the tasks whose name or id begins so, the newest first."""
    named = (len(beginning), beginning)
    return _rows(data_dir, _TASKS, (*named, *_between(beginning), _LIMIT))


def _between(beginning: str) -> tuple[str, str]:
    """Return the range of the ids that begin so; they are of ASCII letters and digits."""
    return beginning.lower(), beginning.lower() + "\x7f"


def _rows(data_dir: Path, query: str, values: tuple[object, ...]) -> list[tuple[str, str]]:
    try:
        return _read(data_dir, query, values)
    except (sqlite3.Error, UnicodeError):
        return []


def _read(data_dir: Path, query: str, values: tuple[object, ...]) -> list[tuple[str, str]]:
    address = f"{(data_dir / NAME).absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_PATIENCE)) as database:
        return [(str(name), str(about)) for name, about in database.execute(query, values)]
