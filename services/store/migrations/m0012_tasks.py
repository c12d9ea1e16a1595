"""Tasks and their schedules, reports, notifications, and what is gone of a run's output."""

from sqlalchemy.engine import Connection

_STATEMENTS = (
    """
    CREATE TABLE task (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        project_id TEXT NOT NULL REFERENCES project(id),
        workflow TEXT NOT NULL,
        active INTEGER NOT NULL,
        public INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        deleted_at INTEGER,
        last_executed_at INTEGER,
        next_at INTEGER,
        executions INTEGER NOT NULL,
        successes INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        report INTEGER NOT NULL,
        report_format TEXT NOT NULL,
        tags TEXT NOT NULL,
        notify TEXT,
        schedule TEXT,
        options TEXT NOT NULL,
        allowed_tools TEXT,
        disallowed_tools TEXT NOT NULL,
        directory TEXT NOT NULL,
        variables TEXT NOT NULL,
        metadata TEXT NOT NULL,
        description TEXT NOT NULL,
        prompt TEXT NOT NULL
    )
    """,
    # What people see and name; a deleted one gives its name free.
    "CREATE UNIQUE INDEX task_name ON task (name) WHERE deleted_at IS NULL",
    "CREATE INDEX task_due ON task (next_at) WHERE next_at IS NOT NULL",
    """
    CREATE TABLE execution (
        id TEXT NOT NULL PRIMARY KEY REFERENCES run(id),
        task_id TEXT NOT NULL REFERENCES task(id),
        created_at INTEGER NOT NULL,
        due_at INTEGER,
        counted TEXT NOT NULL,
        report_format TEXT,
        notify TEXT,
        reported_at INTEGER,
        warnings TEXT NOT NULL,
        variables TEXT NOT NULL
    )
    """,
    "CREATE INDEX execution_of_task ON execution (task_id, created_at)",
    """
    CREATE TABLE fire (
        id TEXT NOT NULL PRIMARY KEY,
        task_id TEXT NOT NULL REFERENCES task(id),
        due_at INTEGER NOT NULL,
        at INTEGER NOT NULL,
        state TEXT NOT NULL,
        run_id TEXT REFERENCES run(id),
        reason TEXT NOT NULL
    )
    """,
    # No moment of a schedule is ever answered twice.
    "CREATE UNIQUE INDEX fire_of_task ON fire (task_id, due_at)",
    "CREATE INDEX fire_queued ON fire (due_at) WHERE state = 'queued'",
    "CREATE INDEX fire_by_time ON fire (at)",
    """
    CREATE TABLE scheduler (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        paused_at INTEGER
    )
    """,
    "INSERT INTO scheduler (id) VALUES (1)",
    """
    CREATE TABLE report (
        id TEXT NOT NULL PRIMARY KEY,
        run_id TEXT NOT NULL REFERENCES run(id),
        format TEXT NOT NULL,
        automatic INTEGER NOT NULL,
        size INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        path TEXT NOT NULL,
        title TEXT NOT NULL
    )
    """,
    "CREATE INDEX report_of_run ON report (run_id, created_at)",
    "CREATE INDEX report_by_time ON report (created_at)",
    """
    CREATE TABLE notification (
        id TEXT NOT NULL PRIMARY KEY,
        transition_id INTEGER,
        run_id TEXT REFERENCES run(id),
        cause TEXT NOT NULL,
        at INTEGER NOT NULL,
        title TEXT NOT NULL,
        text TEXT NOT NULL,
        fire_id TEXT REFERENCES fire(id),
        CHECK ((fire_id IS NULL) = (run_id IS NOT NULL AND transition_id IS NOT NULL))
    )
    """,
    # No transition is told twice, and no due time.
    "CREATE UNIQUE INDEX notification_of_transition ON notification (transition_id)",
    "CREATE UNIQUE INDEX notification_of_fire ON notification (fire_id) WHERE fire_id IS NOT NULL",
    "CREATE INDEX notification_by_time ON notification (at)",
    """
    CREATE TABLE delivery (
        id TEXT NOT NULL PRIMARY KEY,
        notification_id TEXT NOT NULL REFERENCES notification(id),
        channel TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        next_at INTEGER,
        error TEXT NOT NULL
    )
    """,
    "CREATE INDEX delivery_pending ON delivery (next_at) WHERE next_at IS NOT NULL",
    "CREATE INDEX delivery_of_notification ON delivery (notification_id)",
    # How far the transitions have been looked through, and when a dashboard was last open.
    """
    CREATE TABLE attention (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        transition_id INTEGER NOT NULL,
        seen_at INTEGER
    )
    """,
    'INSERT INTO attention (id, transition_id) SELECT 1, coalesce(max(id), 0) FROM "transition"',
    # What ended while no dashboard was open.
    "CREATE INDEX run_by_end ON run (ended_at) WHERE ended_at IS NOT NULL",
    # Whether it was told already that a run waits.
    "CREATE INDEX notification_of_run ON notification (run_id, transition_id)",
    "ALTER TABLE run ADD COLUMN output_removed_at INTEGER",
)


def upgrade(connection: Connection) -> None:
    """Make the tables; what happened before is not told again."""
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
