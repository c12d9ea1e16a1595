"""Plays: replayed from the outputs in a request, truthful about them."""

from collections.abc import Callable
from typing import Any

import pytest

from foredeck.services.agents.registry import AGENTS
from foredeck.services.agents.verdict import parse_verdict
from foredeck.services.rehearsal.exchange import Action, Call, ModelRequest, Say
from foredeck.services.rehearsal.fairshare import REQUEST, added
from foredeck.services.rehearsal.plays import LATENCY, Play, StuckError, Tests, replay, run_well
from foredeck.services.rehearsal.scenario import DemoScript, tells_story
from foredeck.services.rehearsal.verdicts import judge, unproven

GREEN = "test_a (t.T.test_a) ... ok\n\nRan 3 tests in 0.1s\n\nOK (skipped=1)\n"
RED = (
    "FAIL: test_a (t.T.test_a)\nERROR: test_b (t.T.test_b)\n"
    "Ran 12 tests in 0.1s\n\nFAILED (failures=1, errors=1)\n"
)
REPORT = """- Tests: 16 tests ran: 16 passed, 0 failed, 0 skipped.
- Program: exit code 0; credits 135.16 and payments 135.16 match.
- Bad line: exit code 2; fairshare: line 1: 'ten' is not an amount
- Imports: sys, unittest."""


def ran(output: str, code: int) -> str:
    return f"Wall time: 0.1 seconds\nProcess exited with code {code}\nOutput:\n{output}"


def said(actions: Any) -> str:
    return "".join(action.text for action in actions if isinstance(action, Say))


def called(actions: Any) -> Action:
    action: Action = actions[-1]
    return action


def test_results_of_unittest_are_read_and_quoted() -> None:
    green, red = Tests.read(GREEN), Tests.read(RED)
    assert green == Tests(3, 0, 1)
    assert red == Tests(12, 2, 0, ("test_a", "test_b"))
    assert red.passed == 10
    assert green.green
    assert not red.green
    assert Tests.read("bash: python3: command not found") is None
    for tests in (green, red):
        assert Tests.quoted(f"Done. {tests.sentence()}.") == tests


def test_no_tests_at_all_are_not_green() -> None:
    tests = Tests.read("Ran 0 tests in 0.0s\n\nNO TESTS RAN")
    assert tests is not None
    assert not tests.green


def listing() -> Play:
    first = yield from run_well("ls", Say("Look."))
    second = yield from run_well("pwd")
    return f"{first}{second}"


def test_replay_answers_the_step_that_the_outputs_reached() -> None:
    assert replay(listing(), [])[:2] == [LATENCY, Say("Look.")]
    second = called(replay(listing(), [ran("a\n", 0)]))
    assert isinstance(second, Call)
    assert second.arguments["cmd"] == "pwd"
    assert said(replay(listing(), [ran("a\n", 0), ran("/w", 0)])) == "a\n/w"
    assert said(replay(listing(), [ran("a\n", 0), ran("/w", 0), "more"])) == "a\n/w"


def test_a_command_that_fails_is_said_to_have_failed() -> None:
    words = said(replay(listing(), [ran("bash: ls: command not found", 127)]))
    assert words.startswith("Not done: `ls` ended with exit code 127")


def test_a_slow_command_is_waited_for() -> None:
    running = "Process running with session ID 7\nOutput:\na\n"
    wait = called(replay(listing(), [running]))
    assert isinstance(wait, Call)
    assert (wait.name, wait.arguments["session_id"]) == ("write_stdin", 7)
    done = replay(listing(), [running, ran("b\n", 0), ran("/w", 0)])
    assert said(done) == "a\nb\n/w"


def test_stuck_is_an_ordinary_error_outside_of_a_replay() -> None:
    play = listing()
    next(play)
    with pytest.raises(StuckError):
        play.send(ran("", 1))


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        (REQUEST, True),
        (f"# Request\n{REQUEST}\n\n# Project\nx", True),
        ("# Request\nA web shop\n\n# Project\nfairshare", False),
        ("A web shop", False),
    ],
)
def test_the_request_decides_whose_story_it_is(text: str, ours: bool) -> None:
    assert tells_story(text) is ours


@pytest.mark.parametrize(
    ("role", "tool"),
    [
        ("planner", "list_files"),
        ("builder", "get_agents_md"),
        ("qa_qc", "get_agents_md"),
        ("prod_ready", "get_agents_md"),
    ],
)
def test_each_agent_is_recognised_and_uses_its_own_tools(role: str, tool: str) -> None:
    spec = AGENTS[role]
    body = {"instructions": spec.instructions, "input": f"# Request\n{REQUEST}"}
    call = called(DemoScript().reply(ModelRequest(body)))
    assert isinstance(call, Call)
    assert call.name == tool
    assert call.name in spec.allowed_tools


def test_codex_failing_twice_is_said_so() -> None:
    answer = '{"success": false, "error": "no network"}'
    items = [{"role": "user", "content": REQUEST}]
    for number, output in enumerate(['{"success": true}', '{"success": true}', answer, answer]):
        call = {"type": "function_call", "call_id": str(number), "name": "x", "arguments": ""}
        result = {"type": "function_call_output", "call_id": str(number), "output": output}
        items += [call, result]
    body = {"instructions": AGENTS["builder"].instructions, "input": items}
    assert said(DemoScript().reply(ModelRequest(body))) == (
        "Not done: codex failed twice: no network"
    )


def replaced(old: str, new: str) -> Callable[[], str]:
    return lambda: REPORT.replace(old, new)


@pytest.mark.parametrize(
    ("report", "fails"),
    [
        (replaced("16 passed, 0 failed", "15 passed, 1 failed"), "FR-2"),
        (replaced("match", "DIFFER"), "FR-3"),
        (replaced("Program: exit code 0", "Program: exit code 1"), "FR-1"),
        (replaced("Bad line: exit code 2", "Bad line: exit code 1"), "FR-4"),
        (lambda: "", "FR-1"),
    ],
)
def test_the_verdict_follows_the_evidence(report: Callable[[], str], fails: str) -> None:
    verdict = parse_verdict(judge(report()))
    assert not verdict.approved
    assert fails in {r.id for r in verdict.requirements if r.status == "fail"}
    assert verdict.items


def test_good_evidence_is_approved_and_foreign_imports_are_found() -> None:
    assert parse_verdict(judge(REPORT)).approved
    foreign = parse_verdict(judge(REPORT.replace("sys, ", "sys, requests, ")))
    assert foreign.security == ("Imports from outside the standard library: requests",)
    assert not parse_verdict(unproven("nothing ran")).approved


def test_added_files_become_one_patch() -> None:
    patch = added(test_a_py="x = 1\n\ny = 2\n", AGENTS_md="# A\n")
    assert patch == (
        "*** Begin Patch\n*** Add File: test_a.py\n+x = 1\n+\n+y = 2\n"
        "*** Add File: AGENTS.md\n+# A\n*** End Patch\n"
    )
