"""Numbered changes of the schema, each run once, in order, in one transaction.

A released migration is never edited: a new one is added to `MIGRATIONS`, and the database
that the old versions left behind is added to the tests. The number of the last one that ran
is the file's `PRAGMA user_version`.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.engine import Connection

from foredeck.services.store.migrations import (
    m0001_initial,
    m0002_resumed_work,
    m0004_questions,
    m0005_intervention,
    m0006_chat,
    m0007_audit,
    m0008_files,
    m0009_trusted_workflows,
    m0010_job_cost,
    m0011_job_orders,
    m0012_tasks,
)

MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    m0001_initial.upgrade,
    m0002_resumed_work.upgrade,
    m0004_questions.upgrade,
    m0005_intervention.upgrade,
    m0006_chat.upgrade,
    m0007_audit.upgrade,
    m0008_files.upgrade,
    m0009_trusted_workflows.upgrade,
    m0010_job_cost.upgrade,
    m0011_job_orders.upgrade,
    m0012_tasks.upgrade,
)
VERSION = len(MIGRATIONS)
# Marks the file as ours: "FDCK" in ASCII, in PRAGMA application_id.
APPLICATION_ID = 0x4644434B
