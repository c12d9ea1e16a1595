"""Plays the demo's story without the orchestrator: the real codex, a plain tool loop."""

import json
import os
import subprocess
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codex_cli_bin import bundled_codex_path

from foredeck.services.agents.declaration import AgentSpec
from foredeck.services.agents.verdict import SUMMARY_SCHEMA, VERDICT_SCHEMA
from foredeck.services.rehearsal.fairshare import REQUEST
from foredeck.services.rehearsal.model_server import ModelServer, write_codex_config


@dataclass
class Stage:
    """What an agent's stage did: its tool calls with their answers, and its last words."""

    calls: list[tuple[str, dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def codex_messages(self) -> list[str]:
        return [answer["output"] for name, _, answer in self.calls if name == "run_codex"]

    @property
    def summary(self) -> str:
        return next(
            (str(given["summary"]) for name, given, _ in self.calls if name == "handoff"), ""
        )


class Rehearsal:
    """One workspace and one codex home that ask one model server."""

    def __init__(self, server: ModelServer, base: Path) -> None:
        self.server = server
        self.workspace = base / "workspace"
        self.codex_home = base / "codex-home"
        self.workspace.mkdir()
        write_codex_config(self.codex_home, server.base_url)

    def codex(self, prompt: str, schema: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run one codex turn; return its events."""
        command = [str(bundled_codex_path()), "exec", "--json", "--skip-git-repo-check"]
        command += ["-C", str(self.workspace), "-s", "workspace-write"]
        if schema:
            path = self.codex_home / "schema.json"
            path.write_text(json.dumps(schema))
            command += ["--output-schema", str(path)]
        done = subprocess.run(
            [*command, "-"],
            input=prompt,
            text=True,
            capture_output=True,
            timeout=120,
            env={**os.environ, "CODEX_HOME": str(self.codex_home)},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def direct(self, spec: AgentSpec, request: str = REQUEST) -> dict[str, Any]:
        """Play a stage in direct mode; return its last message."""
        prompt = spec.codex_prompt_template.replace("{context}", f"# Request\n{request}")
        schema = VERDICT_SCHEMA if spec.judges else SUMMARY_SCHEMA
        answer: dict[str, Any] = json.loads(last_message(self.codex(prompt, schema)))
        return answer

    def agent(self, spec: AgentSpec, request: str = REQUEST) -> Stage:
        """Play a stage in agent mode: a plain loop carries the tool calls out."""
        stage = Stage()
        items: list[dict[str, Any]] = [{"role": "user", "content": f"# Request\n{request}"}]
        while True:
            output = self._ask(spec, items)
            items += output
            stage.said += [
                item["content"][0]["text"] for item in output if item["type"] == "message"
            ]
            call = next((item for item in output if item["type"] == "function_call"), None)
            if call is None:
                return stage
            given = json.loads(call["arguments"])
            answer = self._tool(call["name"], given)
            stage.calls.append((call["name"], given, answer))
            items.append(
                {
                    "type": "function_call_output",
                    "call_id": call["call_id"],
                    "output": json.dumps(answer),
                }
            )
            if call["name"] == "handoff":
                return stage

    def _ask(self, spec: AgentSpec, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        body = {"model": "gpt-5.5", "instructions": spec.instructions, "input": items}
        request = urllib.request.Request(
            f"{self.server.base_url}/responses",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            output: list[dict[str, Any]] = json.load(answer)["output"]
        return output

    def _tool(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        if name == "run_codex":
            return {"success": True, "output": last_message(self.codex(given["prompt"]))}
        if name == "save_agents_md":
            (self.workspace / "AGENTS.md").write_text(given["content"])
        return {"success": True}


def last_message(events: list[dict[str, Any]]) -> str:
    """Return the last message of a codex turn."""
    messages = [
        event["item"]["text"]
        for event in events
        if event["type"] == "item.completed" and event["item"]["type"] == "agent_message"
    ]
    return str(messages[-1])
