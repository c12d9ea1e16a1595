"""A backup taken in the middle of a codex turn: the copy runs nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from foredeck.services.backup import restoring
from foredeck.services.domain.records import Mode
from foredeck.services.domain.states import FINAL_JOBS, JobState, RunState, StepState
from foredeck.services.host.backup_requests import CreateBackup
from foredeck.services.host.commands import ResumeRun
from foredeck.services.host.queries import VerifyAudit
from tests.support.crew_script import CrewScript, commands
from tests.support.house import House, until
from tests.support.once import counting, lines_of

pytestmark = pytest.mark.codex


@pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])
async def test_a_turn_at_work_is_lost_to_the_copy_and_goes_on_where_it_is(
    house: House, script: CrewScript, tmp_path: Path, mode: Mode
) -> None:
    script.crew("one").codex["builder"] = commands(counting("builder", "go"))
    target, copy = tmp_path / "backup.tar.gz", tmp_path / "copy"
    async with house.open() as home:
        row = await home.begin("one", mode)
        output = await home.output(row.id, "builder")
        await until(lambda: bool(lines_of(output, "builder")), "the command of the builder")
        view = await home.host.do(CreateBackup(str(target)))
        workspace = Path((await home.detail(row.id)).workspace)

        done = await restoring.restore(target, copy, lambda _: None, force=False)
        assert (done.runs, done.steps) == ((row.id,), 1)
        async with house.open(data_dir=copy) as other:
            detail = await other.detail(row.id)
            states = {step.key: step.state for step in detail.steps}
            assert detail.run.state is RunState.WAITING
            assert detail.paused_at is not None
            assert (states["planner"], states["builder"]) == (StepState.SUCCESS, StepState.WAITING)
            jobs = [job for job in await other.jobs(row.id) if job.name.startswith("builder")]
            assert [job.state for job in jobs] == [JobState.LOST]
            assert all(job.state in FINAL_JOBS for job in await other.jobs(row.id))
            step = next(step for step in detail.steps if step.key == "builder")
            assert "when the backup was taken" in step.reason
            assert lines_of(copy / "output" / row.id / "builder.1.log", "builder")
            verdict = await other.host.ask(VerifyAudit())
            assert (verdict.broken, verdict.rows > view.audit_rows) == (None, True)
        # Nothing was begun by the copy, and nothing of the original was ended.
        assert (workspace / "effects").read_text() == "builder\n"
        (workspace / "go").touch()
        detail = await home.rest(row.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert (workspace / "effects").read_text() == "builder\n"
    script.crew("one").codex["builder"] = commands("echo again > again.txt")
    async with house.open(data_dir=copy) as other:
        await other.host.do(ResumeRun(row.id))
        detail = await other.rest(row.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert [step.attempt for step in detail.steps][1] == 2
        assert (workspace / "again.txt").exists()
