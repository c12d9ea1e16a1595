"""A run is driven through its whole life while its host is killed again and again."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from foredeck.services.domain.records import Mode
from foredeck.services.domain.states import JobState, RunState
from foredeck.services.host.queries import GetTranscript, ListRuns
from tests.support.crew_script import CrewScript, commands
from tests.support.house import PATIENCE, House, OpenHouse
from tests.support.process_table import mentioning

pytestmark = pytest.mark.codex

ROLES = ("planner", "builder", "qa_qc", "prod_ready")
LINES = 120
# In the order of a stage's life, so that each kill is close behind the one before.
POINTS = (
    "after RunSaved+created",
    "before StepSaved/running",
    "after StepSaved/running",
    "before JobSaved+queued",
    "after JobSaved+queued",
    "before JobSaved/in_progress",
    "after JobSaved/in_progress",
    "before thread/start",
    "sent thread/start",
    "after thread/start",
    "after JobSaved+in_progress",
    "before turn/start",
    "sent turn/start",
    "after turn/start",
    "before JobSaved/completed",
    "after JobSaved/completed",
    "before MessageSaved",
    "after MessageSaved",
    "before StepSaved/success",
    "after StepSaved/success",
    "before RunSaved/success",
)


def work(role: str) -> str:
    """Return a command that leaves one line in a file and prints many."""
    return (
        f"echo {role} >> effects; "
        f"for i in $(seq 1 {LINES}); do echo {role}-$i-end; sleep 0.005; done"
    )


@pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])
async def test_killed_at_every_named_point_each_turn_happens_once(
    house: House, script: CrewScript, mode: Mode
) -> None:
    crew = script.crew("one")
    crew.codex.update({role: commands(work(role)) for role in ROLES})
    reached = [point for point in POINTS if await _killed(house, mode, point)]
    assert await _killed(house, mode, None) is False
    assert set(POINTS) - set(reached) <= {"before MessageSaved"}, "points that were never reached"
    await _hold_the_whole_run(house, mode)


async def _hold_the_whole_run(house: House, mode: Mode) -> None:
    async with house.open() as home:
        (row,) = (await home.host.ask(ListRuns())).items
        detail = await home.rest(row.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert [step.attempt for step in detail.steps] == [1, 1, 1, 1]
        effects = (Path(detail.workspace) / "effects").read_text().split()
        assert effects == list(ROLES)
        jobs = await home.jobs(row.id)
        assert [job.state for job in jobs] == [JobState.COMPLETED] * 4
        assert all(entry.complete for entry in await home.host.ask(GetTranscript(row.id)))
        for role in ROLES:
            await _hold_output(home, row.id, role)
        assert mentioning(detail.workspace, *(job.id for job in jobs)) == []


async def _hold_output(home: OpenHouse, run_id: str, role: str) -> None:
    text = (await home.output(run_id, role)).read_text()
    lines = [line for line in text.splitlines() if line.startswith(f"{role}-")]
    assert lines == [f"{role}-{number}-end" for number in range(1, LINES + 1)], text


async def _killed(house: House, mode: Mode, point: str | None) -> bool:
    """Host the run until it rests or the point is reached; return whether it was."""
    arguments = [str(house.base), str(house.settings.base_url), mode.value]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.kill_program", *arguments),
        *([point] if point else []),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    async with asyncio.timeout(PATIENCE):
        said, _ = await process.communicate()
    if process.returncode == -signal.SIGKILL:
        return True
    assert process.returncode == 0
    assert said.split()[-1] == b"success", said
    return False
