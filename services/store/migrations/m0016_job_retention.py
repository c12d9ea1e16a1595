"""Since when the output of a finished job of its own is no longer kept."""

from sqlalchemy.engine import Connection


def upgrade(connection: Connection) -> None:
    """Add the column, and what finds the jobs whose output is there still."""
    connection.exec_driver_sql("ALTER TABLE job_order ADD COLUMN output_removed_at INTEGER")
    connection.exec_driver_sql(
        "CREATE INDEX job_order_with_output ON job_order (id)"
        " WHERE output_removed_at IS NULL AND children IS NULL"
    )
