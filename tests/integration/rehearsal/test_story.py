"""The demo's story, played by the real codex: what is said must be what happened."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from foredeck.services.agents.registry import AGENTS
from foredeck.services.rehearsal import crew, fairshare
from foredeck.services.rehearsal.codex_turns import TURNS
from foredeck.services.rehearsal.crew import CHECK_PROMPT, RELEASE_PROMPT
from foredeck.services.rehearsal.model_server import ModelServer
from foredeck.services.rehearsal.scenario import NO_OTHER_STORY, DemoScript
from tests.support.rehearsal import Rehearsal, last_message

pytestmark = pytest.mark.codex


@pytest.fixture
def rehearsal(tmp_path: Path) -> Iterator[Rehearsal]:
    with ModelServer(DemoScript(), pace=0) as server:
        yield Rehearsal(server, tmp_path)


def run_in(workspace: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], cwd=workspace, capture_output=True, text=True, timeout=60
    )


def assert_result(workspace: Path) -> None:
    """The program works, its tests pass, and the bug was there before it was mended."""
    tests = run_in(workspace, "python3 -m unittest")
    assert tests.returncode == 0, tests.stderr
    assert "Ran 16 tests" in tests.stderr
    program = run_in(workspace, fairshare.RUN_PROGRAM)
    assert "Dev pays Ana 49.90" in program.stdout
    assert (workspace / "AGENTS.md").read_text().strip() == fairshare.PLAN.strip()
    (workspace / "settle.py").write_text(fairshare.SETTLE)
    assert "test_left_over_cents" in run_in(workspace, "python3 -m unittest").stderr


def test_agents_tell_what_really_happened(rehearsal: Rehearsal) -> None:
    stages = {role: rehearsal.agent(spec) for role, spec in AGENTS.items()}
    assert len(stages["builder"].codex_messages()) == 3
    assert "10 passed, 0 failed" in stages["builder"].summary
    first, mended, last = stages["qa_qc"].codex_messages()
    assert "14 passed, 1 failed" in first
    assert "test_ac1_no_cent_is_lost" in first
    assert "Mended" in mended
    assert "16 passed, 0 failed" in last
    assert "16 passed" in stages["qa_qc"].summary
    verdict = json.loads(stages["prod_ready"].said[-1])
    assert verdict["verdict"] == "APPROVED"
    assert verdict["tests"] == {"passed": 16, "failed": 0, "skipped": 0}
    assert_result(rehearsal.workspace)


def test_direct_mode_tells_the_same_story(rehearsal: Rehearsal) -> None:
    answers = {role: rehearsal.direct(spec) for role, spec in AGENTS.items()}
    assert "1 failed" in answers["qa_qc"]["summary"]
    assert answers["prod_ready"]["verdict"] == "APPROVED"
    assert_result(rehearsal.workspace)


def test_no_failure_is_claimed_when_none_appeared(rehearsal: Rehearsal) -> None:
    rehearsal.agent(AGENTS["builder"])
    rehearsal.codex(crew.MEND_PROMPT)
    stage = rehearsal.agent(AGENTS["qa_qc"])
    assert len(stage.codex_messages()) == 1
    assert "16 passed, 0 failed" in stage.summary
    assert "Issues: none" in stage.summary


def test_a_repeated_stage_keeps_what_is_mended(rehearsal: Rehearsal) -> None:
    for role in ("planner", "builder", "qa_qc", "builder", "qa_qc"):
        stage = rehearsal.agent(AGENTS[role])
    assert "16 passed, 0 failed" in stage.summary
    assert_result(rehearsal.workspace)


def test_a_broken_program_is_not_approved(rehearsal: Rehearsal) -> None:
    for role in ("planner", "builder"):
        rehearsal.agent(AGENTS[role])
    rehearsal.codex(CHECK_PROMPT)
    verdict = rehearsal.direct(AGENTS["prod_ready"])
    assert verdict["verdict"] == "NEEDS_WORK"
    assert verdict["tests"]["failed"] == 1
    assert any("test_ac1_no_cent_is_lost" in item for item in verdict["items"])


def test_tests_that_cannot_run_are_said_so(rehearsal: Rehearsal) -> None:
    message = last_message(rehearsal.codex(RELEASE_PROMPT))
    assert "0 tests ran" in message or "did not run" in message
    assert rehearsal.direct(AGENTS["prod_ready"])["verdict"] == "NEEDS_WORK"


def test_another_request_gets_a_friendly_answer(rehearsal: Rehearsal) -> None:
    other = "Write a web shop."
    assert last_message(rehearsal.codex(other)) == NO_OTHER_STORY
    for spec in AGENTS.values():
        assert NO_OTHER_STORY in json.dumps(rehearsal.direct(spec, other))
        stage = rehearsal.agent(spec, other)
        assert NO_OTHER_STORY in "\n".join(stage.said)
        assert not stage.codex_messages()


def test_every_prompt_of_the_agents_has_a_turn() -> None:
    prompts = [*crew.BUILD_PROMPTS, CHECK_PROMPT, crew.MEND_PROMPT, crew.AGAIN_PROMPT]
    titles = [prompt.splitlines()[0] for prompt in (*prompts, RELEASE_PROMPT)]
    assert titles == list(TURNS)
