"""Jobs of their own: what was asked for with each, and what people decide for their queue."""

from sqlalchemy.engine import Connection

_STATEMENTS = (
    """
    CREATE TABLE job_order (
        id TEXT NOT NULL PRIMARY KEY REFERENCES job(id),
        project_id TEXT NOT NULL REFERENCES project(id),
        priority TEXT NOT NULL,
        created_by TEXT NOT NULL,
        max_retries INTEGER NOT NULL,
        retry_count INTEGER NOT NULL,
        auto_retry INTEGER NOT NULL,
        merge_stderr INTEGER NOT NULL,
        parent_id TEXT REFERENCES job(id),
        batch_index INTEGER,
        progress REAL NOT NULL,
        trace_id TEXT NOT NULL,
        progress_message TEXT NOT NULL,
        input_file TEXT NOT NULL,
        output_file TEXT NOT NULL,
        description TEXT NOT NULL,
        words TEXT NOT NULL,
        environment TEXT NOT NULL,
        metadata TEXT NOT NULL,
        input_data TEXT NOT NULL,
        children INTEGER,
        stop_after INTEGER,
        cancel_reason TEXT NOT NULL,
        sandbox TEXT,
        memory INTEGER,
        output_removed_at INTEGER
    )
    """,
    "CREATE INDEX job_order_of_project ON job_order (project_id)",
    "CREATE INDEX job_order_of_parent ON job_order (parent_id, batch_index)"
    " WHERE parent_id IS NOT NULL",
    "CREATE INDEX job_order_with_output ON job_order (id)"
    " WHERE output_removed_at IS NULL AND children IS NULL",
    # The queue, and what works: jobs of their own belong to no run.
    "CREATE INDEX job_alone_in_state ON job (state, queued_at) WHERE run_id IS NULL",
    # How long the same command has taken before.
    "CREATE INDEX job_alone_by_name ON job (name, ended_at) WHERE run_id IS NULL",
    """
    CREATE TABLE job_queue (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        paused_at INTEGER,
        job_limit INTEGER
    )
    """,
    "INSERT INTO job_queue (id) VALUES (1)",
)


def upgrade(connection: Connection) -> None:
    """Make the tables; there is one queue, which goes on."""
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
