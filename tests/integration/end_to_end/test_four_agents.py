"""The demo's request through all four agents: real program, real tests, everything stored."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foredeck.services.domain.records import Mode, Role, TokenUsage
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import HistoryEntry
from foredeck.services.host.commands import CreateRun
from foredeck.services.host.queries import GetHistory, GetTranscript
from foredeck.services.rehearsal.fairshare import PLAN, REQUEST
from foredeck.services.rehearsal.model_server import ModelRequest, ModelServer
from foredeck.services.rehearsal.response import build
from foredeck.services.rehearsal.scenario import DemoScript
from tests.support.house import House, OpenHouse
from tests.support.process_table import mentioning
from tests.support.segments import texts

pytestmark = pytest.mark.codex

STAGES = ["planner", "builder", "qa_qc", "prod_ready"]


@pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])
async def test_a_request_becomes_tested_software(
    house: House, model: ModelServer, mode: Mode
) -> None:
    model.script = DemoScript()
    async with house.open() as home:
        project = await home.project("fairshare")
        workspace = Path(project.workspace)
        row = await home.host.do(CreateRun(project.id, REQUEST, mode=mode))
        detail = await home.rest(row.id)

        assert detail.run.state is RunState.SUCCESS, detail.error
        assert [step.key for step in detail.steps] == STAGES
        assert all(step.state is StepState.SUCCESS for step in detail.steps)
        verdict = detail.steps[-1].verdict
        assert verdict is not None
        assert verdict.approved
        _hold_the_program(workspace, verdict.tests_passed)
        await _hold_the_transcript(home, row.id, workspace, mode)
        await _hold_the_tokens(home, row.id, model)
        await _hold_the_changes(home, row.id, mode)
        _hold_the_history(await home.host.ask(GetHistory(row.id)))
        tests_ran = [
            text
            for step in detail.steps
            for text in texts(Path(step.output_path or ""), SegmentKind.OUTPUT)
            if "test_every_cent" in text or "Ran " in text
        ]
        assert any("FAILED (failures=" in text for text in tests_ran)
        assert any("\nOK\n" in text for text in tests_ran)
        assert mentioning(str(workspace)) == []
        assert all(mentioning(job.id) == [] for job in await home.jobs(row.id))


def _hold_the_program(workspace: Path, passed: int) -> None:
    """The test runs what was built itself."""
    assert (workspace / "AGENTS.md").read_text() == PLAN
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "-v"], cwd=workspace, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert f"Ran {passed} tests" in done.stderr
    program = subprocess.run(
        [sys.executable, "fairshare.py", "trip.txt"], cwd=workspace, capture_output=True, text=True
    )
    assert program.returncode == 0
    assert "To settle up:" in program.stdout


async def _hold_the_transcript(home: OpenHouse, run_id: str, workspace: Path, mode: Mode) -> None:
    entries = await home.host.ask(GetTranscript(run_id))
    assert {entry.step_key for entry in entries} == set(STAGES)
    assert all(entry.complete for entry in entries)
    kept = [e.content for e in entries if e.role is Role.SYSTEM and e.step_key == "planner"]
    assert any((workspace / "AGENTS.md").read_text().strip() in content for content in kept)
    if mode is Mode.DIRECT:
        return
    tools = [entry for entry in entries if entry.role is Role.TOOL]
    assert {"save_agents_md", "run_codex", "handoff", "list_files"} <= {e.tool for e in tools}
    assert all(e.arguments and e.content and e.duration is not None for e in tools)


async def _hold_the_tokens(home: OpenHouse, run_id: str, model: ModelServer) -> None:
    """What the model counted for each of its answers is stored, once each.

    Codex reports totals of a thread that several jobs work in.
    """
    spent = sum((_counted(request) for request in model.requests), TokenUsage())
    detail = await home.detail(run_id)
    jobs = await home.jobs(run_id)
    assert detail.run.usage == spent
    assert sum((step.usage for step in detail.steps), TokenUsage()) == spent
    assert all(job.usage.total > 0 for job in jobs)
    assert all(step.usage.total > 0 for step in detail.steps)
    assert {job.model for job in jobs} == {"gpt-5.5"}
    by_model = await home.services.store.queries.usage_by_model(run_id)
    assert by_model == (("gpt-5.5", spent),), "agents and codex work with the same model here"


def _counted(request: ModelRequest) -> TokenUsage:
    """Return the tokens of the answer to a request, which is the same each time."""
    usage = build(request, DemoScript().reply(request))[0]["usage"]
    return TokenUsage(
        usage["input_tokens"],
        usage["input_tokens_details"]["cached_tokens"],
        usage["output_tokens"],
        usage["output_tokens_details"]["reasoning_tokens"],
    )


async def _hold_the_changes(home: OpenHouse, run_id: str, mode: Mode) -> None:
    changed = [change.path for job in await home.jobs(run_id) for change in job.files_changed]
    program = {"ledger.py", "settle.py", "fairshare.py", "trip.txt", "test_acceptance.py"}
    assert program <= set(changed)
    assert ("AGENTS.md" in changed) == (mode is Mode.DIRECT)
    assert not [path for path in changed if "__pycache__" in path]


def _hold_the_history(entries: tuple[HistoryEntry, ...]) -> None:
    """Every subject's transitions are a chain from its creation to its end."""
    chains: dict[str, list[HistoryEntry]] = {}
    for entry in entries:
        chains.setdefault(entry.subject, []).append(entry)
    assert {"run", *STAGES} <= set(chains)
    for subject in ("run", *STAGES):
        chain = chains[subject]
        assert [entry.new for entry in chain[:-1]] == [entry.old for entry in chain[1:]]
        assert chain[0].old == ""
        assert chain[-1].new == "success"
