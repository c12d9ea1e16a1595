"""The read side's SQL, with the columns in the order in which `rows` reads them.

`CROSS JOIN` keeps SQLite from turning a join round: the few rows that are shown come first,
what belongs to them is looked up. A condition that is always true (`created_at > -1`) makes
an ordered walk along an index out of what the planner would call a scan.
A run's steps are counted in one go: all of them in the upper 32 bits, the final ones below.
"""

# Only constants of this module are put together; every value is a parameter.
# ruff: noqa: S608

_RUN_COLUMNS = """
    r.id, r.project_id, p.name, r.title, r.state, r."trigger", r.mode, r.current_stage,
    (SELECT (count(*) << 32) + count(
        CASE WHEN s.state = 'success' THEN 1 END
     ) FROM step s WHERE s.run_id = r.id),
    r.usage_input, r.usage_cached_input, r.usage_output, r.usage_reasoning,
    r.created_at, r.started_at, r.ended_at,
    (SELECT count(*) FROM question q WHERE q.run_id = r.id AND q.state = 'open')
"""

_PROJECT_COLUMNS = """
    p.id, p.name, p.description, p.workspace, p.archived_at IS NOT NULL,
    (SELECT coalesce(sum(t.total), 0) FROM run_total t WHERE t.project_id = p.id),
    (SELECT coalesce(sum(t.total), 0) FROM run_total t WHERE t.project_id = p.id
     AND t.state IN ('running', 'waiting', 'retry')),
    p.created_at,
    (SELECT max(n.created_at) FROM run n WHERE n.project_id = p.id),
    (SELECT coalesce(sum(u.usage_input), 0) FROM model_usage u WHERE u.owner = p.id),
    (SELECT coalesce(sum(u.usage_cached_input), 0) FROM model_usage u WHERE u.owner = p.id),
    (SELECT coalesce(sum(u.usage_output), 0) FROM model_usage u WHERE u.owner = p.id),
    (SELECT coalesce(sum(u.usage_reasoning), 0) FROM model_usage u WHERE u.owner = p.id)
"""

_LISTED = "(p.archived_at IS NOT NULL) = 0"

PROJECT = f"SELECT {_PROJECT_COLUMNS} FROM project p WHERE p.id = ?"
PROJECT_SETTINGS = "SELECT settings FROM project WHERE id = ?"


def projects(*, archived: bool) -> str:
    """Parameters: limit, offset."""
    condition = "p.created_at > -1" if archived else _LISTED
    return (
        f"SELECT {_PROJECT_COLUMNS} FROM project p WHERE {condition} "
        "ORDER BY p.created_at DESC, p.id DESC LIMIT ? OFFSET ?"
    )


PROJECT_TOTALS = "SELECT archived, total FROM project_total WHERE archived IN (0, 1)"


def latest_runs(*, archived: bool) -> str:
    """The latest runs of every project. Parameter: how many of each."""
    condition = "p.created_at > -1" if archived else _LISTED
    return f"""
        SELECT {_RUN_COLUMNS}
        FROM project p CROSS JOIN run r ON r.rowid IN (
            SELECT n.rowid FROM run n WHERE n.project_id = p.id
            ORDER BY n.created_at DESC, n.id DESC LIMIT ?
        )
        WHERE {condition}
        ORDER BY r.created_at DESC, r.id DESC
    """


def runs(*, project: bool, state: bool) -> str:
    """A page of runs. Parameters: project id and state if asked for, limit, offset."""
    conditions = [
        *(["n.project_id = ?"] if project else []),
        *(["n.state = ?"] if state else []),
    ] or ["n.created_at > -1"]
    return f"""
        SELECT {_RUN_COLUMNS}
        FROM (
            SELECT n.rowid AS place FROM run n WHERE {" AND ".join(conditions)}
            ORDER BY n.created_at DESC, n.id DESC LIMIT ? OFFSET ?
        ) page
        CROSS JOIN run r ON r.rowid = page.place
        CROSS JOIN project p ON p.id = r.project_id
        ORDER BY r.created_at DESC, r.id DESC
    """


