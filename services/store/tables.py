"""The tables as SQLAlchemy sees them; the migrations make them.

Long texts stand last in a table: SQLite keeps what does not fit a page in a chain of
further pages, and reads no more of the chain than the columns it is asked for.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, MetaData, Table, Text

METADATA = MetaData()

_USAGE = ("usage_input", "usage_cached_input", "usage_output", "usage_reasoning")


def _usage() -> tuple[Column[int], ...]:
    return tuple(Column(name, Integer) for name in _USAGE)


PROJECT = Table(
    "project",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text),
    Column("workspace", Text),
    Column("created_at", Integer),
    Column("updated_at", Integer),
    Column("archived_at", Integer),
    Column("settings", Text),
    Column("description", Text),
)

RUN = Table(
    "run",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("project_id", Text),
    Column("workflow", Text),
    Column("title", Text),
    Column("trigger", Text),
    Column("mode", Text),
    Column("state", Text),
    Column("created_at", Integer),
    Column("started_at", Integer),
    Column("ended_at", Integer),
    Column("current_stage", Text),
    Column("parent_run_id", Text),
    *_usage(),
    Column("error", Text),
    Column("summary", Text),
    Column("request", Text),
    Column("definition", Text),
    Column("paused_at", Integer),
    Column("budget_tokens", Integer),
    Column("budget_cost", Float),
    Column("warned", Text),
    Column("output_removed_at", Integer),
)

STEP = Table(
    "step",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("run_id", Text),
    Column("key", Text),
    Column("spec_id", Text),
    Column("position", Integer),
    Column("kind", Text),
    Column("title", Text),
    Column("needs", Text),
    Column("critical", Integer),
    Column("state", Text),
    Column("round", Integer),
    Column("attempt", Integer),
    Column("max_attempts", Integer),
    Column("retry_at", Integer),
    Column("reason", Text),
    Column("started_at", Integer),
    Column("ended_at", Integer),
    *_usage(),
    Column("failure", Text),
    Column("verdict", Text),
    Column("summary", Text),
    Column("skip_cause", Text),
    Column("over_budget", Integer),
)

PROMPT_EDIT = Table(
    "prompt_edit",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("run_id", Text),
    Column("step_id", Text),
    Column("at", Integer),
    Column("actor", Text),
    Column("original", Text),
    Column("text", Text),
)

ATTEMPT = Table(
    "attempt",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("step_id", Text),
    Column("run_id", Text),
    Column("number", Integer),
    Column("state", Text),
    Column("output_path", Text),
    Column("started_at", Integer),
    Column("ended_at", Integer),
    *_usage(),
    Column("failure", Text),
    Column("continues", Integer),
)

JOB = Table(
    "job",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text),
    Column("type", Text),
    Column("state", Text),
    Column("run_id", Text),
    Column("step_id", Text),
    Column("attempt", Integer),
    Column("timeout", Float),
    Column("workspace", Text),
    Column("output_path", Text),
    Column("thread_id", Text),
    Column("turn_id", Text),
    Column("model", Text),
    Column("exit_code", Integer),
    Column("created_at", Integer),
    Column("updated_at", Integer),
    Column("queued_at", Integer),
    Column("started_at", Integer),
    Column("ended_at", Integer),
    *_usage(),
    Column("failure", Text),
    Column("files_changed", Text),
    Column("message", Text),
    Column("prompt", Text),
    Column("key", Text),
    Column("cpu_seconds", Float),
    Column("peak_memory", Integer),
)

JOB_ORDER = Table(
    "job_order",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("project_id", Text),
    Column("priority", Text),
    Column("created_by", Text),
    Column("max_retries", Integer),
    Column("retry_count", Integer),
    Column("auto_retry", Integer),
    Column("merge_stderr", Integer),
    Column("parent_id", Text),
    Column("batch_index", Integer),
    Column("progress", Float),
    Column("trace_id", Text),
    Column("progress_message", Text),
    Column("input_file", Text),
    Column("output_file", Text),
    Column("description", Text),
    Column("words", Text),
    Column("environment", Text),
    Column("metadata", Text),
    Column("input_data", Text),
    Column("children", Integer),
    Column("stop_after", Integer),
    Column("cancel_reason", Text),
    Column("sandbox", Text),
    Column("memory", Integer),
    Column("output_removed_at", Integer),
)

JOB_QUEUE = Table(
    "job_queue",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("paused_at", Integer),
    Column("job_limit", Integer),
)

MESSAGE = Table(
    "message",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("id", Text),
    Column("run_id", Text),
    Column("step_id", Text),
    Column("attempt", Integer),
    Column("position", Integer),
    Column("role", Text),
    Column("at", Integer),
    Column("model", Text),
    *_usage(),
    Column("tool", Text),
    Column("call_id", Text),
    Column("duration", Float),
    Column("complete", Integer),
    Column("arguments", Text),
    Column("content", Text),
)

QUESTION = Table(
    "question",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("run_id", Text),
    Column("step_id", Text),
    Column("attempt", Integer),
    Column("job_id", Text),
    Column("key", Text),
    Column("kind", Text),
    Column("state", Text),
    Column("asked_at", Integer),
    Column("answered_at", Integer),
    Column("answered_by", Text),
    Column("place", Text),
    Column("title", Text),
    Column("reason", Text),
    Column("choices", Text),
    Column("answer", Text),
    Column("comment", Text),
    Column("details", Text),
)

FOLLOW_UP = Table(
    "follow_up",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("run_id", Text),
    Column("created_at", Integer),
    Column("delivered_at", Integer),
    Column("job_id", Text),
    Column("prompt", Text),
)

SESSION_ITEM = Table(
    "session_item",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("session_id", Text),
    Column("item", Text),
)

CONVERSATION = Table(
    "conversation",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("project_id", Text),
    Column("run_id", Text),
    Column("agent", Text),
    Column("mode", Text),
    Column("thread_id", Text),
    Column("created_at", Integer),
    Column("updated_at", Integer),
    *_usage(),
    Column("title", Text),
)

CHAT_MESSAGE = Table(
    "chat_message",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("id", Text),
    Column("conversation_id", Text),
    Column("role", Text),
    Column("state", Text),
    Column("at", Integer),
    Column("model", Text),
    *_usage(),
    Column("tool", Text),
    Column("call_id", Text),
    Column("duration", Float),
    Column("turn_id", Text),
    Column("arguments", Text),
    Column("content", Text),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("at", Integer),
    Column("action", Text),
    Column("resource", Text),
    Column("resource_id", Text),
    Column("severity", Text),
    Column("actor", Text),
    Column("trace_id", Text),
    Column("hash", Text),
    Column("description", Text),
    Column("before", Text),
    Column("after", Text),
)

TRANSITION = Table(
    "transition",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("entity", Text),
    Column("entity_id", Text),
    Column("run_id", Text),
    Column("old", Text),
    Column("new", Text),
    Column("at", Integer),
    Column("actor", Text),
    Column("reason", Text),
)

TRUSTED_WORKFLOW = Table(
    "trusted_workflow",
    METADATA,
    Column("project_id", Text, primary_key=True),
    Column("sha256", Text, primary_key=True),
    Column("path", Text),
    Column("trusted_at", Integer),
)

PROJECT_FILE = Table(
    "project_file",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("project_id", Text),
    Column("name", Text),
    Column("type", Text),
    Column("size", Integer),
    Column("sha256", Text),
    Column("uploaded_at", Integer),
    Column("placed", Integer),
    Column("metadata", Text),
)
