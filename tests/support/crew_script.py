"""A scripted crew for end-to-end tests: each run's stages do what its test says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from foredeck.services.rehearsal.exchange import Action, Call, CustomCall, ModelRequest, Say
from foredeck.services.rehearsal.plays import Play, replay, run
from foredeck.services.rehearsal.scenario import ROLE

PLAN = "# Overview\nA plan of a few words.\n"
ROLES = {
    "Planner": "planner",
    "Builder": "builder",
    "QA/QC": "qa_qc",
    "Production Readiness": "prod_ready",
}
APPROVED = json.dumps(
    {
        "requirements": [{"id": "FR-1", "status": "pass", "evidence": "it runs"}],
        "tests": {"passed": 1, "failed": 0, "skipped": 0},
        "security": [],
        "blocking": [],
        "recommendations": [],
        "deployment_checklist": [],
        "verdict": "APPROVED",
        "items": [],
    }
)
_TAG = re.compile(r"\[run (\w+)\]")
_ORDER = re.compile(r"\[work of (\w+)\]")

Turn = Callable[[], Play]


def commands(*texts: str) -> Turn:
    """Return a codex turn that runs these commands, each to its end."""

    def turn() -> Play:
        for text in texts:
            yield from run(text)
        return "Done."

    return turn


def escalated(*texts: str, why: str = "it needs more than the sandbox lets it") -> Turn:
    """Return a codex turn that asks for leave to run these commands outside the sandbox."""

    def turn() -> Play:
        for text in texts:
            yield [
                Call(
                    "exec_command",
                    {
                        "cmd": text,
                        "yield_time_ms": 30_000,
                        "sandbox_permissions": "require_escalated",
                        "justification": why,
                    },
                )
            ]
        return "Done."

    return turn


def patch(text: str) -> Turn:
    """Return a codex turn that applies a patch."""

    def turn() -> Play:
        yield [CustomCall("apply_patch", text)]
        return "Done."

    return turn


@dataclass
class Crew:
    """What the stages of one run do; what is not said is over at once.

    `codex` is a stage's codex turn by role. `trouble` is what the model answers a role,
    in agent mode the agent and in direct mode codex, instead of anything else, as long as it
    is there; `codex_trouble` is what it answers codex in either mode. `words` are what an
    agent says before it hands on, and its summary; `questions` the arguments of its
    `ask_user`, whose answer it then hands on instead; `calls` are tool calls that it makes
    before it hands on.
    """

    codex: dict[str, Turn] = field(default_factory=dict)
    trouble: dict[str, Sequence[Action]] = field(default_factory=dict)
    codex_trouble: dict[str, Sequence[Action]] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    questions: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: dict[str, Turn] = field(default_factory=dict)


class CrewScript:
    """Plays the crew of whichever run asks; a request names its run as `[run NAME]`."""

    def __init__(self) -> None:
        self._crews: dict[str, Crew] = {}

    def crew(self, name: str) -> Crew:
        """Return the crew of the run whose request says `[run NAME]`."""
        return self._crews.setdefault(name, Crew())

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        """Return the answer to one request."""
        told = _TAG.search("\n".join(request.user_texts))
        assert told is not None, "a request that belongs to no run"
        crew = self.crew(told[1])
        if request.from_codex:
            return _answer_codex(crew, request)
        role = _role(request.instructions)
        if role in crew.trouble:
            return crew.trouble[role]
        return replay(_agent(crew, told[1], role), request.tool_outputs)


def _answer_codex(crew: Crew, request: ModelRequest) -> Sequence[Action]:
    ordered = _ORDER.search(request.prompt)
    role = ordered[1] if ordered else _role(request.prompt)
    trouble = crew.codex_trouble if ordered else crew.codex_trouble | crew.trouble
    if role in trouble:
        return trouble[role]
    return replay(_stage(crew, role, direct=ordered is None), request.turn_outputs)


def _role(text: str) -> str:
    found = ROLE.search(text)
    assert found is not None, "a request of no stage"
    return ROLES[found[1]]


def _stage(crew: Crew, role: str, *, direct: bool) -> Play:
    said = (yield from crew.codex[role]()) if role in crew.codex else "Nothing to do."
    if not direct:
        return said
    return APPROVED if role == "prod_ready" else json.dumps({"summary": f"{role}: {said}"})


def _agent(crew: Crew, tag: str, role: str) -> Play:
    if role == "planner":
        yield [Call("save_agents_md", {"content": PLAN})]
    if role in crew.codex:
        order = f"[run {tag}] [work of {role}] Do it."
        yield [Call("run_codex", {"prompt": order, "wait": True})]
    if role in crew.calls:
        yield from crew.calls[role]()
    if role == "prod_ready":
        return APPROVED
    following = [*ROLES.values()][[*ROLES.values()].index(role) + 1]
    words = crew.words.get(role, f"{role} is done")
    if role in crew.questions:
        words = yield [Call("ask_user", crew.questions[role])]
    yield [Say(words), Call("handoff", {"summary": words, "next_agent": following})]
    return ""
