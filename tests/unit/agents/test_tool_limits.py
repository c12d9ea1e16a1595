import pytest

from foredeck.services.agents.registry import AGENTS, agent
from foredeck.services.agents.tool_limits import (
    codex_settings,
    job_sandbox,
    limited_agent,
    limited_sandbox,
)
from foredeck.services.domain.records import Sandbox
from foredeck.services.domain.tool_limits import EVERYTHING, ToolLimits


def _allowed(*names: str) -> ToolLimits:
    return ToolLimits(names)


def _without(*names: str) -> ToolLimits:
    return ToolLimits(None, names)


@pytest.mark.parametrize(
    ("limits", "sandbox", "commands"),
    [
        (EVERYTHING, None, True),
        (_allowed("Bash"), None, True),
        (_allowed("Bash", "Read"), None, True),
        (_allowed("Read"), Sandbox.READ_ONLY, True),
        (_allowed("Read", "Write"), None, False),
        (_allowed("Edit"), None, False),
        (_allowed(), Sandbox.READ_ONLY, False),
        (_allowed("read_file"), Sandbox.READ_ONLY, False),
        (_without("Bash"), None, False),
        (_without("Bash", "Write", "Edit"), Sandbox.READ_ONLY, True),
        (_without("Read"), None, True),
        (_without("Write", "Edit"), Sandbox.READ_ONLY, True),
        (_without("Write"), Sandbox.READ_ONLY, True),
        (_without("Edit"), Sandbox.READ_ONLY, True),
        (ToolLimits(("Bash", "Read"), ("Write",)), Sandbox.READ_ONLY, True),
        (ToolLimits(("Bash", "Read"), ("Bash",)), Sandbox.READ_ONLY, True),
    ],
)
def test_what_codex_may_do(limits: ToolLimits, sandbox: Sandbox | None, commands: bool) -> None:
    assert limited_sandbox(limits) is sandbox
    settings = codex_settings(limits)
    assert ("features.shell_tool" not in settings) is commands
    assert ("web_search" in settings) is (limits.allowed is not None)


@pytest.mark.parametrize(
    ("limits", "images"),
    [
        (EVERYTHING, True),
        (_allowed("Read"), True),
        (_without("Bash"), True),
        (_without("Read"), False),
        (_allowed("Write"), False),
    ],
)
def test_who_may_not_read_looks_at_no_images(limits: ToolLimits, images: bool) -> None:
    assert ("features.view_image" not in codex_settings(limits)) is images


@pytest.mark.parametrize(
    ("limits", "codex", "jobs"),
    [
        (EVERYTHING, Sandbox.WORKSPACE_WRITE, Sandbox.WORKSPACE_WRITE),
        (EVERYTHING, Sandbox.READ_ONLY, Sandbox.READ_ONLY),
        (EVERYTHING, Sandbox.DANGER_FULL_ACCESS, Sandbox.WORKSPACE_WRITE),
        (_allowed("Bash"), Sandbox.WORKSPACE_WRITE, Sandbox.WORKSPACE_WRITE),
        (ToolLimits(("Bash", "Read"), ("Write",)), Sandbox.DANGER_FULL_ACCESS, Sandbox.READ_ONLY),
    ],
)
def test_jobs_of_agents_may_no_more_than_codex(
    limits: ToolLimits, codex: Sandbox, jobs: Sandbox
) -> None:
    assert job_sandbox(limits, codex) is jobs


def test_nothing_is_taken_from_an_agent_without_limits() -> None:
    for spec in AGENTS.values():
        assert limited_agent(spec, EVERYTHING) is spec


def test_who_may_only_read_gets_no_commands_of_their_own() -> None:
    tools = limited_agent(agent("builder"), _allowed("Read")).allowed_tools

    assert {"run_codex", "read_file", "list_files", "handoff"} <= set(tools)
    assert not {"submit_cli_task", "execute_cli_task"} & set(tools)


def test_who_may_not_read_gets_no_tool_that_reads_files() -> None:
    spec = agent("builder")
    tools = limited_agent(spec, _without("Read")).allowed_tools

    assert {"read_file", "list_files"} <= set(spec.allowed_tools)
    assert not {"read_file", "list_files"} & set(tools)
    assert {"run_codex", "handoff", "execute_cli_task"} <= set(tools)


def test_of_who_may_do_nothing_codex_is_not_asked() -> None:
    tools = limited_agent(agent("builder"), _without("Bash", "Read", "Write", "Edit"))

    assert "run_codex" not in tools.allowed_tools


def test_tools_can_be_named_one_by_one() -> None:
    tools = limited_agent(agent("builder"), _allowed("read_file", "execute_cli_task")).allowed_tools

    assert set(tools) & {"read_file", "execute_cli_task", "run_codex", "list_files"} == {
        "read_file",
        "execute_cli_task",
    }
    assert "handoff" in tools


def test_what_is_disallowed_goes_before_what_is_allowed() -> None:
    limits = ToolLimits(("Bash", "ask_user"), ("ask_user", "submit_batch_tasks"))
    tools = limited_agent(agent("planner"), limits).allowed_tools

    assert "ask_user" not in tools
    assert "submit_batch_tasks" not in limited_agent(agent("builder"), limits).allowed_tools


def test_tools_of_servers() -> None:
    some = _allowed("Bash", "mcp__docs__search", "mcp__web")

    assert some.permits_server("docs")
    assert some.permits_server("web")
    assert not some.permits_server("other")
    assert not some.permits_server("doc")
    assert some.server_tools("docs") == (("search",), ())
    assert some.server_tools("web") == (None, ())
    assert some.permits_tool("docs", "mcp__docs__search")
    assert not some.permits_tool("docs", "mcp__docs__write")
    assert some.permits_tool("web", "mcp__web__anything")


def test_disallowed_tools_of_servers() -> None:
    limits = _without("mcp__docs", "mcp__web__write")

    assert not limits.permits_server("docs")
    assert limits.permits_server("web")
    assert limits.server_tools("web") == (None, ("write",))
    assert not limits.permits_tool("web", "mcp__web__write")
    assert limits.permits_tool("web", "mcp__web__read")
