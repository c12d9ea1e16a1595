"""Which workflow files of a project's own folder a person trusts, by their content."""

from sqlalchemy.engine import Connection

_TABLE = """
    CREATE TABLE trusted_workflow (
        project_id TEXT NOT NULL REFERENCES project(id),
        sha256 TEXT NOT NULL,
        path TEXT NOT NULL,
        trusted_at INTEGER NOT NULL,
        PRIMARY KEY (project_id, sha256)
    ) WITHOUT ROWID
"""


def upgrade(connection: Connection) -> None:
    """Make the table."""
    connection.exec_driver_sql(_TABLE)
