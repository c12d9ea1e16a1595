"""Agents of the real SDK with real tool servers."""

import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.agents.runner import AgentStageRunner
from foredeck.services.agents.session import StoredConversation
from foredeck.services.domain.records import Message, ProjectSettings, Role
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.rehearsal.model_server import Action, Call, ModelServer
from foredeck.services.settings import Settings
from tests.support.agent_stage import Stage, open_stage
from tests.support.cli_desk import processes_of
from tests.support.model_scripts import InOrder

SERVER = Path(__file__).parents[2] / "support" / "mcp_echo.py"
DONE = [Call("handoff", {"summary": "Built it.", "next_agent": "qa_qc"})]


def echo(**environment: str) -> McpServer:
    return McpServer(sys.executable, (str(SERVER),), environment)


@asynccontextmanager
async def at_work(
    tmp_path: Path,
    servers: dict[str, McpServer],
    *answers: Sequence[Action],
    everywhere: dict[str, McpServer] | None = None,
    **changes: Any,
) -> AsyncIterator[tuple[Stage, AgentStageRunner, InOrder]]:
    """Open a stage of a project with these servers, and a model with these answers."""
    script = InOrder([*answers, DONE])
    async with open_stage(tmp_path, "builder", **changes) as stage:
        wishes = ProjectSettings(mcp_servers=servers)
        stage.task = replace(stage.task, project=replace(stage.task.project, settings=wishes))
        with ModelServer(script, pace=0) as model:
            settings = Settings(
                data_dir=tmp_path,
                base_url=model.base_url,
                rehearsal=True,
                mcp_servers=everywhere or {},
            )
            yield stage, AgentStageRunner(stage.store, stage.supervisor, settings), script


def tools(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(m.tool, m.content) for m in messages if m.role is Role.TOOL]


async def test_an_agent_calls_the_tools_of_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_KEY", "hunter22-hunter22")
    own = echo(MCP_PROOF="env:SHOP_KEY")
    async with at_work(
        tmp_path,
        {"docs": own},
        [Call("mcp__docs__echo", {"text": "hi"})],
        [Call("mcp__docs__fail", {})],
        everywhere={"docs": McpServer("no-such-program"), "more": echo()},
    ) as (stage, runner, _):
        outcome = await runner.run(stage.task)
        messages = await stage.messages()
        shown = stage.shown()
    assert outcome.summary == "Built it."
    called = tools(messages)
    assert called[0] == ("mcp__docs__echo", "echo: hi (17, workspace)")
    assert called[1][0] == "mcp__docs__fail"
    assert json.loads(called[1][1])["error"].startswith("Error executing tool fail")
    assert '→ mcp__docs__echo("hi")' in shown
    assert "cannot be used" not in shown
    assert processes_of(SERVER) == []
    assert capfd.readouterr().err == ""


async def test_a_server_that_cannot_start_is_a_note(tmp_path: Path) -> None:
    servers = {
        "gone": McpServer("no-such-program"),
        "mute": McpServer(sys.executable, ("-c", "pass")),
        "poor": echo(A_KEY="env:NO_SUCH_VARIABLE"),
        "good": echo(),
    }
    call = [Call("mcp__good__echo", {"text": "hi"})]
    async with at_work(tmp_path, servers, call) as (stage, runner, _):
        outcome = await runner.run(stage.task)
        messages = await stage.messages()
    assert outcome.summary == "Built it."
    notes = [m.content for m in messages if m.role is Role.SYSTEM]
    for name in ("gone cannot be used", "mute cannot be used", "poor is left out"):
        assert any(note.startswith(f"The tool server {name}: ") for note in notes), notes
    assert tools(messages)[0] == ("mcp__good__echo", "echo: hi (0, workspace)")


async def test_a_call_that_an_earlier_host_made_is_not_made_again(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    servers = {"docs": echo(MCP_LOG=str(log))}
    async with at_work(tmp_path, servers, resumed=True) as (stage, runner, script):
        record = await StoredConversation.open(stage.store, stage.task.step.id, 1)
        await record.say("user", "Build it")
        call = {"type": "function_call", "name": "mcp__docs__echo", "call_id": "c1"}
        await record.add([{**call, "arguments": '{"text": "once"}'}])
        outcome = await runner.run(stage.task)
        messages = await stage.messages()
    assert outcome.summary == "Built it."
    ((name, answer), _handoff) = tools(messages)
    assert name == "mcp__docs__echo"
    assert "is not known" in json.loads(answer)["error"]
    assert not log.exists()
    assert script.asked == 1
