"""The tables of tasks, reports and notifications as SQLAlchemy sees them (see `tables`)."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from foredeck.services.store.tables import METADATA

TASK = Table(
    "task",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text),
    Column("project_id", Text),
    Column("workflow", Text),
    Column("active", Integer),
    Column("public", Integer),
    Column("created_at", Integer),
    Column("updated_at", Integer),
    Column("deleted_at", Integer),
    Column("last_executed_at", Integer),
    Column("next_at", Integer),
    Column("executions", Integer),
    Column("successes", Integer),
    Column("failures", Integer),
    Column("report", Integer),
    Column("report_format", Text),
    Column("tags", Text),
    Column("notify", Text),
    Column("schedule", Text),
    Column("options", Text),
    Column("allowed_tools", Text),
    Column("disallowed_tools", Text),
    Column("directory", Text),
    Column("variables", Text),
    Column("metadata", Text),
    Column("description", Text),
    Column("prompt", Text),
)

EXECUTION = Table(
    "execution",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("task_id", Text),
    Column("created_at", Integer),
    Column("due_at", Integer),
    Column("counted", Text),
    Column("report_format", Text),
    Column("notify", Text),
    Column("reported_at", Integer),
    Column("warnings", Text),
    Column("variables", Text),
)

FIRE = Table(
    "fire",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("task_id", Text),
    Column("due_at", Integer),
    Column("at", Integer),
    Column("state", Text),
    Column("run_id", Text),
    Column("reason", Text),
)

SCHEDULER = Table(
    "scheduler",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("paused_at", Integer),
)

REPORT = Table(
    "report",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("run_id", Text),
    Column("format", Text),
    Column("automatic", Integer),
    Column("size", Integer),
    Column("created_at", Integer),
    Column("sha256", Text),
    Column("path", Text),
    Column("title", Text),
)

NOTIFICATION = Table(
    "notification",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("transition_id", Integer),
    Column("run_id", Text),
    Column("cause", Text),
    Column("at", Integer),
    Column("title", Text),
    Column("text", Text),
    Column("fire_id", Text),
)

DELIVERY = Table(
    "delivery",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("notification_id", Text),
    Column("channel", Text),
    Column("state", Text),
    Column("attempts", Integer),
    Column("next_at", Integer),
    Column("error", Text),
)

ATTENTION = Table(
    "attention",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("transition_id", Integer),
    Column("seen_at", Integer),
)
