"""What a job has cost the machine, and the order in which jobs are listed."""

from sqlalchemy.engine import Connection

_STATEMENTS = (
    "ALTER TABLE job ADD COLUMN cpu_seconds REAL",
    "ALTER TABLE job ADD COLUMN peak_memory INTEGER",
    "CREATE INDEX job_newest ON job (created_at, id)",
)


def upgrade(connection: Connection) -> None:
    """Add the columns, unknown for every job so far, and the index."""
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
