"""Files that people give to projects; their contents are blobs beside the database."""

from sqlalchemy.engine import Connection

_STATEMENTS = (
    """
    CREATE TABLE project_file (
        id TEXT NOT NULL PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES project(id),
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        size INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        uploaded_at INTEGER NOT NULL,
        placed INTEGER NOT NULL,
        metadata TEXT NOT NULL,
        UNIQUE (project_id, name)
    )
    """,
    "CREATE INDEX project_file_newest ON project_file (project_id, uploaded_at DESC, id DESC)",
    "CREATE INDEX project_file_by_content ON project_file (sha256)",
    "CREATE INDEX project_file_unplaced ON project_file (id) WHERE placed = 0",
)


def upgrade(connection: Connection) -> None:
    """Make the table and its indexes."""
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
