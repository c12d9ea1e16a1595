"""The first schema: projects, runs, steps, attempts, jobs, conversations, history.

Times are microseconds since 1970 (UTC). `run_total`, `project_total`, `usage_total` and
`model_usage` are kept by triggers, because counting 100,000 runs takes longer than a screen
may wait; `run_total` has a row per project and state, and one per state for all projects
under the project ''. Tokens are counted where they are used, in jobs and messages of runs;
triggers add every change to the step, the run and `model_usage`, which has a row per model
for each run, for each project and for everything (owner ''). History cannot be changed or
deleted.
"""

from sqlalchemy.engine import Connection

_USAGE = """
    usage_input INTEGER NOT NULL DEFAULT 0,
    usage_cached_input INTEGER NOT NULL DEFAULT 0,
    usage_output INTEGER NOT NULL DEFAULT 0,
    usage_reasoning INTEGER NOT NULL DEFAULT 0,
"""

_TABLES = (
    """
    CREATE TABLE project (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        workspace TEXT NOT NULL UNIQUE,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        archived_at INTEGER,
        settings TEXT NOT NULL,
        description TEXT NOT NULL
    )
    """,
    f"""
    CREATE TABLE run (
        id TEXT NOT NULL PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES project(id),
        workflow TEXT NOT NULL,
        title TEXT NOT NULL,
        "trigger" TEXT NOT NULL,
        mode TEXT NOT NULL,
        state TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        started_at INTEGER,
        ended_at INTEGER,
        current_stage TEXT NOT NULL,
        parent_run_id TEXT REFERENCES run(id),
        {_USAGE}
        error TEXT NOT NULL,
        summary TEXT NOT NULL,
        request TEXT NOT NULL,
        definition TEXT NOT NULL
    )
    """,
    f"""
    CREATE TABLE step (
        id TEXT NOT NULL PRIMARY KEY,
        run_id TEXT NOT NULL REFERENCES run(id),
        key TEXT NOT NULL,
        spec_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        kind TEXT NOT NULL,
        title TEXT NOT NULL,
        needs TEXT NOT NULL,
        critical INTEGER NOT NULL,
        state TEXT NOT NULL,
        round INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        max_attempts INTEGER NOT NULL,
        retry_at INTEGER,
        reason TEXT NOT NULL,
        started_at INTEGER,
        ended_at INTEGER,
        {_USAGE}
        failure TEXT,
        verdict TEXT,
        summary TEXT NOT NULL,
        UNIQUE (run_id, key)
    )
    """,
    f"""
    CREATE TABLE attempt (
        id TEXT NOT NULL PRIMARY KEY,
        step_id TEXT NOT NULL REFERENCES step(id),
        run_id TEXT NOT NULL REFERENCES run(id),
        number INTEGER NOT NULL,
        state TEXT NOT NULL,
        output_path TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        {_USAGE}
        failure TEXT,
        UNIQUE (step_id, number)
    )
    """,
    f"""
    CREATE TABLE job (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        state TEXT NOT NULL,
        run_id TEXT REFERENCES run(id),
        step_id TEXT REFERENCES step(id),
        attempt INTEGER NOT NULL,
        timeout REAL NOT NULL,
        workspace TEXT NOT NULL,
        output_path TEXT NOT NULL,
        thread_id TEXT,
        turn_id TEXT,
        model TEXT NOT NULL,
        exit_code INTEGER,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        queued_at INTEGER,
        started_at INTEGER,
        ended_at INTEGER,
        {_USAGE}
        failure TEXT,
        files_changed TEXT NOT NULL,
        message TEXT NOT NULL,
        prompt TEXT NOT NULL
    )
    """,
    f"""
    CREATE TABLE message (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        run_id TEXT NOT NULL REFERENCES run(id),
        step_id TEXT NOT NULL REFERENCES step(id),
        attempt INTEGER NOT NULL,
        position INTEGER NOT NULL,
        role TEXT NOT NULL,
        at INTEGER NOT NULL,
        model TEXT NOT NULL,
        {_USAGE}
        tool TEXT NOT NULL,
        call_id TEXT NOT NULL,
        duration REAL,
        complete INTEGER NOT NULL,
        arguments TEXT NOT NULL,
        content TEXT NOT NULL,
        UNIQUE (step_id, position)
    )
    """,
    """
    CREATE TABLE session_item (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL,
        item TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE transition (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        entity TEXT NOT NULL,
        entity_id TEXT NOT NULL,
        run_id TEXT REFERENCES run(id),
        old TEXT NOT NULL,
        new TEXT NOT NULL,
        at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        reason TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE run_total (
        project_id TEXT NOT NULL,
        state TEXT NOT NULL,
        total INTEGER NOT NULL,
        PRIMARY KEY (project_id, state)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE project_total (archived INTEGER PRIMARY KEY, total INTEGER NOT NULL)",
    """
    CREATE TABLE usage_total (
        id INTEGER PRIMARY KEY,
        input INTEGER NOT NULL,
        cached_input INTEGER NOT NULL,
        output INTEGER NOT NULL,
        reasoning INTEGER NOT NULL
    )
    """,
    f"""
    CREATE TABLE model_usage (
        owner TEXT NOT NULL,
        model TEXT NOT NULL,
        {_USAGE.rstrip().removesuffix(",")},
        PRIMARY KEY (owner, model)
    ) WITHOUT ROWID
    """,
    "INSERT INTO usage_total VALUES (1, 0, 0, 0, 0)",
    "INSERT INTO project_total VALUES (0, 0), (1, 0)",
)

_INDEXES = (
    "CREATE INDEX project_newest ON project (created_at, id)",
    "CREATE INDEX project_listed ON project ((archived_at IS NOT NULL), created_at, id)",
    "CREATE INDEX project_name ON project (name)",
    "CREATE INDEX run_newest ON run (created_at, id)",
    "CREATE INDEX run_of_project ON run (project_id, created_at, id)",
    "CREATE INDEX run_in_state ON run (state, created_at, id)",
    "CREATE INDEX run_of_project_in_state ON run (project_id, state, created_at, id)",
    "CREATE INDEX run_of_parent ON run (parent_run_id) WHERE parent_run_id IS NOT NULL",
    "CREATE INDEX step_of_run ON step (run_id, position)",
    "CREATE INDEX step_of_run_in_state ON step (run_id, state)",
    "CREATE INDEX attempt_of_run ON attempt (run_id)",
    "CREATE INDEX job_of_run ON job (run_id, created_at)",
    "CREATE INDEX job_of_step ON job (step_id, created_at)",
    "CREATE INDEX job_in_state ON job (state, created_at)",
    "CREATE INDEX message_of_run ON message (run_id)",
    "CREATE INDEX session_item_of_session ON session_item (session_id)",
    "CREATE INDEX transition_of_run ON transition (run_id)",
    "CREATE INDEX transition_of_entity ON transition (entity_id)",
)

_ONE_MORE_RUN = """
    INSERT INTO run_total (project_id, state, total)
    VALUES (NEW.project_id, NEW.state, 1), ('', NEW.state, 1)
    ON CONFLICT (project_id, state) DO UPDATE SET total = total + 1;
"""
_ONE_LESS_RUN = """
    UPDATE run_total SET total = total - 1
    WHERE project_id IN (OLD.project_id, '') AND state = OLD.state;
"""
_USAGE_NAMES = ("input", "cached_input", "output", "reasoning")
_USAGE_COLUMNS = ", ".join(f"usage_{name}" for name in _USAGE_NAMES)

# Only constants of this module are put together.
# ruff: noqa: S608


def _add_usage(plus: str, minus: str | None) -> str:
    sums = (
        f"{name} = {name} + {plus}.usage_{name}" + (f" - {minus}.usage_{name}" if minus else "")
        for name in _USAGE_NAMES
    )
    return f"UPDATE usage_total SET {', '.join(sums)} WHERE id = 1;"


def _sums(plus: str, minus: str | None = None) -> str:
    return ", ".join(
        f"usage_{n} = usage_{n} + {plus}.usage_{n}" + (f" - {minus}.usage_{n}" if minus else "")
        for n in _USAGE_NAMES
    )


def _values(row: str) -> str:
    return ", ".join(f"{row}.usage_{name}" for name in _USAGE_NAMES)


def _upwards(minus: str | None) -> str:
    """Add the tokens of a job or a message to its step and its run."""
    return f"""
        UPDATE step SET {_sums("NEW", minus)} WHERE id = NEW.step_id;
        UPDATE run SET {_sums("NEW", minus)} WHERE id = NEW.run_id;
    """


def _owners(row: str) -> str:
    return f"(SELECT project_id FROM run WHERE id = {row}.run_id)"


def _use_model(row: str) -> str:
    return f"""
        INSERT INTO model_usage (owner, model, {_USAGE_COLUMNS})
        VALUES ({row}.run_id, {row}.model, {_values(row)}),
            ({_owners(row)}, {row}.model, {_values(row)}),
            ('', {row}.model, {_values(row)})
        ON CONFLICT (owner, model) DO UPDATE SET {_sums("excluded")};
    """


def _unuse_model(row: str) -> str:
    less = ", ".join(f"usage_{n} = usage_{n} - {row}.usage_{n}" for n in _USAGE_NAMES)
    return f"""
        UPDATE model_usage SET {less}
        WHERE owner IN ({row}.run_id, {_owners(row)}, '') AND model = {row}.model;
    """


def _some(row: str) -> str:
    return f"({row}.run_id IS NOT NULL AND ({_values(row)}) <> (0, 0, 0, 0))"


def _usage_triggers(table: str) -> tuple[str, ...]:
    """Return what carries the tokens of a job or a message upwards, as they change."""
    return (
        f"""
        CREATE TRIGGER {table}_usage_counted AFTER INSERT ON {table} WHEN {_some("NEW")} BEGIN
            {_upwards(None)} {_use_model("NEW")}
        END
        """,
        f"""
        CREATE TRIGGER {table}_usage_recounted AFTER UPDATE OF model, {_USAGE_COLUMNS} ON {table}
        WHEN {_some("OLD")} OR {_some("NEW")} BEGIN
            {_upwards("OLD")} {_unuse_model("OLD")} {_use_model("NEW")}
        END
        """,
    )


_TRIGGERS = (
    f"""
    CREATE TRIGGER run_counted AFTER INSERT ON run BEGIN
        {_ONE_MORE_RUN} {_add_usage("NEW", None)}
    END
    """,
    f"""
    CREATE TRIGGER run_recounted AFTER UPDATE OF state, project_id ON run BEGIN
        {_ONE_LESS_RUN} {_ONE_MORE_RUN}
    END
    """,
    f"""
    CREATE TRIGGER run_usage_counted AFTER UPDATE OF {_USAGE_COLUMNS} ON run BEGIN
        {_add_usage("NEW", "OLD")}
    END
    """,
    """
    CREATE TRIGGER run_kept BEFORE DELETE ON run BEGIN
        SELECT RAISE(ABORT, 'runs are never deleted');
    END
    """,
    """
    CREATE TRIGGER project_counted AFTER INSERT ON project BEGIN
        UPDATE project_total SET total = total + 1 WHERE archived = (NEW.archived_at IS NOT NULL);
    END
    """,
    """
    CREATE TRIGGER project_recounted AFTER UPDATE OF archived_at ON project BEGIN
        UPDATE project_total SET total = total - 1 WHERE archived = (OLD.archived_at IS NOT NULL);
        UPDATE project_total SET total = total + 1 WHERE archived = (NEW.archived_at IS NOT NULL);
    END
    """,
    """
    CREATE TRIGGER project_kept BEFORE DELETE ON project BEGIN
        SELECT RAISE(ABORT, 'projects are archived, never deleted');
    END
    """,
    """
    CREATE TRIGGER transition_unchanged BEFORE UPDATE ON transition BEGIN
        SELECT RAISE(ABORT, 'history is never changed');
    END
    """,
    """
    CREATE TRIGGER transition_kept BEFORE DELETE ON transition BEGIN
        SELECT RAISE(ABORT, 'history is never deleted');
    END
    """,
    *_usage_triggers("job"),
    *_usage_triggers("message"),
)


def upgrade(connection: Connection) -> None:
    """Make the tables, their indexes and triggers in an empty database."""
    for statement in (*_TABLES, *_INDEXES, *_TRIGGERS):
        connection.exec_driver_sql(statement)
