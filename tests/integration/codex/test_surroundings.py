"""What a project puts around codex's turns, with the real codex and a real tool server."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.agents.tool_limits import codex_settings, limited_sandbox
from foredeck.services.codex.server import AppServer
from foredeck.services.codex.supervisor import CodexRequest, CodexSupervisor
from foredeck.services.codex.turns import TurnRunner
from foredeck.services.domain.records import Job, Project, ProjectSettings
from foredeck.services.domain.states import JobState
from foredeck.services.domain.tool_limits import ToolLimits
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.event_bus import EventBus
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.rehearsal.model_server import (
    Action,
    Call,
    CustomCall,
    ModelRequest,
    ModelServer,
    Say,
    write_codex_config,
)
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from tests.support import records
from tests.support.cli_desk import processes_of

pytestmark = pytest.mark.codex

SERVER = Path(__file__).parents[2] / "support" / "mcp_echo.py"
SECRET = "hunter22-hunter22"


class Script:
    """Answers each request of a turn with the next of `answers`."""

    def __init__(self) -> None:
        self.answers: list[Sequence[Action]] = []
        self.requests: list[ModelRequest] = []

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        self.requests.append(request)
        if request.turn_outputs and "unsupported call" in request.turn_outputs[-1]:
            time.sleep(0.05)  # codex does not wait for its tool servers: they come up meanwhile
            return self.answers[0]
        answered = [output for output in request.turn_outputs if "unsupported call" not in output]
        return self.answers[min(len(answered), len(self.answers) - 1)]


class Place:
    """A project with a supervisor of real turns."""

    def __init__(self, base: Path, store: Store, model: ModelServer, project: Project) -> None:
        self.base, self.store, self.project = base, store, project
        write_codex_config(base / "home", model.base_url)
        self.settings = Settings(data_dir=base / "data", codex_home=base / "home", grace=0.5)
        self.server = AppServer(self.settings)
        runner = TurnRunner(self.server, self.settings)
        self.supervisor = CodexSupervisor(store, runner, self.settings)
        self.output = base / "turn.log"

    async def turn(
        self, wishes: ProjectSettings, thread_id: str | None = None, **wanted: Any
    ) -> Job:
        project = replace(self.project, settings=wishes)
        writer = OutputWriter(self.output, self.store.redactor)
        try:
            request = CodexRequest(
                project, None, None, 1, "build", "Build it", writer, thread_id, **wanted
            )
            return await self.supervisor.run(request)
        finally:
            writer.close()

    async def close(self) -> None:
        await self.supervisor.close()
        await self.server.stop()
        await self.server.close()


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def model(script: Script) -> Iterator[ModelServer]:
    with ModelServer(script, pace=0) as server:
        yield server


@pytest.fixture
async def place(tmp_path: Path, model: ModelServer) -> AsyncIterator[Place]:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    store = await Store.open(tmp_path / "data", EventBus())
    place = Place(tmp_path, store, model, records.project(workspace=str(workspace)))
    yield place
    await place.close()
    await store.close()


def _echo(**environment: str) -> McpServer:
    return McpServer(sys.executable, (str(SERVER),), environment)


def _stored_anywhere(base: Path, secret: str) -> list[Path]:
    files = (path for path in base.rglob("*") if path.is_file())
    return [path for path in files if secret.encode() in path.read_bytes()]


async def test_variables_reach_the_commands_of_a_turn_and_their_secrets_nothing_else(
    place: Place, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", SECRET)
    look = "echo $PORT ${#API_KEY} ${SHOP_KEY:-absent}; echo $API_KEY > /dev/null"
    script.answers = [[Call("exec_command", {"cmd": look})], [Say("done")]]
    wishes = ProjectSettings(environment={"PORT": "8080", "API_KEY": "env:SHOP_KEY"})
    job = await place.turn(wishes)
    assert job.state is JobState.COMPLETED, job.failure
    assert f"8080 {len(SECRET)} absent" in place.output.read_text()
    assert _stored_anywhere(place.base, SECRET) == []


async def test_a_reference_to_nothing_fails_the_turn_with_a_sentence(
    place: Place, script: Script
) -> None:
    script.answers = [[Say("done")]]
    job = await place.turn(ProjectSettings(environment={"API_KEY": "env:NO_SUCH_VARIABLE"}))
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert "API_KEY has no value" in job.failure.message
    assert script.requests == []


async def test_codex_uses_the_tool_server_of_the_project(
    place: Place, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", SECRET)
    call = Call("echo", {"text": "hi"}, "mcp__echo")
    script.answers = [[call], [Say("done")]]
    missing = McpServer("no-such-server", (), {"A_KEY": "env:NO_SUCH_VARIABLE"})
    wishes = ProjectSettings(mcp_servers={"echo": _echo(MCP_PROOF="env:SHOP_KEY"), "gone": missing})
    job = await place.turn(wishes)
    assert job.state is JobState.COMPLETED, job.failure
    shown = place.output.read_text()
    assert "The tool server gone is left out: A_KEY has no value" in shown
    answer = script.requests[-1].turn_outputs[-1]
    assert f"echo: hi ({len(SECRET)}, workspace)" in answer
    assert "Ended" not in shown
    assert _stored_anywhere(place.base, SECRET) == []
    assert processes_of(SERVER) == []

    again = await place.turn(wishes, thread_id=job.thread_id)
    assert (again.state, again.thread_id) == (JobState.COMPLETED, job.thread_id)
    assert sum("echo: hi" in output for output in script.requests[-1].tool_outputs) == 2


def _limited(limits: ToolLimits) -> dict[str, Any]:
    """Return what a turn is asked for that keeps to limits."""
    return {
        "tools": limits,
        "config": codex_settings(limits),
        "sandbox": limited_sandbox(limits),
    }


async def test_without_bash_codex_is_offered_no_tool_that_runs_commands(
    place: Place, script: Script
) -> None:
    script.answers = [[Say("Done.")]]
    await place.turn(ProjectSettings())
    await place.turn(ProjectSettings(), **_limited(ToolLimits(("Write",))))

    free, limited = script.requests[0].tools, script.requests[-1].tools

    assert free & {"exec_command", "shell", "shell_command"}
    assert not limited & {"exec_command", "write_stdin", "shell", "shell_command"}
    assert "view_image" in free - limited  # it may not read
    kinds = [{tool["type"] for tool in one.body["tools"]} for one in script.requests]
    assert "web_search" in kinds[0]
    assert "web_search" not in kinds[-1]


async def test_who_may_only_read_works_in_a_read_only_sandbox(place: Place, script: Script) -> None:
    command = "cat there.txt; touch new.txt || echo refused"
    workspace = Path(place.project.workspace)
    (workspace / "there.txt").write_text("it is there\n")
    script.answers = [[Call("exec_command", {"cmd": command})], [Say("Read.")]]

    await place.turn(ProjectSettings(), **_limited(ToolLimits(("Read",))))

    (output,) = script.requests[-1].turn_outputs
    assert "it is there" in output
    assert "refused" in output
    assert not (workspace / "new.txt").exists()


async def test_a_server_offers_what_is_allowed_of_it(place: Place, script: Script) -> None:
    script.answers = [[Say("Done.")]]
    wishes = ProjectSettings(mcp_servers={"echo": _echo(), "other": _echo()})
    limits = ToolLimits(("Bash", "mcp__echo__nothing_of_it"))

    await place.turn(wishes, **_limited(limits))

    offered = str(script.requests[-1].body["tools"])
    assert "mcp__other" not in offered
    assert "mcp__echo" not in offered  # it has no tool of that name


async def test_servers_of_codex_itself_keep_to_the_limits_too(place: Place, script: Script) -> None:
    """They are no part of the sandbox: what may only read must not write by way of them."""
    begun, config = place.base / "begun", place.base / "home" / "config.toml"
    begin = f"touch {begun}; exec {sys.executable} {SERVER}"
    own = f'\n[mcp_servers.own]\ncommand = "/bin/sh"\nargs = ["-c", "{begin}"]\n'
    config.write_text(config.read_text() + own)
    script.answers = [[Call("exec_command", {"cmd": f"until test -e {begun}; do :; done"})]]
    script.answers += [[Say("Begun.")]]
    await place.turn(ProjectSettings(), **_limited(ToolLimits(("Read", "mcp__own"))))
    assert begun.exists()

    begun.unlink()
    script.answers = [[Call("exec_command", {"cmd": "sleep 1"})], [Say("Done.")]]
    await place.turn(ProjectSettings(), **_limited(ToolLimits(("Read",))))
    assert not begun.exists()

    script.answers = [
        [Call("exec_command", {"cmd": f"until test -e {begun}; do :; done; sleep 1"})]
    ]
    script.answers += [[Say("Begun.")]]
    await place.turn(ProjectSettings(), **_limited(ToolLimits(("Read", "mcp__own__nothing"))))
    assert "mcp__own" not in str(script.requests[-1].body["tools"])


async def test_codex_works_in_the_directory_of_the_task(place: Place, script: Script) -> None:
    (Path(place.project.workspace) / "inner").mkdir()
    patch = "*** Begin Patch\n*** Add File: patched.txt\n+It is.\n*** End Patch\n"
    script.answers = [
        [Call("exec_command", {"cmd": "pwd; touch made.txt"})],
        [CustomCall("apply_patch", patch)],
        [Say("There.")],
    ]

    job = await place.turn(ProjectSettings(), directory="inner")

    assert f"{place.project.workspace}/inner" in script.requests[-1].turn_outputs[0]
    assert job.workspace == place.project.workspace  # one writer for all of it
    # Wherever codex works, a file has one name: the one in the workspace.
    assert [change.path for change in job.files_changed] == ["inner/made.txt", "inner/patched.txt"]
    written = place.output.read_text()
    assert "created  inner/patched.txt" in written
    assert "2 files changed:\ncreated  inner/made.txt\n" in written