# Parameter: a project's id, or '' for all projects.
RUN_TOTALS = "SELECT state, total FROM run_total WHERE project_id = ?"

USAGE_TOTAL = "SELECT input, cached_input, output, reasoning FROM usage_total WHERE id = 1"

# Parameter: the id of a run or of a project, or '' for everything.
MODEL_USAGE = """
    SELECT model, usage_input, usage_cached_input, usage_output, usage_reasoning
    FROM model_usage WHERE owner = ? ORDER BY model
"""

RUN = f"""
    SELECT {_RUN_COLUMNS}, r.request, r.summary, r.error, p.workspace,
        r.paused_at, r.budget_tokens, r.budget_cost, r.parent_run_id,
        r.output_removed_at
    FROM run r CROSS JOIN project p ON p.id = r.project_id WHERE r.id = ?
"""

# Parameter: a run's id.
RESTARTS = """
    SELECT id FROM run WHERE parent_run_id = ? ORDER BY created_at, id
"""

STEPS = """
    SELECT s.id, s.key, s.title, s.kind, s.state, s.needs, s.critical, s.attempt,
        s.max_attempts, s.reason, s.failure, s.summary, s.verdict,
        s.usage_input, s.usage_cached_input, s.usage_output, s.usage_reasoning,
        (SELECT a.output_path FROM attempt a WHERE a.step_id = s.id
         ORDER BY a.number DESC LIMIT 1),
        s.started_at, s.ended_at, s.retry_at, s.over_budget
    FROM step s WHERE s.run_id = ? ORDER BY s.position, s.key
"""

# Parameter: a run's id.
ATTEMPTS = """
    SELECT s.key, a.number, a.state, a.started_at, a.ended_at, a.failure, a.output_path,
        a.usage_input, a.usage_cached_input, a.usage_output, a.usage_reasoning
    FROM attempt a CROSS JOIN step s ON s.id = a.step_id
    WHERE a.run_id = ? ORDER BY s.position, s.key, a.number
"""

STEP_ID = "SELECT id FROM step WHERE run_id = ? AND key = ?"

_MESSAGE_COLUMNS = """
    m.id, s.key, m.attempt, m.role, m.content, m.at, m.model,
    m.usage_input, m.usage_cached_input, m.usage_output, m.usage_reasoning,
    m.tool, m.arguments, m.duration, m.complete
"""

# Parameter: a run's id.
TRANSCRIPT = f"""
    SELECT {_MESSAGE_COLUMNS} FROM message m CROSS JOIN step s ON s.id = m.step_id
    WHERE m.run_id = ? ORDER BY m.seq
"""

# Parameter: a step's id.
STEP_TRANSCRIPT = f"""
    SELECT {_MESSAGE_COLUMNS} FROM message m CROSS JOIN step s ON s.id = m.step_id
    WHERE m.step_id = ? ORDER BY m.position
"""

_QUESTION_COLUMNS = """
    q.id, q.key, q.kind, q.title, q.asked_at, q.state, q.run_id, q.step_id, q.attempt, q.job_id,
    q.place, q.reason, q.details, q.choices, q.answer, q.comment, q.answered_by, q.answered_at,
    s.key, s.title, r.title
"""


def questions(*, of_run: bool) -> str:
    """The open questions, oldest first. Parameter: a run's id if asked for."""
    condition = "q.run_id = ? AND q.state = 'open'" if of_run else "q.state = 'open'"
    return f"""
        SELECT {_QUESTION_COLUMNS} FROM question q
        LEFT JOIN step s ON s.id = q.step_id
        LEFT JOIN run r ON r.id = q.run_id
        WHERE {condition} ORDER BY q.asked_at, q.id
    """


HISTORY = """
    SELECT t.at, coalesce(s.key, j.name, t.entity), t.old, t.new, t.actor, t.reason
    FROM transition t
    LEFT JOIN step s ON t.entity = 'step' AND s.id = t.entity_id
    LEFT JOIN job j ON t.entity = 'job' AND j.id = t.entity_id
    WHERE t.run_id = ? ORDER BY t.id
"""
