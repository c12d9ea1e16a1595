"""Conversations with one agent about a project or a run.

The tokens of a message are added to its conversation, to the model's tokens of the project
and of everything, and to the grand total; a run's own tokens are those of its steps alone.
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

# Only constants of this module are put together.
# ruff: noqa: S608

_NAMES = ("input", "cached_input", "output", "reasoning")
_USAGE = "".join(f"usage_{name} INTEGER NOT NULL DEFAULT 0,\n" for name in _NAMES)
_COLUMNS = ", ".join(f"usage_{name}" for name in _NAMES)
_OWNER = "(SELECT project_id FROM conversation WHERE id = {row}.conversation_id)"

_TABLES = (
    f"""
    CREATE TABLE conversation (
        id TEXT NOT NULL PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES project(id),
        run_id TEXT REFERENCES run(id),
        agent TEXT NOT NULL,
        mode TEXT NOT NULL,
        thread_id TEXT,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        {_USAGE}
        title TEXT NOT NULL
    )
    """,
    f"""
    CREATE TABLE chat_message (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        conversation_id TEXT NOT NULL REFERENCES conversation(id),
        role TEXT NOT NULL,
        state TEXT NOT NULL,
        at INTEGER NOT NULL,
        model TEXT NOT NULL,
        {_USAGE}
        tool TEXT NOT NULL,
        call_id TEXT NOT NULL,
        duration REAL,
        turn_id TEXT,
        arguments TEXT NOT NULL,
        content TEXT NOT NULL
    )
    """,
    "CREATE INDEX conversation_of_project ON conversation (project_id, updated_at)",
    "CREATE INDEX conversation_of_run ON conversation (run_id, updated_at)",
    "CREATE INDEX conversation_latest ON conversation (updated_at, id)",
    "CREATE INDEX chat_message_of_conversation ON chat_message (conversation_id)",
    "CREATE INDEX chat_message_growing ON chat_message (state) WHERE state = 'growing'",
)


def _sums(row: str, sign: str, *, prefix: str = "usage_") -> str:
    return ", ".join(
        f"{prefix}{name} = {prefix}{name} {sign} {row}.usage_{name}" for name in _NAMES
    )


def _values(row: str) -> str:
    return ", ".join(f"{row}.usage_{name}" for name in _NAMES)


def _count(row: str) -> str:
    return f"""
        UPDATE conversation SET {_sums(row, "+")} WHERE id = {row}.conversation_id;
        UPDATE usage_total SET {_sums(row, "+", prefix="")} WHERE id = 1;
        INSERT INTO model_usage (owner, model, {_COLUMNS})
        VALUES ({_OWNER.format(row=row)}, {row}.model, {_values(row)}),
            ('', {row}.model, {_values(row)})
        ON CONFLICT (owner, model) DO UPDATE SET {_sums("excluded", "+")};
    """


def _discount(row: str) -> str:
    return f"""
        UPDATE conversation SET {_sums(row, "-")} WHERE id = {row}.conversation_id;
        UPDATE usage_total SET {_sums(row, "-", prefix="")} WHERE id = 1;
        UPDATE model_usage SET {_sums(row, "-")}
        WHERE owner IN ({_OWNER.format(row=row)}, '') AND model = {row}.model;
    """


def _some(row: str) -> str:
    return f"({_values(row)}) <> (0, 0, 0, 0)"


_TRIGGERS = (
    f"""
    CREATE TRIGGER chat_usage_counted AFTER INSERT ON chat_message WHEN {_some("NEW")} BEGIN
        {_count("NEW")}
    END
    """,
    f"""
    CREATE TRIGGER chat_usage_recounted AFTER UPDATE OF model, {_COLUMNS} ON chat_message
    WHEN {_some("OLD")} OR {_some("NEW")} BEGIN
        {_discount("OLD")} {_count("NEW")}
    END
    """,
)


def upgrade(connection: Connection) -> None:
    """Make the tables, their indexes and triggers."""
    for statement in (*_TABLES, *_TRIGGERS):
        connection.exec_driver_sql(statement)
