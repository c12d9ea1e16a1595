"""The audit trail: only ever added to, in the order of its numbers."""

from __future__ import annotations

from sqlalchemy.engine import Connection

# AUTOINCREMENT remembers the highest number, so that rows missing at the end show.
_STATEMENTS = (
    """
    CREATE TABLE audit (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        action TEXT NOT NULL,
        resource TEXT NOT NULL,
        resource_id TEXT NOT NULL,
        severity TEXT NOT NULL CHECK (severity IN ('INFO', 'WARNING', 'ERROR', 'CRITICAL')),
        actor TEXT NOT NULL,
        trace_id TEXT NOT NULL,
        hash TEXT NOT NULL,
        description TEXT NOT NULL,
        "before" TEXT NOT NULL,
        "after" TEXT NOT NULL
    )
    """,
    """
    CREATE TRIGGER audit_appended BEFORE INSERT ON audit
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit) BEGIN
        SELECT RAISE(ABORT, 'the audit trail is only added to at its end');
    END
    """,
    """
    CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit BEGIN
        SELECT RAISE(ABORT, 'the audit trail is never changed');
    END
    """,
    """
    CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN
        SELECT RAISE(ABORT, 'the audit trail is never deleted');
    END
    """,
)


def upgrade(connection: Connection) -> None:
    """Make the table and what keeps it from being changed."""
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
