"""What work needs to be taken up again after a crash.

`job.key` names what in an attempt asked for the job, so that it is asked for once.
`attempt.continues` is the number of the attempt whose conversation goes on.
"""

from sqlalchemy.engine import Connection

_STATEMENTS = (
    "ALTER TABLE attempt ADD COLUMN continues INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE job ADD COLUMN key TEXT NOT NULL DEFAULT ''",
    "CREATE UNIQUE INDEX job_by_key ON job (step_id, attempt, key) WHERE key <> ''",
    "CREATE INDEX job_by_thread ON job (thread_id) WHERE thread_id IS NOT NULL",
    """
    CREATE INDEX message_by_call ON message (step_id, attempt, role, call_id)
    WHERE call_id <> ''
    """,
)


def upgrade(connection: Connection) -> None:
    """Add the columns and their indexes."""
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
