"""How much memory a job of its own may hold."""

from sqlalchemy.engine import Connection


def upgrade(connection: Connection) -> None:
    """Add the column; jobs from before have no cap."""
    connection.exec_driver_sql("ALTER TABLE job_order ADD COLUMN memory INTEGER")
