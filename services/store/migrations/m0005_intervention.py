"""What a person does to a run under way: pause, skip, other prompts, budgets.

Every step that was skipped so far was skipped because of what it needs. Prompts that
were replaced are kept for good, each with the text that it took the place of.
"""

from sqlalchemy.engine import Connection

_STATEMENTS = (
    "ALTER TABLE run ADD COLUMN paused_at INTEGER",
    "ALTER TABLE run ADD COLUMN budget_tokens INTEGER",
    "ALTER TABLE run ADD COLUMN budget_cost REAL",
    "ALTER TABLE run ADD COLUMN warned TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE step ADD COLUMN skip_cause TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE step ADD COLUMN over_budget INTEGER NOT NULL DEFAULT 0",
    "UPDATE step SET skip_cause = 'need' WHERE state = 'skipped'",
    """
    CREATE TABLE prompt_edit (
        id TEXT NOT NULL PRIMARY KEY,
        run_id TEXT NOT NULL REFERENCES run(id),
        step_id TEXT NOT NULL REFERENCES step(id),
        at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        original TEXT NOT NULL,
        text TEXT NOT NULL
    )
    """,
    "CREATE INDEX prompt_edit_of_step ON prompt_edit (step_id, at)",
    """
    CREATE TRIGGER prompt_edit_unchanged BEFORE UPDATE ON prompt_edit BEGIN
        SELECT RAISE(ABORT, 'an edited prompt is never changed');
    END
    """,
    """
    CREATE TRIGGER prompt_edit_kept BEFORE DELETE ON prompt_edit BEGIN
        SELECT RAISE(ABORT, 'an edited prompt is never deleted');
    END
    """,
)


def upgrade(connection: Connection) -> None:
    """Add the columns, the table and what keeps it."""
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
