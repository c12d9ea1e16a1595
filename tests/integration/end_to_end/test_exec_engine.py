"""The four agents with `codex exec` as the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from foredeck.services.domain.records import CodexEngine, Mode
from foredeck.services.domain.states import JobState, RunState
from foredeck.services.host.commands import CancelRun
from tests.support.crew_script import CrewScript, commands
from tests.support.house import House, until
from tests.support.process_table import mentioning

pytestmark = pytest.mark.codex


@pytest.mark.parametrize("mode", [Mode.DIRECT, Mode.AGENT])
async def test_a_whole_run(house: House, script: CrewScript, mode: Mode) -> None:
    script.crew("whole").codex["builder"] = commands("echo built > built.txt; echo told")
    async with house.open(codex_engine=CodexEngine.EXEC) as home:
        run = await home.begin("whole", mode)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert (Path(detail.workspace) / "built.txt").read_text() == "built\n"
        assert detail.steps[-1].verdict is not None
        jobs = await home.jobs(run.id)
        assert {job.state for job in jobs} == {JobState.COMPLETED}
        assert all(job.thread_id and job.usage.total and job.model for job in jobs)
        output = await home.output(run.id, "builder")
        assert b"\ntold\n" in output.read_bytes()
        assert not (house.settings.data_dir / "codex/app-server-runs").exists()


async def test_a_cancelled_run_leaves_nothing(house: House, script: CrewScript) -> None:
    script.crew("stuck").codex["planner"] = commands("setsid sleep 300 & touch up; sleep 300")
    async with house.open(codex_engine=CodexEngine.EXEC) as home:
        run = await home.begin("stuck", Mode.DIRECT)
        workspace = Path((await home.detail(run.id)).workspace)
        await until((workspace / "up").exists, "the command runs")
        await home.host.do(CancelRun(run.id))
        (job,) = await home.jobs(run.id)
        assert job.state is JobState.CANCELLED
        assert mentioning(job.id, str(workspace)) == []
