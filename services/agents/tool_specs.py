"""The tools an agent may have: their names, parameters and schemas (SPEC A2)."""

from __future__ import annotations

from foredeck.services.agents.job_tool_specs import JOB_TOOLS
from foredeck.services.agents.tool_schema import Parameter, ToolSpec


def _tools(*specs: ToolSpec) -> dict[str, ToolSpec]:
    return {spec.name: spec for spec in specs}


_OFFSET = Parameter("offset", "integer", "Where to begin, in characters; 0 is the start.", 0)

TOOLS = _tools(
    ToolSpec(
        "run_codex",
        "Give codex a task in the workspace. Answers its exit code, its last message as output, "
        "errors and the files it changed; with wait=false only a task_id, at once.",
        (
            Parameter("prompt", "string", "The task, complete in itself."),
            Parameter("wait", "boolean", "Whether to wait for the end (the default).", True),
        ),
    ),
    ToolSpec(
        "check_codex_status",
        "Tell the state, start and end of a codex job and the last 50 lines of its output.",
        (Parameter("task_id", "string", "The task_id that run_codex answered."),),
    ),
    ToolSpec(
        "read_file",
        "Read a text file of the workspace, at most 5,000 characters a call.",
        (
            Parameter("path", "string", "Relative to the workspace, or named by an answer."),
            _OFFSET,
        ),
    ),
    ToolSpec(
        "list_files",
        "List a directory of the workspace; names of directories end with a slash.",
        (
            Parameter("directory", "string", 'Relative to the workspace; "." is its root.', "."),
            Parameter("offset", "integer", "How many entries to leave out at the start.", 0),
        ),
    ),
    ToolSpec("get_agents_md", "Read the plan, AGENTS.md.", (_OFFSET,)),
    ToolSpec(
        "get_run_status",
        "Tell where the run that this conversation is about stands, stage by stage.",
    ),
    ToolSpec(
        "save_agents_md",
        "Save the plan as AGENTS.md, whole; it replaces what was there.",
        (Parameter("content", "string", "The whole text, in Markdown."),),
    ),
    ToolSpec(
        "handoff",
        "Hand your finished work on. This ends your stage, so call it last and alone.",
        (
            Parameter("summary", "string", "What the next stage needs to know."),
            Parameter("next_agent", "string", "The role that goes on, e.g. builder."),
        ),
    ),
    ToolSpec(
        "ask_user",
        "Ask the person who gave the request one question.",
        (
            Parameter("question", "string", "The question."),
            Parameter("choices", "array", "Possible answers.", None),
        ),
    ),
    *JOB_TOOLS,
)
