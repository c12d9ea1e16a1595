"""The tools with which agents submit, watch and end jobs of their own (SPEC A2)."""

from __future__ import annotations

from foredeck.services.agents.tool_schema import Parameter, ToolSpec
from foredeck.services.domain.jobs import CODEX, LONGEST, SHELL_COMMAND, TYPES, Priority
from foredeck.services.domain.states import JobState

# What an agent may submit: turns of codex come from run_codex.
TASK_TYPES = tuple(type_ for type_ in TYPES if type_ != CODEX)
MOST_LISTED = 100
MOST_COMMANDS = 100
# How long a task may take unless the call says otherwise, in seconds.
SUBMIT_SECONDS, EXECUTE_SECONDS = 3600, 300

_TYPES = f"One of {', '.join(TASK_TYPES)}."
_STATES = f"One of {', '.join(JobState)}; without it, all."
_TASK_ID = Parameter("task_id", "string", "The task_id that submitting answered.")


def _submission(seconds: int) -> tuple[Parameter, ...]:
    return (
        Parameter("name", "string", "What people see, at most 255 characters."),
        Parameter("command", "string", "Text for /bin/sh; it runs in the workspace."),
        Parameter("task_type", "string", _TYPES, SHELL_COMMAND),
        Parameter("description", "string", "What it is for.", ""),
        Parameter("timeout_seconds", "integer", f"1 to {LONGEST}.", seconds),
        Parameter("priority", "string", f"{', '.join(Priority)}.", Priority.NORMAL.value),
        Parameter(
            "input_json", "string", "JSON that lies in the file $FOREDECK_INPUT meanwhile.", ""
        ),
    )


JOB_TOOLS = (
    ToolSpec(
        "submit_cli_task",
        "Queue a command as a task that runs by itself, and answer its task_id at once. Its end "
        "is not told: ask with get_cli_task_status. It goes on when your stage ends.",
        _submission(SUBMIT_SECONDS),
    ),
    ToolSpec(
        "execute_cli_task",
        "Queue a command as a task, wait for its end, and answer its exit code, output and "
        "errors. Success is false unless it completed.",
        _submission(EXECUTE_SECONDS),
    ),
    ToolSpec(
        "get_cli_task_status",
        "Tell where a task of this project stands, and how far it has come.",
        (_TASK_ID,),
    ),
    ToolSpec(
        "get_cli_task_result",
        "Tell what a task has printed, the end of it at most, and how it ended if it has.",
        (_TASK_ID,),
    ),
    ToolSpec(
        "cancel_cli_task",
        "End a task that waits or works, with everything that it started.",
        (_TASK_ID, Parameter("reason", "string", "Why; people see it.", "")),
    ),
    ToolSpec(
        "list_cli_tasks",
        "List the tasks of this project, newest first.",
        (
            Parameter("status", "string", _STATES, None),
            Parameter("task_type", "string", f"{_TYPES} Without it, all.", None),
            Parameter("limit", "integer", f"How many at most, 1 to {MOST_LISTED}.", 20),
        ),
    ),
    ToolSpec(
        "submit_batch_tasks",
        "Queue several commands as one batch of tasks that run side by side, and answer its "
        "parent_task_id and their task_ids at once. It goes on when your stage ends.",
        (
            Parameter("name", "string", "What people see; each task is called NAME (i/n)."),
            Parameter("commands", "array", f"1 to {MOST_COMMANDS} texts for /bin/sh."),
            Parameter("task_type", "string", _TYPES),
            Parameter("description", "string", "What it is for.", ""),
        ),
    ),
    ToolSpec(
        "get_batch_status",
        "Tell how many tasks of a batch have ended, how, and which of them failed.",
        (Parameter("parent_task_id", "string", "What submit_batch_tasks answered."),),
    ),
)

JOB_TOOL_NAMES = tuple(spec.name for spec in JOB_TOOLS)
