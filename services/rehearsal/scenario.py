"""The rehearsal's script: recognises who asks, and lets that role's play answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from foredeck.services.rehearsal.codex_turns import (
    CAUSE,
    build_ledger,
    build_settlement,
    build_tests,
    check_acceptance,
    check_again,
    fix_cents,
    plan,
    release_check,
    turn_of,
)
from foredeck.services.rehearsal.crew import builder, planner, prod_ready, qa_qc
from foredeck.services.rehearsal.exchange import Action, Call, ModelRequest, Say
from foredeck.services.rehearsal.plays import Play, StuckError, Tests, replay
from foredeck.services.rehearsal.verdicts import judge, unproven

STORY = "fairshare"
ROLE = re.compile(r"You are (?:the )?(Planner|Builder|QA/QC|Production Readiness)\b")
NO_OTHER_STORY = (
    "This is a rehearsal: no real model is connected, and the scripted one knows a single "
    "story, the trip-cost program of `foredeck demo`. Nothing was done for this request. "
    "Start Foredeck with an API key or a codex login to have it worked on."
)

CREW: dict[str, Callable[[], Play]] = {
    "Planner": planner,
    "Builder": builder,
    "QA/QC": qa_qc,
    "Production Readiness": prod_ready,
}


class DemoScript:
    """Plays the demo's story for agents and codex; every other request is told so.

    It keeps no state: which play it is follows from instructions and prompt, which step
    from the tool outputs in the request.
    """

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        """Return the answer to one request."""
        if request.from_codex:
            return replay(codex_play(request.prompt), request.turn_outputs)
        return replay(agent_play(request), request.tool_outputs)


def agent_play(request: ModelRequest) -> Play:
    """Return the play of the agent that asks."""
    role = ROLE.search(request.instructions)
    told = "\n".join(request.user_texts)
    if role is None or not tells_story(told):
        return _apology(role[1] if role else "", agent=True)
    if role[1] == "Production Readiness":
        return _judged(CREW[role[1]]())
    return CREW[role[1]]()


def codex_play(prompt: str) -> Play:
    """Return the play of a codex turn: one of an agent's prompts, or a whole stage."""
    turn = turn_of(prompt)
    role = ROLE.search(prompt)
    if role is not None and tells_story(prompt):
        return _judged(_stage(role[1])) if role[1] == "Production Readiness" else _stage(role[1])
    if turn is not None and role is None:
        return turn()
    return _apology(role[1] if role else "")


def tells_story(told: str) -> bool:
    """Whether the request in this text (its section "Request", if it has one) is the demo's."""
    section = re.search(r"^# Request\n(.*?)(?=^# |\Z)", told, re.MULTILINE | re.DOTALL)
    return STORY in (section[1] if section else told).lower()


def _stage(role: str) -> Play:
    """A stage in direct mode: its turns in one go, the summary as JSON at the end."""
    if role == "Production Readiness":
        return judge((yield from release_check()))
    try:
        summary = yield from _DIRECT[role]()
    except StuckError as stuck:
        summary = f"Not done: {stuck}"
    return json.dumps({"summary": summary})


def _build() -> Play:
    ledger = yield from build_ledger()
    settlement = yield from build_settlement()
    tests = yield from build_tests()
    requirements = (f"FR-{number}: as planned" for number in range(1, 5))
    return "\n".join([ledger, settlement, tests, *requirements])


def _check() -> Play:
    found = yield from check_acceptance()
    tests = Tests.quoted(found)
    if tests is None or tests.green:
        return f"{found}\nIssues: none"
    if CAUSE not in found:
        return f"Issues: OPEN: {found}"
    mended = yield from fix_cents()
    again = yield from check_again()
    return f"Found: {found}\nIssues: {mended}\nTests: {again}"


_DIRECT: dict[str, Callable[[], Play]] = {"Planner": plan, "Builder": _build, "QA/QC": _check}


def _judged(play: Play) -> Play:
    """A play that ends with a verdict, also when it gets stuck."""
    try:
        return (yield from play)
    except StuckError as stuck:
        return unproven(f"There is no evidence: {stuck}")


def _apology(role: str, *, agent: bool = False) -> Play:
    """The answer to any other request, in the form that the stage needs."""
    if role == "Planner" and agent:
        yield [Say(NO_OTHER_STORY), Call("save_agents_md", {"content": NO_OTHER_STORY})]
        yield [Call("handoff", {"summary": NO_OTHER_STORY, "next_agent": "builder"})]
    if role == "Production Readiness":
        return unproven(NO_OTHER_STORY)
    return json.dumps({"summary": NO_OTHER_STORY}) if role and not agent else NO_OTHER_STORY
