"""What limits on tools mean for an agent, and for codex (SPEC T1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from foredeck.services.agents.declaration import AgentSpec
from foredeck.services.agents.job_tool_specs import JOB_TOOL_NAMES
from foredeck.services.domain.records import Sandbox
from foredeck.services.domain.tool_limits import BASH, EDIT, READ, WRITE, ToolLimits

_PROMPTING = ("run_codex", "check_codex_status")
_READING = ("read_file", "list_files", "get_agents_md", "get_run_status")
# Without these no stage could end.
_ALWAYS = ("handoff", "save_agents_md", "ask_user")
_STAND_FOR = {
    BASH: (*_PROMPTING, *JOB_TOOL_NAMES),
    WRITE: _PROMPTING,
    EDIT: _PROMPTING,
    READ: (*_PROMPTING, *_READING),
}
# With both off, codex offers its model no tool that runs a command (tried with 0.163.0).
_NO_COMMANDS: Mapping[str, Any] = {"features.shell_tool": False, "features.unified_exec": False}
_NO_IMAGES: Mapping[str, Any] = {"features.view_image": False}
# A list of what is allowed has no word for it, and it carries what was read out of the house.
_NO_SEARCH: Mapping[str, Any] = {"web_search": "disabled"}


def limited_agent(spec: AgentSpec, limits: ToolLimits) -> AgentSpec:
    """Return the agent with the tools that it may use."""
    if limits.none:
        return spec
    tools = tuple(name for name in spec.allowed_tools if _may_use(name, limits))
    return replace(spec, allowed_tools=tools)


def limited_sandbox(limits: ToolLimits) -> Sandbox | None:
    """Return the sandbox that codex is held to, None for the one that is wished for."""
    return None if limits.writes else Sandbox.READ_ONLY


def job_sandbox(limits: ToolLimits, codex: Sandbox) -> Sandbox:
    """Return the sandbox of the jobs that agents submit, where codex works in that one.

    They never have more leave than to write in the workspace, nor more than codex.
    """
    held = limited_sandbox(limits) or codex
    return held if held is Sandbox.READ_ONLY else Sandbox.WORKSPACE_WRITE


def codex_settings(limits: ToolLimits) -> Mapping[str, Any]:
    """Return the settings of codex that take away what it may not do."""
    return {
        **({} if limits.runs_commands else _NO_COMMANDS),
        **({} if limits.permits(READ) else _NO_IMAGES),
        **({} if limits.allowed is None else _NO_SEARCH),
    }


def _may_use(name: str, limits: ToolLimits) -> bool:
    if name in limits.disallowed:
        return False
    if name in _ALWAYS or name in (limits.allowed or ()):
        return True
    if words := [word for word, names in _STAND_FOR.items() if name in names]:
        return any(map(limits.permits, words))
    return limits.allowed is None
