"""Questions to a person, and the prompts that a person has queued for codex.

A key is asked once in an attempt of a step, whatever crashes in between; outside a run the
keys are those of codex's threads, which nobody else has.
"""

from sqlalchemy.engine import Connection

_STATEMENTS = (
    """
    CREATE TABLE question (
        id TEXT NOT NULL PRIMARY KEY,
        run_id TEXT REFERENCES run(id),
        step_id TEXT REFERENCES step(id),
        attempt INTEGER NOT NULL,
        job_id TEXT REFERENCES job(id),
        key TEXT NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        asked_at INTEGER NOT NULL,
        answered_at INTEGER,
        answered_by TEXT NOT NULL,
        place TEXT NOT NULL,
        title TEXT NOT NULL,
        reason TEXT NOT NULL,
        choices TEXT NOT NULL,
        answer TEXT NOT NULL,
        comment TEXT NOT NULL,
        details TEXT NOT NULL
    )
    """,
    """
    CREATE UNIQUE INDEX question_of_attempt
        ON question (coalesce(step_id, ''), attempt, key)
    """,
    "CREATE INDEX question_of_run ON question (run_id, asked_at)",
    "CREATE INDEX question_open ON question (asked_at) WHERE state = 'open'",
    "CREATE INDEX question_open_of_run ON question (run_id) WHERE state = 'open'",
    """
    CREATE TABLE follow_up (
        id TEXT NOT NULL PRIMARY KEY,
        run_id TEXT NOT NULL REFERENCES run(id),
        created_at INTEGER NOT NULL,
        delivered_at INTEGER,
        job_id TEXT REFERENCES job(id),
        prompt TEXT NOT NULL
    )
    """,
    "CREATE INDEX follow_up_of_run ON follow_up (run_id, created_at)",
)


def upgrade(connection: Connection) -> None:
    """Make the tables and their indexes."""
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
