"""The whole house for tasks: real codex and SQLite; the model answers as the test says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from foredeck.services.rehearsal.exchange import Action, Call, ModelRequest, Say
from foredeck.services.rehearsal.model_server import ModelServer
from tests.support.house import House


class Answers:
    """Runs one command in each turn of codex, and of an agent; answers it with `answer`."""

    def __init__(self) -> None:
        self.command = "pwd"
        self.answer = "Done."
        self.agent_command = ""
        self.requests: list[ModelRequest] = []

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        self.requests.append(request)
        if not request.from_codex:
            return self._agent(request)
        if request.turn_outputs or not self.command:
            return [Say(self.answer)]
        return [Call("exec_command", {"cmd": self.command})]

    def _agent(self, request: ModelRequest) -> Sequence[Action]:
        if request.tool_outputs:
            return [Say(self.answer)]
        return [Call("execute_cli_task", {"name": "try", "command": self.agent_command})]


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def house(tmp_path: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for name in ("CODEX_HOME", "CODEX_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with ModelServer(answers, pace=0) as server:
        yield House(tmp_path, server.base_url)
