"""In which of codex's sandboxes a job of its own runs."""

from sqlalchemy.engine import Connection


def upgrade(connection: Connection) -> None:
    """Add the column; the jobs that are there run without one."""
    connection.exec_driver_sql("ALTER TABLE job_order ADD COLUMN sandbox TEXT")
