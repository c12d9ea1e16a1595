"""A workflow of one's own, made of the built-in one: agents, codex, commands and a gate at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from foredeck.services.host.lock import is_held, read_holder
from foredeck.services.rehearsal.exchange import Action, ModelRequest
from tests.support.app_server import kill_app_server
from tests.support.cli_desk import Desk, processes_of, until
from tests.support.crew_script import CrewScript, commands
from tests.support.once import lines_of
from tests.support.pty_program import PtyProgram

pytestmark = [pytest.mark.codex, pytest.mark.usefixtures("at_the_desk")]

# What stands in the copy instead of the last two steps of the built-in workflow.
_CHECKED = """
  - id: check
    kind: command
    needs: [builder]
    command: echo checked >> effects; test -e mended || { echo nothing is mended; exit 1; }
    retries: {max: 0}
    rework: {to: builder, when: steps.check.state == "failed"}

  - id: look
    kind: gate
    needs: [check]
    gate: "Is it right? The check said {{steps.check.state}}."

  - id: docs
    kind: codex
    needs: [look]
    sandbox: read-only
    prompt: "[work of docs] Look at: {{run.request}}"

  - id: notes
    kind: codex
    needs: [look]
    sandbox: read-only
    prompt: "[work of notes] Look at: {{run.request}}"

  - id: qa_qc
    kind: agent
    role: qa_qc
    needs: [docs, notes]

  - id: prod_ready
    kind: agent
    role: prod_ready
    needs: [qa_qc]
    rework: {to: qa_qc, max: "{{inputs.max_rework}}"}
"""
_BUILD = "echo builder >> effects; touch up; until [ -e go ]; do sleep 0.05; done; "
_MEND = "if [ -e went ]; then touch mended; fi; touch went"
# They may not write, so that they need not take turns in the workspace.
_BESIDE = "until [ -e both ]; do echo {0}-end; sleep 0.05; done"


class Heard(CrewScript):
    """Remembers what codex is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.prompts: list[str] = []
        crew = self.crew("one")
        crew.codex["builder"] = commands(_BUILD + _MEND)
        crew.codex["docs"] = commands(_BESIDE.format("docs"))
        crew.codex["notes"] = commands(_BESIDE.format("notes"))

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        if request.from_codex:
            self.prompts.append(request.prompt)
        return super().reply(request)


def _host(desk: Desk) -> int:
    holder = read_holder(desk.data)
    assert holder is not None
    return int(holder["pid"])


def _copy(desk: Desk) -> Path:
    """Write the built-in workflow with other steps behind the Builder."""
    shown = desk.run("dag", "show", "four-agents").out
    kept, _qa_qc, _rest = shown.partition("\n  - id: qa_qc")
    path = desk.base / "mine.yaml"
    path.write_text(kept.replace("name: four-agents", "name: mine") + _CHECKED)
    return path


@pytest.fixture(autouse=True)
def _clear(desk: Desk) -> Iterator[None]:
    """End what a test that failed has left."""
    yield
    if is_held(desk.data):
        os.kill(_host(desk), signal.SIGKILL)
    kill_app_server(desk.data)


@pytest.mark.parametrize("mode", ["agent", "direct"])
def test_a_copy_of_the_built_in_workflow_with_other_steps_survives_its_host(
    desk: Desk, mode: str
) -> None:
    script = desk.server.script = Heard()
    code = desk.base / "code"
    code.mkdir()
    config = desk.base / "config.toml"
    config.write_text(config.read_text() + "idle_timeout = 1\n")
    path = str(_copy(desk))
    assert desk.run("dag", "validate", path).code == 0
    words = ("--workspace", "code", "--request", "Build it. [run one]", "--mode", mode)
    run = desk.run("dag", "run", path, *words, "--detach").out.strip()
    until((code / "up").exists, "the Builder's codex works")
    os.kill(_host(desk), signal.SIGKILL)
    until(lambda: not is_held(desk.data), "its host is dead")

    with PtyProgram("foredeck.app.cli.main") as program:
        program.read_until("Builder")
        (code / "go").touch()
        program.read_until("Is it right? The check said success.", 60)
        program.send("a")
        program.read_until("y Approve")
        program.send("y")
        outputs = {name: desk.data / "output" / run / f"{name}.1.log" for name in ("docs", "notes")}
        until(
            lambda: all(lines_of(path, name) for name, path in outputs.items()),
            "both codex turns are at work",
        )
        (code / "both").touch()
        program.read_until("✓ Build it.", 60)
        program.send("q")
        assert program.wait() == 0

    shown = desk.run("dag", "status", run, "--format", "json").answer
    assert shown["state"] == "success"
    again = {"builder#2": "success", "check#2": "success"}
    once = dict.fromkeys(("planner", "builder", "look", "docs", "notes", "qa_qc"), "success")
    states = {step["key"]: step["state"] for step in shown["steps"]}
    assert states == {**once, "check": "failed", "prod_ready": "success", **again}
    assert [len(step["attempts"]) for step in shown["steps"]] == [1] * len(states)
    assert (code / "effects").read_text().split() == ["builder", "checked"] * 2
    mended = [text for text in script.prompts if "nothing is mended" in text]
    assert mended or mode == "agent"  # there the agent hears it, and tells codex what to do
    until(lambda: not processes_of(desk.base), "nothing of it is left")
