"""The model server as its two real clients see it: the Agents SDK and codex."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from codex_cli_bin import bundled_codex_path

from foredeck.services.rehearsal.model_server import (
    Action,
    Call,
    CustomCall,
    CutStream,
    Fail,
    ModelRequest,
    ModelServer,
    Say,
    Think,
    write_codex_config,
)
from tests.support.rehearsal import Rehearsal, last_message


class Adder:
    def reply(self, request: ModelRequest) -> Sequence[Action]:
        if not request.tool_outputs:
            return [Think("A sum."), Say("I add."), Call("add", {"a": 1, "b": 2})]
        return [Say(f"The sum is {request.tool_outputs[-1]}.")]


@pytest.mark.parametrize("streamed", [True, False])
async def test_the_agents_sdk_calls_tools_and_counts_tokens(streamed: bool) -> None:
    import agents
    import openai

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    agents.set_tracing_disabled(True)
    with ModelServer(Adder(), pace=0) as server:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="none") as client:
            model = agents.OpenAIResponsesModel("gpt-5.5", client)
            agent = agents.Agent(name="A", model=model, tools=[agents.function_tool(add)])
            if streamed:
                running = agents.Runner.run_streamed(agent, "1 + 2?")
                kinds = [event.type async for event in running.stream_events()]
                assert "raw_response_event" in kinds
                answer, usage = running.final_output, running.context_wrapper.usage
            else:
                result = await agents.Runner.run(agent, "1 + 2?")
                answer, usage = result.final_output, result.context_wrapper.usage
    assert answer == "The sum is 3."
    assert usage.requests == 2
    assert usage.output_tokens > 0
    assert not server.requests[0].from_codex


class Writer:
    """Writes a file, shows it, and says what it saw; `first` happens on the first request."""

    def __init__(self, *first: Action) -> None:
        self.first = list(first)

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        if self.first:
            return [self.first.pop(0)]
        patch = "*** Begin Patch\n*** Add File: a.txt\n+hello\n*** End Patch\n"
        match len(request.turn_outputs):
            case 0:
                return [Think("**Plan**\n\nWrite."), Say("Now."), CustomCall("apply_patch", patch)]
            case 1:
                return [Call("exec_command", {"cmd": "cat a.txt", "yield_time_ms": 30000})]
        return [Say("I saw " + request.turn_outputs[-1].splitlines()[-1])]


@pytest.mark.codex
@pytest.mark.parametrize("first", [(), (CutStream(),), (Fail(500, {}),)])
def test_codex_edits_files_runs_commands_and_tries_again(
    tmp_path: Path, first: tuple[Action, ...]
) -> None:
    with ModelServer(Writer(*first), pace=0) as server:
        rehearsal = Rehearsal(server, tmp_path)
        events = rehearsal.codex("go")
    kinds = [event["item"]["type"] for event in events if event["type"] == "item.completed"]
    assert kinds == [
        *(["error"] if "error" in kinds else []),
        "reasoning",
        "agent_message",
        "file_change",
        "command_execution",
        "agent_message",
    ]
    assert last_message(events) == "I saw hello"
    assert (rehearsal.workspace / "a.txt").read_text() == "hello\n"
    assert server.requests[-1].from_codex
    assert server.requests[-1].prompt == "go"
    assert events[-1]["usage"]["output_tokens"] > 0


@pytest.mark.codex
def test_codex_gives_up_soon_on_a_refused_request(tmp_path: Path) -> None:
    class Refusing:
        def reply(self, request: ModelRequest) -> Sequence[Action]:
            return [Fail(401, {"error": {"message": "Incorrect API key provided"}})]

    with ModelServer(Refusing(), pace=0) as server:
        write_codex_config(tmp_path / "home", server.base_url)
        done = subprocess.run(
            [str(bundled_codex_path()), "exec", "--json", "--skip-git-repo-check", "-"],
            cwd=tmp_path,
            input="go",
            text=True,
            capture_output=True,
            timeout=60,
            env={**os.environ, "CODEX_HOME": str(tmp_path / "home")},
        )
    assert done.returncode == 1
    assert "Incorrect API key" in json.loads(done.stdout.splitlines()[-1])["error"]["message"]
